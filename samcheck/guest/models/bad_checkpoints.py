"""Checkpoint files that must not be loaded, each made from the small model's parameters."""

from __future__ import annotations

import argparse
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import numpy as np
import torch

State = Dict[str, torch.Tensor]
#: Options of `torch.save` for the format before PyTorch 1.6.
LEGACY: Dict[str, Any] = {"_use_new_zipfile_serialization": False}


def flipped(content: bytes) -> bytes:
    """Flip one bit in the middle of the file, which is in the middle of a tensor."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x40]) + content[middle + 1 :]


def other_variant(state: State) -> State:
    """Create names and shapes of `vit_b`'s image encoder, 12 blocks 768 wide; the values take no memory."""
    width = state["image_encoder.pos_embed"].shape[-1]
    wide: State = {}
    for name, value in state.items():
        shape = [size * 768 // width if size % width == 0 else size for size in value.shape]
        for block in range(12) if ".blocks.0." in name else (0,):
            wide[name.replace(".blocks.0.", ".blocks.{}.".format(block))] = torch.zeros(1).expand(shape)
    return wide


HQ_HEAD = "mask_decoder.hf_token.weight"
IOU_HEAD = "mask_decoder.iou_token.weight"


def without(state: State, name: str) -> State:
    return {key: value for key, value in state.items() if key != name}


Maker = Callable[[Path, Path, State], Any]


def content(change: Callable[[bytes], bytes]) -> Maker:
    return lambda path, good, state: path.write_bytes(change(good.read_bytes()))


def exactly(written: bytes) -> Maker:
    return lambda path, good, state: path.write_bytes(written)


def saved(make: Callable[[State], Any]) -> Maker:
    return lambda path, good, state: torch.save(make(state), path)


def _torchscript(path: Path, good: Path, state: State) -> None:
    torch.jit.save(torch.jit.trace(torch.nn.Identity(), torch.zeros(1)), str(path))


def _legacy_without_end(path: Path, good: Path, state: State) -> None:
    torch.save(state, path, **LEGACY)
    path.write_bytes(path.read_bytes()[:-2000])


#: The kind of file, the code of its refusal, and how to make it.
BAD: Dict[str, Tuple[str, Maker]] = {
    "no-file": ("missing", lambda path, good, state: None),
    "folder": ("unreadable", lambda path, good, state: path.mkdir()),
    "empty": ("empty", exactly(b"")),
    "html-page": ("html-page", exactly(b"\n<!DOCTYPE html><html><body>404 Not Found</body></html>")),
    "xml-error": ("html-page", exactly(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")),
    "json-error": ("json-error", exactly(b'{"error": "Repository not found"}')),
    "git-lfs": ("git-lfs-pointer", exactly(b"version https://git-lfs.github.com/spec/v1\nsize 40728226\n")),
    "text": ("unreadable", exactly(b"sam_vit_b_01ec64.pth\n")),
    "truncated": ("truncated", content(lambda intact: intact[:-2000])),
    "mostly-missing": ("truncated", content(lambda intact: intact[:2000])),
    "flipped-bit": ("damaged", content(flipped)),
    "other-zip": ("unreadable", lambda path, good, state: zipfile.ZipFile(path, "w").close()),
    "plain-pickle": ("unreadable", exactly(pickle.dumps({"epoch": 3}))),
    "torchscript": ("unreadable", _torchscript),
    "legacy-truncated": ("truncated", _legacy_without_end),
    "whole-model": ("pickled-code", saved(lambda state: torch.nn.Linear(2, 2))),
    "argparse-options": ("foreign-objects", saved(lambda s: {"model": s, "args": argparse.Namespace(lr=1)})),
    "numpy-scalar": ("foreign-objects", saved(lambda state: {"model": state, "loss": np.float64(0.5)})),
    "list": ("no-state-dict", saved(lambda state: list(state.values())[:3])),
    "no-tensors": ("no-state-dict", saved(lambda state: {"epoch": 3})),
    "other-variant": ("wrong-variant", saved(other_variant)),
    "other-shape": ("wrong-variant", saved(lambda s: dict(s, **{IOU_HEAD: torch.zeros(1, 64)}))),
    "hq-file": ("hq-file", saved(lambda state: dict(state, **{HQ_HEAD: torch.zeros(1, 128)}))),
    "parameter-missing": ("wrong-names", saved(lambda state: without(state, IOU_HEAD))),
    "data-parallel": ("wrong-names", saved(lambda state: {"module." + k: v for k, v in state.items()})),
}


class MakesFolder:
    """An object whose unpickling makes a folder: harmless, and detectable afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


#: Pickles that import `os.mkdir`, by how they do it.
IMPORTING = {
    "global": b"cos\nmkdir\n.",
    "inst": b"(S'folder'\nios\nmkdir\n.",
    "stack-global": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93.",
    "stack-global-from-memo": b"\x80\x04\x8c\x02os\x94\x8c\x05mkdir\x940h\x00h\x01\x93.",
    "stack-global-computed": b"\x80\x04\x8c\x02osN0\x8c\x05mkdir\x93.",
    "extension": b"\x80\x02\x82\x01.",
}


def on_gpu(path: Path, good: Path) -> None:
    """Copy the file, marking every tensor as saved on a GPU."""
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as target:
        for record in source.infolist():
            content = source.read(record)
            if record.filename.endswith("data.pkl"):
                content = content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            target.writestr(record.filename, content)
