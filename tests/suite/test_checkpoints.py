"""Is a checkpoint file that must not be loaded refused, with its reason, before a model sees it?

Every bad file is made from the small model. What plain `torch.load` does with it is recorded.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np
import pytest
import torch

from samcheck.guest.sam import checkpoints, pickles, variants, weights

State = Dict[str, torch.Tensor]
TINY = variants.VARIANTS["tiny"]
LEGACY: Dict[str, Any] = {"_use_new_zipfile_serialization": False}


@pytest.fixture(scope="module")
def state() -> State:
    """The parameters of the small model, on the CPU."""
    parameters: State = weights.load(TINY)[0].state_dict()
    return parameters


@pytest.fixture(scope="module")
def shapes(state: State) -> Dict[str, Tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in state.items()}


@pytest.fixture(scope="module")
def good(state: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good file."""
    path = tmp_path_factory.mktemp("good") / "good.pth"
    torch.save(state, path)
    return path


def described(path: Path, size: Optional[int] = None) -> variants.Checkpoint:
    """The file as an official one would be described."""
    content = path.read_bytes()
    return variants.Checkpoint(path.name, size or len(content), hashlib.sha256(content).hexdigest())


def same(left: State, right: State) -> bool:
    return set(left) == set(right) and all(torch.equal(left[name], right[name]) for name in left)


def flipped(content: bytes) -> bytes:
    """One bit in the middle of the file, which is in the middle of a tensor, is the other way round."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x40]) + content[middle + 1 :]


def other_variant(state: State) -> State:
    """Names and shapes of an image encoder as in `vit_b`, 12 blocks 768 wide; the values take no room."""
    width = state["image_encoder.pos_embed"].shape[-1]
    wide: State = {}
    for name, value in state.items():
        shape = [size * 768 // width if size % width == 0 else size for size in value.shape]
        for block in range(12) if ".blocks.0." in name else (0,):
            wide[name.replace(".blocks.0.", ".blocks.{}.".format(block))] = torch.zeros(1).expand(shape)
    return wide


HQ_TOKEN = "mask_decoder.hf_token.weight"
IOU_TOKEN = "mask_decoder.iou_token.weight"


def without(state: State, name: str) -> State:
    return {key: value for key, value in state.items() if key != name}


Maker = Callable[[Path, Path, State], Any]


def content(change: Callable[[bytes], bytes]) -> Maker:
    return lambda path, good, state: path.write_bytes(change(good.read_bytes()))


def these(written: bytes) -> Maker:
    return lambda path, good, state: path.write_bytes(written)


def saved(make: Callable[[State], Any]) -> Maker:
    return lambda path, good, state: torch.save(make(state), path)


def _torchscript(path: Path, good: Path, state: State) -> None:
    torch.jit.save(torch.jit.trace(torch.nn.Identity(), torch.zeros(1)), str(path))


def _legacy_without_end(path: Path, good: Path, state: State) -> None:
    torch.save(state, path, **LEGACY)
    path.write_bytes(path.read_bytes()[:-2000])


#: What the file is, the code of its refusal, and how to make it.
BAD: Dict[str, Tuple[str, Maker]] = {
    "no-file": ("missing", lambda path, good, state: None),
    "folder": ("unreadable", lambda path, good, state: path.mkdir()),
    "empty": ("empty", these(b"")),
    "html-page": ("html-page", these(b"\n<!DOCTYPE html><html><body>404 Not Found</body></html>")),
    "xml-error": ("html-page", these(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")),
    "json-error": ("json-error", these(b'{"error": "Repository not found"}')),
    "git-lfs": ("git-lfs-pointer", these(b"version https://git-lfs.github.com/spec/v1\nsize 40728226\n")),
    "text": ("unreadable", these(b"sam_vit_b_01ec64.pth\n")),
    "truncated": ("truncated", content(lambda whole: whole[:-2000])),
    "mostly-missing": ("truncated", content(lambda whole: whole[:2000])),
    "flipped-bit": ("damaged", content(flipped)),
    "other-zip": ("unreadable", lambda path, good, state: zipfile.ZipFile(path, "w").close()),
    "plain-pickle": ("unreadable", these(pickle.dumps({"epoch": 3}))),
    "torchscript": ("unreadable", _torchscript),
    "legacy-truncated": ("truncated", _legacy_without_end),
    "whole-model": ("pickled-code", saved(lambda state: torch.nn.Linear(2, 2))),
    "argparse-options": ("foreign-objects", saved(lambda s: {"model": s, "args": argparse.Namespace(lr=1)})),
    "numpy-scalar": ("foreign-objects", saved(lambda state: {"model": state, "loss": np.float64(0.5)})),
    "list": ("no-state-dict", saved(lambda state: list(state.values())[:3])),
    "no-tensors": ("no-state-dict", saved(lambda state: {"epoch": 3})),
    "other-variant": ("wrong-variant", saved(other_variant)),
    "other-shape": ("wrong-variant", saved(lambda s: dict(s, **{IOU_TOKEN: torch.zeros(1, 64)}))),
    "hq-file": ("hq-file", saved(lambda state: dict(state, **{HQ_TOKEN: torch.zeros(1, 128)}))),
    "parameter-missing": ("wrong-names", saved(lambda state: without(state, IOU_TOKEN))),
    "data-parallel": ("wrong-names", saved(lambda state: {"module." + k: v for k, v in state.items()})),
}


def plainly(path: Path) -> str:
    """What plain `torch.load` does with a file."""
    try:
        loaded = torch.load(str(path))
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:150]
        return "{}: {}".format(type(error).__name__, first.replace(str(path), path.name))
    return "loads a {}".format(type(loaded).__name__)


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_file_is_refused(
    name: str, state: State, shapes: Any, good: Path, tmp_path: Path, settings: Dict[str, str]
) -> None:
    """A file that cannot be right is refused with the code of what is wrong and with what to do next.

    https://github.com/CVHub520/X-AnyLabeling-Server/issues/31
    """
    code, make = BAD[name]
    path = tmp_path / "checkpoint.pth"
    make(path, good, state)
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        checkpoints.read(str(path), shapes)
    settings["refusal"] = str(refused.value).replace(str(path), path.name)
    settings["torch_load"] = plainly(path)
    assert refused.value.code == code
    assert checkpoints.CODES[code] in str(refused.value)


def test_wrong_variant_is_named(state: State, shapes: Any, tmp_path: Path) -> None:
    """The refusal of another variant's file says which one it is.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    path = tmp_path / "checkpoint.pth"
    torch.save(other_variant(state), path)
    with pytest.raises(checkpoints.CheckpointRefused, match=r"768 wide and 12 blocks deep \(vit_b\)"):
        checkpoints.read(str(path), shapes)


GOOD: Dict[str, Tuple[str, Callable[[State], Any], Dict[str, Any]]] = {
    "state-dict": ("", lambda state: state, {}),
    "legacy-format": ("", lambda state: state, LEGACY),
    "model-and-optimizer": ("model", lambda state: {"model": state, "optimizer": {0: torch.ones(2)}}, {}),
    "lightning": ("state_dict", lambda state: {"state_dict": state, "epoch": 3}, {}),
    "parameters": ("", lambda state: {k: torch.nn.Parameter(v) for k, v in state.items()}, {}),
}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_good_file_is_read(
    name: str, state: State, shapes: Any, tmp_path: Path, settings: Dict[str, str]
) -> None:
    """The control: a good file gives identical parameters, also where a training script wrapped them.

    https://github.com/computational-cell-analytics/micro-sam/issues/1132
    """
    wrapper, make, options = GOOD[name]
    path = tmp_path / "checkpoint.pth"
    torch.save(make(state), path, **options)
    found = checkpoints.read(str(path), shapes)
    settings["left_alone"] = ", ".join(found.others) or "nothing"
    assert found.wrapper == wrapper
    assert same(found.parameters, state)


def test_checksums_may_be_missing(state: State, shapes: Any, tmp_path: Path) -> None:
    """A file that was saved without checksums, which PyTorch 2.6 and newer can do, is read.

    https://github.com/tracel-ai/burn/issues/5712
    """
    if not hasattr(torch.serialization, "set_crc32_options"):
        pytest.skip("torch.save of PyTorch {} always writes checksums".format(torch.__version__))
    path = tmp_path / "checkpoint.pth"
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert same(checkpoints.read(str(path), shapes).parameters, state)


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_digest_catches_a_flipped_bit(
    form: str, state: State, shapes: Any, tmp_path: Path, settings: Dict[str, str]
) -> None:
    """One flipped bit in an official file is caught by its digest, whatever the format.

    https://github.com/pytorch/pytorch/issues/126952
    """
    path = tmp_path / "checkpoint.pth"
    torch.save(state, path, **(LEGACY if form == "legacy" else {}))
    expected = described(path)
    assert same(checkpoints.read(str(path), shapes, expected).parameters, state)
    path.write_bytes(flipped(path.read_bytes()))
    settings["torch_load"] = plainly(path)
    settings["without_digest"] = "accepted"
    try:
        checkpoints.read(str(path), shapes)
    except checkpoints.CheckpointRefused as error:
        settings["without_digest"] = error.code
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        checkpoints.read(str(path), shapes, expected)
    assert refused.value.code == "wrong-digest"
    assert settings["without_digest"] == ("damaged" if form == "zip" else "accepted")


@pytest.mark.parametrize(("more", "code"), [(1, "truncated"), (-1, "wrong-size")])
def test_size_is_checked_first(more: int, code: str, good: Path, shapes: Any) -> None:
    """An official file of another size is refused unread: a download that broke off, or another file.

    https://github.com/facebookresearch/segment-anything/issues/751
    """
    expected = described(good, good.stat().st_size + more)
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        checkpoints.read(str(good), shapes, expected)
    assert refused.value.code == code


class SilentlyDamaged(Exception):
    """A damaged file was loaded, and its parameters are not the ones that were saved."""


def test_torch_load_notices_damage(state: State, good: Path, tmp_path: Path, defect: Any) -> None:
    """`torch.load` compares the checksums that `torch.save` wrote.

    https://github.com/pytorch/pytorch/issues/126952
    """
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(flipped(good.read_bytes()))
    with defect("torch-load-ignores-damage"):
        try:
            loaded = torch.load(str(path), map_location="cpu")
        except (RuntimeError, pickle.UnpicklingError):
            return
        changed = [name for name in state if not torch.equal(state[name], loaded[name])]
        raise SilentlyDamaged("{} changed, and nothing was said".format(", ".join(changed) or "nothing"))


class MakesFolder:
    """Unpickling this makes a folder: harmless, and seen afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


class CodeRan(Exception):
    """Loading a checkpoint ran code from it."""


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_pickled_code_never_runs(form: str, protocol: int, state: State, shapes: Any, tmp_path: Path) -> None:
    """Code in a checkpoint is found by reading its pickle, not by running it.

    https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6
    """
    path, folder = tmp_path / "checkpoint.pth", tmp_path / "made-by-the-checkpoint"
    options = LEGACY if form == "legacy" else {}
    torch.save(dict(state, extra=MakesFolder(folder)), path, pickle_protocol=protocol, **options)
    with pytest.raises(checkpoints.CheckpointRefused, match="mkdir") as refused:
        checkpoints.read(str(path), shapes)
    assert refused.value.code == "pickled-code"
    assert not folder.exists()


def test_default_load_runs_no_code(tmp_path: Path, defect: Any, settings: Dict[str, str]) -> None:
    """`torch.load(file)`, as `build_sam` calls it, does not run code from the file.

    https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6
    """
    path, folder = tmp_path / "checkpoint.pth", tmp_path / "made-by-the-checkpoint"
    torch.save({"extra": MakesFolder(folder)}, path)
    settings["torch_load"] = plainly(path)
    with defect("torch-load-runs-code"):
        if folder.exists():
            raise CodeRan("the checkpoint made a folder")


#: Pickles that import `os.mkdir`, by the way they do it.
IMPORTING = {
    "global": b"cos\nmkdir\n.",
    "inst": b"(S'folder'\nios\nmkdir\n.",
    "stack-global": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93.",
    "stack-global-from-memo": b"\x80\x04\x8c\x02os\x94\x8c\x05mkdir\x940h\x00h\x01\x93.",
    "stack-global-computed": b"\x80\x04\x8c\x02osN0\x8c\x05mkdir\x93.",
    "extension": b"\x80\x02\x82\x01.",
}


@pytest.mark.parametrize("name", sorted(IMPORTING))
def test_every_import_of_a_pickle_is_seen(name: str, tmp_path: Path, settings: Dict[str, str]) -> None:
    """Whichever way a pickle names what it imports, the name is found or counted as foreign.

    https://github.com/pytorch/pytorch/security/advisories/GHSA-53q9-r3pm-6pq6
    """
    path = tmp_path / "checkpoint.pth"
    path.write_bytes(IMPORTING[name])
    with path.open("rb") as stream:
        found = pickles.foreign(pickles.imported(stream))
    settings["found"] = ", ".join(found)
    assert found
    assert not pickles.only_data(found)


def on_gpu(path: Path, good: Path) -> None:
    """A copy of the file in which every tensor is said to have been on a GPU."""
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w") as target:
        for record in source.infolist():
            content = source.read(record)
            if record.filename.endswith("data.pkl"):
                content = content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            target.writestr(record.filename, content)


def test_file_saved_on_a_gpu(
    state: State, shapes: Any, good: Path, tmp_path: Path, settings: Dict[str, str]
) -> None:
    """A file that was saved on a GPU is read on a machine without one.

    https://github.com/facebookresearch/segment-anything/issues/106
    """
    path = tmp_path / "checkpoint.pth"
    on_gpu(path, good)
    settings["torch_load"] = plainly(path)
    assert "cuda" in settings["torch_load"].lower() or torch.cuda.is_available()
    assert same(checkpoints.read(str(path), shapes).parameters, state)


def test_no_parameter_is_left_at_random(
    state: State, shapes: Any, good: Path, settings: Dict[str, str]
) -> None:
    """The base model's file is refused for SAM-HQ's model, whose head `strict=False` leaves at random.

    https://github.com/SysCV/sam-hq/issues/6
    """
    model = TINY.build()
    model.mask_decoder.hf_token = torch.nn.Embedding(1, 128)
    before = model.mask_decoder.hf_token.weight.clone()
    told = model.load_state_dict(state, strict=False)
    assert torch.equal(before, model.mask_decoder.hf_token.weight)
    settings["strict_false"] = "leaves {} as it was, without an error".format(", ".join(told.missing_keys))
    with pytest.raises(checkpoints.CheckpointRefused, match="hf_token") as refused:
        checkpoints.read(str(good), dict(shapes, **{HQ_TOKEN: (1, 128)}))
    assert refused.value.code == "wrong-names"


def test_loader_reads_checkpoints_so(
    state: State, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What loads the models of this suite takes the official file, and refuses any other under its name.

    https://github.com/pytorch/pytorch/issues/126952
    """
    variant = variants.Variant("tiny", TINY.image_size, TINY.build, described(good))
    monkeypatch.setenv(checkpoints.CHECKPOINTS_VARIABLE, str(good.parent))
    model, carried = weights.load(variant)
    assert carried.kind == "official"
    assert same(model.state_dict(), state)
    (tmp_path / good.name).write_bytes(flipped(good.read_bytes()))
    monkeypatch.setenv(checkpoints.CHECKPOINTS_VARIABLE, str(tmp_path))
    with pytest.raises(checkpoints.CheckpointRefused) as refused:
        weights.load(variant)
    assert refused.value.code == "wrong-digest"
