"""The kinds of files that are exchanged: how each is written, and what a reader must find in it."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict

import numpy as np
import torch

from ..models import onnx_export, precisions
from ..models.backends import Unavailable, onnx_runtime, providers
from . import smallest_sam

#: Rounding between releases, relative to the largest value: measured 3e-7 between PyTorch 2.0.1 and 2.15.0.
ROUNDING = 1e-5
#: The same for int8, where a product that rounds the other way moves a value by a step of its scale.
INT8 = 2e-2


class OtherContent(Exception):
    """A file was read without an error, and something else than was written came out of it."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes:
        file: its name.
        write: writes it to a path, from the model.
        read: reads it and compares it with the model of the reader; raises `OtherContent`, or what the
            reader raises; `Unavailable` if this release has no such files.
    """

    file: str
    write: Callable[[Any, str], None]
    read: Callable[[Any, str], None]


def _load(path: str, code: bool = False) -> Any:
    """Read a file of `torch.save`; `code` for one that has more than tensors."""
    safely = "weights_only" in inspect.signature(torch.load).parameters
    return torch.load(path, map_location="cpu", **({"weights_only": not code} if safely else {}))


def _compare(actual: Any, expected: Any, allowed: float, what: str) -> None:
    """Compare two tensors; raise `OtherContent` where they differ beyond rounding."""
    mine, theirs = (np.asarray(torch.as_tensor(value).double()) for value in (expected, actual))
    if mine.shape != theirs.shape:
        raise OtherContent("{} has the shape {}, not {}".format(what, theirs.shape, mine.shape))
    off = float(np.abs(mine - theirs).max()) / max(float(np.abs(mine).max()), 1e-12)
    if not off <= allowed:  # NaN is a difference
        raise OtherContent("{} differs by {:.2g} of its largest value".format(what, off))


def _same_state(actual: Dict[str, Any], model: Any) -> None:
    expected = model.state_dict()
    if list(actual) != list(expected):
        raise OtherContent("the names of the parameters are others")
    for name, tensor in expected.items():
        if actual[name].dtype != tensor.dtype:
            raise OtherContent("{} is {}, not {}".format(name, actual[name].dtype, tensor.dtype))
        _compare(actual[name], tensor, 0.0, name)


def _whole_model(model: Any, path: str) -> None:
    read = _load(path, code=True)
    _same_state(read.state_dict(), model)
    _compare(read.image_encoder(smallest_sam.pixels()), _features(model), ROUNDING, "the encoder's answer")


def _features(model: Any) -> Any:
    return model.image_encoder(smallest_sam.pixels())


DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8, torch.bool)


def _embedding(model: Any) -> Dict[str, Any]:
    """What people store of an image to ask it later: features, sizes, and a mask."""
    values = (_features(model) * 20).clamp(0, 100)
    tensors = {str(dtype): values.to(dtype) for dtype in DTYPES}
    return {**tensors, "original_size": (240, 320), "input_size": (48, 64)}


def _read_embedding(model: Any, path: str) -> None:
    read, expected = _load(path), _embedding(model)
    if list(read) != list(expected):
        raise OtherContent("the names are others")
    for name, value in expected.items():
        if not isinstance(value, torch.Tensor):
            if read[name] != value:
                raise OtherContent("{} is {}".format(name, read[name]))
            continue
        if read[name].dtype != value.dtype:
            raise OtherContent("{} is {}".format(name, read[name].dtype))
        # A value may round the other way, by a step of the dtype at 100.
        _compare(read[name], value, 1e-2 if value.is_floating_point() else 1.0, name)


def _int8(model: Any) -> Any:
    try:
        return precisions.PRECISIONS["int8-dynamic"].wrap(model.image_encoder)
    except ImportError as error:
        raise Unavailable("this PyTorch has no eager quantisation: {}".format(error)) from error


def _read_int8(model: Any, path: str) -> None:
    encoder = _int8(model)
    expected = encoder(smallest_sam.pixels())
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    encoder.load_state_dict(_load(path, code=True))
    _compare(encoder(smallest_sam.pixels()), expected, INT8, "the encoder's answer")


def _write_script(model: Any, path: str) -> None:
    torch.jit.save(torch.jit.trace(model.image_encoder, smallest_sam.pixels()), path)


def _read_script(model: Any, path: str) -> None:
    read = torch.jit.load(path, map_location="cpu")
    _compare(read(smallest_sam.pixels()), _features(model), ROUNDING, "the encoder's answer")


def _exporting() -> Any:
    if not hasattr(getattr(torch, "export", None), "save"):
        raise Unavailable("PyTorch {} has no torch.export.save; 2.1 has".format(torch.__version__))
    return torch.export


def _write_program(model: Any, path: str) -> None:
    export = _exporting()
    export.save(export.export(model.image_encoder, (smallest_sam.pixels(),)), path)


def _read_program(model: Any, path: str) -> None:
    read = _exporting().load(path).module()
    _compare(read(smallest_sam.pixels()), _features(model), ROUNDING, "the encoder's answer")


def _write_onnx(model: Any, path: str) -> None:
    onnx_export.encoder(model, path)


def _read_onnx(model: Any, path: str) -> None:
    session = onnx_runtime.plain_session(path, providers.CPU)
    (name,) = (node.name for node in session.get_inputs())
    (answer,) = session.run(None, {name: smallest_sam.pixels().numpy()})
    _compare(answer, _features(model), ROUNDING, "the encoder's answer")


def _save(make: Callable[[Any], Any], **options: Any) -> Callable[[Any, str], None]:
    return lambda model, path: torch.save(make(model), path, **options)


def _read_state(model: Any, path: str) -> None:
    _same_state(_load(path), model)


KINDS: Dict[str, FileKind] = {
    "state": FileKind("state.pth", _save(lambda model: model.state_dict()), _read_state),
    "state-before-1.6": FileKind(
        "state-before-1.6.pth",
        _save(lambda model: model.state_dict(), _use_new_zipfile_serialization=False),
        _read_state,
    ),
    "whole-model": FileKind("whole-model.pth", _save(lambda model: model), _whole_model),
    "embedding": FileKind("embedding.pt", _save(_embedding), _read_embedding),
    "int8": FileKind("int8.pth", _save(lambda model: _int8(model).state_dict()), _read_int8),
    "torchscript": FileKind("torchscript.pt", _write_script, _read_script),
    "exported-program": FileKind("exported-program.pt2", _write_program, _read_program),
    "onnx": FileKind("encoder.onnx", _write_onnx, _read_onnx),
}


def path_of(folder: str, kind: str) -> str:
    return os.path.join(folder, KINDS[kind].file)
