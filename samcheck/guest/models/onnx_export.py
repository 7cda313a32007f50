"""Export of SAM's mask decoder to ONNX: by the official recipe, and with both of PyTorch's exporters."""

from __future__ import annotations

import contextlib
import gc
import inspect
import io
import logging
import os
import re
import warnings
from typing import Any, Callable, Dict, Iterator, List, Mapping, Sequence
from unittest import mock

import torch

from .backends import Unavailable, module
from .exported_decoder import INPUTS, OUTPUTS

#: The values that SAM's script uses.
OPSET, TRACED_POINTS, TRACED_SIZE = 17, 5, (1500, 2250)
MOST_POINTS = 64
EXPORTERS = ("legacy", "dynamo")
#: Inputs of which there is one for each point.
_COUNTED = INPUTS[1:3]


class ExportFailed(RuntimeError):
    """An exporter failed; the message has its exception and the innermost cause."""


def _decoder(model: Any) -> Any:
    from segment_anything.utils.onnx import SamOnnxModel

    return _at_rest(SamOnnxModel(model, return_single_mask=False))


def _at_rest(part: Any) -> Any:
    """Put a part that was made of a model into eval mode: an exporter gives the model its mode at the end."""
    return part.eval()


def example(model: Any) -> Dict[str, torch.Tensor]:
    """Create inputs to trace the decoder with, of the sizes in SAM's script."""
    prompts = model.prompt_encoder
    values = (
        torch.zeros(1, prompts.embed_dim, *prompts.image_embedding_size),
        torch.zeros(1, TRACED_POINTS, 2),
        torch.ones(1, TRACED_POINTS),
        torch.zeros(1, 1, *prompts.mask_input_size),
        torch.ones(1),
        torch.tensor(TRACED_SIZE, dtype=torch.float32),
    )
    return dict(zip(INPUTS, values))


def _takes(argument: str) -> bool:
    return argument in inspect.signature(torch.onnx.export).parameters


def official_exporter() -> str:
    """Return the exporter that runs by default, as in SAM's script."""
    default = inspect.signature(torch.onnx.export).parameters.get("dynamo")
    return "dynamo" if default is not None and default.default is True else "legacy"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence exporters, which print their progress and log tracebacks of errors they then work around.

    Disable garbage collection meanwhile: they create millions of objects, and a collection takes a second.
    """
    logging.disable(logging.ERROR)
    collecting = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        if collecting:
            gc.enable()


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """Report in one line why an exporter failed, instead of its own long advice."""
    try:
        yield
    except Unavailable:
        raise
    except Exception as error:
        causes: List[BaseException] = [error]
        while causes[-1].__cause__ is not None:
            causes.append(causes[-1].__cause__)
        lines = re.sub(r"\x1b\[\d*m", "", str(causes[-1])).strip().splitlines() or [""]
        names = " from ".join(type(cause).__name__ for cause in causes)
        raise ExportFailed("{}: {}".format(names, lines[0])) from error


def _require_onnx() -> None:
    module("onnx", "PyTorch's exporters need it")


def official(model: Any, path: str) -> None:
    """Export as SAM's ``scripts/export_onnx_model.py`` does, which opens the file first."""
    _require_onnx()
    inputs = example(model)
    with open(path, "wb") as stream, _quiet(), _failures():
        torch.onnx.export(
            _decoder(model),
            tuple(inputs.values()),
            stream,
            export_params=True,
            verbose=False,
            opset_version=OPSET,
            do_constant_folding=True,
            input_names=list(inputs),
            output_names=list(OUTPUTS),
            dynamic_axes={"point_coords": {1: "num_points"}, "point_labels": {1: "num_points"}},
        )


def guides(model: Any, path: str) -> None:
    """Export as guides recommend: the whole model, its inputs as one dictionary, the points dynamic."""
    _require_onnx()
    side = model.image_encoder.img_size
    inputs = {
        "image": torch.randn(1, 3, side, side),
        "point_coords": torch.randint(0, side, (1, TRACED_POINTS, 2)).float(),
        "point_labels": torch.ones(1, TRACED_POINTS),
    }
    with _quiet(), _failures():
        torch.onnx.export(
            model,
            inputs,
            path,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(OUTPUTS[:2]),
            dynamic_axes={"point_coords": {1: "num_points"}, "point_labels": {1: "num_points"}},
        )


def encoder(model: Any, path: str) -> None:
    """Export the image encoder with the legacy exporter: normalised pixels to features."""
    side = model.image_encoder.img_size
    by_tracing(model.image_encoder, {"pixels": torch.zeros(1, 3, side, side)}, INPUTS[:1], path)


def legacy(model: Any, path: str) -> None:
    """Export the decoder by `by_tracing`."""
    by_tracing(_decoder(model), example(model), OUTPUTS, path)


def dynamo(model: Any, path: str) -> None:
    """Export the decoder by `by_program`."""
    by_program(_decoder(model), example(model), OUTPUTS, path)


def by_tracing(part: Any, inputs: Dict[str, Any], outputs: Sequence[str], path: str) -> None:
    """Export a module with the exporter that traces with TorchScript; the number of points is dynamic."""
    _require_onnx()
    chosen: Dict[str, Any] = {"dynamo": False} if _takes("dynamo") else {}
    with _quiet(), _failures():
        torch.onnx.export(
            _at_rest(part),
            tuple(inputs.values()),
            path,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {1: "num_points"} for name in _COUNTED if name in inputs},
            **chosen,
        )


def by_program(
    part: Any, inputs: Dict[str, Any], outputs: Sequence[str], path: str, opset: int = OPSET
) -> None:
    """Export a module with the exporter based on `torch.export`, in the mode that can trace SAM's code."""
    if not _takes("dynamic_shapes"):
        raise Unavailable("the dynamo exporter of PyTorch {} has no dynamic_shapes".format(torch.__version__))
    module("onnxscript", "the dynamo exporter needs it")
    points = torch.export.Dim("num_points", min=2, max=MOST_POINTS)
    shapes = tuple({1: points} if name in _COUNTED else None for name in inputs)
    with _quiet(), _failures():
        program = torch.export.export(
            _at_rest(part), tuple(inputs.values()), dynamic_shapes=shapes, strict=True
        )
        torch.onnx.export(
            program,
            (),
            path,
            opset_version=opset,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamo=True,
            verbose=False,
        )


class _LowResolution(torch.nn.Module):  # type: ignore[misc]
    """The decoder without its last step, in which a shape is data-dependent."""

    def __init__(self, decoder: Any) -> None:
        super().__init__()
        self.decoder = decoder
        decoder.mask_postprocessing = lambda masks, size: masks

    def forward(self, *inputs: Any) -> Any:
        _, scores, low = self.decoder(*inputs, None)
        return scores, low


def for_tensorrt(model: Any, path: str) -> None:
    """Export with the legacy exporter in a form that TensorRT accepts: for one prompt, at low resolution.

    SAM repeats the image once per prompt with `torch.repeat_interleave`, which becomes operators that
    TensorRT cannot infer shapes for (https://github.com/NVIDIA-AI-IOT/nanosam/issues/16).
    """
    inputs = example(model)
    del inputs["orig_im_size"]
    with mock.patch.object(torch, "repeat_interleave", lambda images, count, dim: images):
        by_tracing(_LowResolution(_decoder(model)), inputs, OUTPUTS[1:], path)


Export = Callable[[Any, str], None]

#: Of SAM.
HOW: Mapping[str, Export] = {
    "legacy": legacy,
    "dynamo": dynamo,
    "for-tensorrt": for_tensorrt,
    "guides": guides,
    "encoder": encoder,
}


class Exports:
    """The exported files of one model; each is made once, and a failed export fails the same way again."""

    def __init__(self, model: Any, folder: str, ways: Mapping[str, Export] = HOW) -> None:
        self.model, self.folder, self.ways = model, folder, ways
        self.failures: Dict[str, Exception] = {}

    def get(self, how: str) -> str:
        """Return the path of the file that is made in one of the ways.

        Raises:
            Unavailable: this PyTorch does not have the exporter.
            ExportFailed: the exporter failed.
        """
        path = os.path.join(self.folder, "{}.onnx".format(how))
        if how in self.failures:
            raise self.failures[how]
        if not os.path.exists(path):
            try:
                self.ways[how](self.model, path)
            except Exception as error:
                self.failures[how] = error
                raise
        return path
