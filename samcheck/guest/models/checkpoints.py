"""Checkpoint files: problems are found before anything is unpickled or reaches a model."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Set, Tuple

from . import pickles
from .variant import Checkpoint, Variant

CHECKPOINTS_VARIABLE = "SAMCHECK_CHECKPOINTS"

#: Why a file is refused, and what to do about it.
CODES: Dict[str, str] = {
    "missing": "check the path",
    "empty": "download it again",
    "html-page": "a web page was downloaded instead: open the address in a browser, then download again",
    "git-lfs-pointer": "run `git lfs pull` in the repository that it comes from",
    "json-error": "an error was downloaded instead: read it in the file, then download again",
    "truncated": "the end is missing: download it again",
    "damaged": "bytes changed after it was saved: download it again",
    "wrong-size": "download it again",
    "wrong-digest": "do not load it; download it again",
    "pickled-code": "do not load it: it would run code; get it from its author again",
    "foreign-objects": "where it was made, save only the tensors: torch.save(model.state_dict(), path)",
    "no-state-dict": "save it with torch.save(model.state_dict(), path)",
    "wrong-variant": "use the file of this variant, or the variant of this file",
    "hq-file": "use SAM-HQ's own code for it, or the file of the base model",
    "wrong-names": "use the file that belongs to this model; never load it with strict=False",
    "unreadable": "check that it was written by torch.save",
}

_BEGINNINGS = {b"<": "html-page", b"{": "json-error", b"version https://git-lfs": "git-lfs-pointer"}

#: Keys under which training scripts store the state dict.
WRAPPERS = ("model", "state_dict", "model_state_dict")

#: The head that SAM-HQ adds to the mask decoder.
_HQ_HEAD = re.compile(r"mask_decoder\.(hf_|compress_vit_feat|embedding_encoder|embedding_maskfeature)")

_OFFICIAL = {(768, 12): "vit_b", (1024, 24): "vit_l", (1280, 32): "vit_h"}

#: The start of files in the format before PyTorch 1.6: a pickle of this number.
_LEGACY = tuple(pickle.dumps(0x1950A86A20F9469CFC6C, protocol) for protocol in (2, 3, 4))

Shapes = Mapping[str, Tuple[int, ...]]


class CheckpointRefused(ValueError):
    """A checkpoint file that must not be loaded: what was found, where, and what to do next.

    Attributes:
        code: one of `CODES`.
        path: the file.
    """

    def __init__(self, code: str, path: str, problem: str) -> None:
        self.code, self.path = code, path
        super().__init__("{}: {} [{}]; {}".format(path, problem, code, CODES[code]))


@dataclass(frozen=True)
class Contents:
    """The contents of a checkpoint file.

    Attributes:
        parameters: the state dict, on the CPU.
        wrapper: the key that it was found under, "" if it is the whole file.
        others: the other keys of the file, which are ignored.
    """

    parameters: Dict[str, Any]
    wrapper: str
    others: Tuple[str, ...]


def checkpoint_path(variant: Variant) -> Optional[str]:
    """Return the path of the variant's official checkpoint in ``$SAMCHECK_CHECKPOINTS``, None if missing."""
    folder = os.environ.get(CHECKPOINTS_VARIABLE)
    if not folder or variant.checkpoint is None:
        return None
    if not os.path.isdir(folder):
        raise CheckpointRefused("missing", folder, "{} is not a folder".format(CHECKPOINTS_VARIABLE))
    path = os.path.join(folder, variant.checkpoint.file)
    return path if os.path.exists(path) else None


def read(path: str, shapes: Shapes, expected: Optional[Checkpoint] = None) -> Contents:
    """Read the state dict in a file, for a model with parameters of these names and shapes.

    Raises:
        CheckpointRefused: it is not the `expected` file, contains more than tensors, or is for another model.
    """
    import torch

    diagnose(path, expected)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        cut = isinstance(error, EOFError) or "EOF" in str(error)
        code = "truncated" if cut else "unreadable"
        raise CheckpointRefused(code, path, "PyTorch cannot read it: {}".format(error)) from error
    contents = _unwrap(path, loaded)
    _compare(path, {name: tuple(value.shape) for name, value in contents.parameters.items()}, shapes)
    return contents


def diagnose(path: str, expected: Optional[Checkpoint] = None) -> None:
    """Inspect a file without unpickling anything.

    Raises:
        CheckpointRefused: it was not written by `torch.save`, contains more than tensors, or is not the
            `expected` file.
    """
    head = _head(path)
    if expected is not None:
        _verify(path, expected, head)
    if head.startswith(b"PK"):
        names = _names_in_zip(path, check=expected is None)
    elif head.startswith(b"\x80"):
        names = _names_in_legacy(path, head)
    else:
        raise CheckpointRefused("unreadable", path, "it begins with {!r}".format(head[:16]))
    _refuse_foreign(path, names)


def _head(path: str) -> bytes:
    """Read the first bytes; refuse the file if they show that it is something else."""
    if not os.path.exists(path):
        raise CheckpointRefused("missing", path, "there is no such file")
    try:
        with open(path, "rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise CheckpointRefused("unreadable", path, str(error)) from error
    if not head:
        raise CheckpointRefused("empty", path, "it has 0 bytes")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for begin, code in _BEGINNINGS.items():
        if text.startswith(begin):
            raise CheckpointRefused(code, path, "it begins with {!r}".format(text[:40]))
    return head


def _verify(path: str, expected: Checkpoint, head: bytes) -> None:
    """Verify that size and SHA-256 are those of the official file."""
    size = os.path.getsize(path)
    if size != expected.size:
        code = "truncated" if size < expected.size and head.startswith(b"PK") else "wrong-size"
        raise CheckpointRefused(
            code, path, "it has {} bytes, the official file has {}".format(size, expected.size)
        )
    summary = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 22), b""):
            summary.update(block)
    if summary.hexdigest() != expected.sha256:
        problem = "it has SHA-256 {}, the official file has {}".format(summary.hexdigest(), expected.sha256)
        raise CheckpointRefused("wrong-digest", path, problem)


def _names_in_zip(path: str, check: bool) -> Set[str]:
    """Return what pickles in the format since PyTorch 1.6 import; `check` verifies every checksum."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise CheckpointRefused("truncated", path, str(error)) from error
    names: Set[str] = set()
    with archive:
        records = {os.path.basename(info.filename): info for info in archive.infolist()}
        if "data.pkl" not in records:
            raise CheckpointRefused("unreadable", path, "a ZIP archive without data.pkl")
        if "constants.pkl" in records:  # torch.load would run it even with weights_only
            raise CheckpointRefused("unreadable", path, "a TorchScript archive")
        for info in archive.infolist():
            if info.CRC == 0:  # torch.save can omit it; zipfile checks those present
                del info.CRC
            try:
                if info.filename.endswith(".pkl"):
                    names |= _names_in(path, io.BytesIO(archive.read(info)))
                elif check:
                    _read_through(archive, info)
            except zipfile.BadZipFile as error:
                raise CheckpointRefused("damaged", path, str(error)) from error
            except (RuntimeError, EOFError, zlib.error) as error:
                raise CheckpointRefused("unreadable", path, str(error)) from error
    return names


def _read_through(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    with archive.open(info) as record:
        while record.read(1 << 22):
            pass


def _names_in_legacy(path: str, head: bytes) -> Set[str]:
    """Return what the five pickles at the start of the format before PyTorch 1.6 import."""
    with open(path, "rb") as stream:
        names = _names_in(path, stream)
        _refuse_foreign(path, names)
        if not head.startswith(_LEGACY):
            raise CheckpointRefused("unreadable", path, "a pickle that torch.save did not write")
        for _ in range(4):
            names |= _names_in(path, stream)
    return names


def _names_in(path: str, stream: Any) -> Set[str]:
    try:
        return pickles.imported(stream)
    except ValueError as error:
        raise CheckpointRefused("truncated", path, "its pickle cannot be read: {}".format(error)) from error


def _refuse_foreign(path: str, names: Set[str]) -> None:
    foreign = pickles.foreign(names)
    if foreign:
        code = "foreign-objects" if pickles.only_data(foreign) else "pickled-code"
        raise CheckpointRefused(code, path, "besides tensors it needs {}".format(", ".join(foreign)))


def _unwrap(path: str, loaded: Any) -> Contents:
    import torch

    def is_state_dict(value: Any) -> bool:
        return isinstance(value, dict) and bool(value) and all(map(torch.is_tensor, value.values()))

    if is_state_dict(loaded):
        return Contents(dict(loaded), "", ())
    if isinstance(loaded, dict):
        for wrapper in WRAPPERS:
            if is_state_dict(loaded.get(wrapper)):
                others = tuple(sorted(str(key) for key in loaded if key != wrapper))
                return Contents(dict(loaded[wrapper]), wrapper, others)
        keys = ", ".join(sorted(map(str, loaded))[:8])
        raise CheckpointRefused("no-state-dict", path, "a dictionary of {}".format(keys or "nothing"))
    raise CheckpointRefused("no-state-dict", path, "it holds a {}".format(type(loaded).__name__))


def _encoder(shapes: Shapes) -> str:
    """Describe the size of the image encoder."""
    width = shapes.get("image_encoder.pos_embed", (0,))[-1]
    blocks = {name.split(".")[2] for name in shapes if name.startswith("image_encoder.blocks.")}
    name = _OFFICIAL.get((width, len(blocks)), "no official variant")
    return "an image encoder {} wide and {} blocks deep ({})".format(width, len(blocks), name)


def _compare(path: str, shapes: Shapes, wanted: Shapes) -> None:
    extra, missing = sorted(set(shapes) - set(wanted)), sorted(set(wanted) - set(shapes))
    if any(_HQ_HEAD.match(name) for name in extra):
        raise CheckpointRefused("hq-file", path, "it has the head of SAM-HQ: {}".format(_listed(extra)))
    if _encoder(shapes) != _encoder(wanted) and any(name.startswith("image_encoder.") for name in shapes):
        text = "it has {}, the model has {}".format(_encoder(shapes), _encoder(wanted))
        raise CheckpointRefused("wrong-variant", path, text)
    if extra or missing:
        text = "it lacks {}, and has {} that the model lacks".format(_listed(missing), _listed(extra))
        raise CheckpointRefused("wrong-names", path, text)
    other = ["{} {}".format(name, shapes[name]) for name in sorted(wanted) if shapes[name] != wanted[name]]
    if other:
        raise CheckpointRefused("wrong-variant", path, "other shapes: {}".format(_listed(other)))


def _listed(names: Any) -> str:
    rest = " and {} more".format(len(names) - 2) if len(names) > 2 else ""
    return ", ".join(names[:2]) + rest if names else "nothing"
