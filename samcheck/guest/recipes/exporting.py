"""Recipes that move SAM out of PyTorch: ONNX files, ONNX Runtime, TensorRT."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any, List

import torch

from ..models import exported_decoder, inference, onnx_graph
from ..models.backends import Unavailable, onnx_runtime, providers, tensor_rt
from ..models.exported_decoder import problems
from ..models.inference import Prediction
from ..models.onnx_export import ExportFailed
from .measuring import times, weights_mib
from .recipe import Context, Measured, Recipe, SilentlyWrong, mean_iou

#: Size limit of one ONNX file, which is a single protobuf message.
ONNX_MIB = 2**11
#: Error (relative L2, and of scores) that half precision explains in TensorRT; not measured.
TENSORRT_FP16 = 3e-2
TRTEXEC_SECONDS = 600


class EngineFailed(RuntimeError):
    """trtexec built no engine; the message has its last error."""


def whole_model(context: Context) -> Measured:
    """Run ``torch.onnx.export(predictor.model, {"image": ..., "point_coords": ...}, opset_version=17)``."""
    graph = onnx_graph.read(context.exports.get("guides"))
    if "num_points" not in graph.inputs.get("point_coords", ()):
        raise SilentlyWrong("the number of points is not dynamic: {}".format(graph.inputs))
    return {"file_mib": graph.size / 2**20}


def both_parts(context: Context) -> Measured:
    """Export the encoder and the decoder to a file each, both accepted by ONNX's checker."""
    _require_small(context)
    graphs = [onnx_graph.read(context.exports.get(how)) for how in ("encoder", "legacy")]
    if not isinstance(graphs[1].inputs["point_coords"][1], str):
        raise SilentlyWrong("the number of points is not dynamic: {}".format(graphs[1].inputs))
    return {"file_mib": sum(graph.size for graph in graphs) / 2**20}


def _require_small(context: Context) -> None:
    if weights_mib(context.model) > ONNX_MIB:
        raise Unavailable("an ONNX file holds at most 2 GiB, and these weights are larger")


def runtime_as_written(context: Context) -> Measured:
    """Run a session on the file of `whole_model`, which must exist."""
    try:
        path = context.exports.get("guides")
    except ExportFailed as error:
        raise Unavailable("the file that it runs cannot be exported: {}".format(error)) from error
    session = onnx_runtime.plain_session(path, providers.gpu_provider_for(context.device))
    side = context.model.image_encoder.img_size
    feed = {"image": torch.randn(1, 3, side, side).numpy()}
    session.run(None, feed)
    raise SilentlyWrong("the exported model answers without a prompt")


class RuntimeEncoder(torch.nn.Module):  # type: ignore[misc]
    """SAM's image encoder in ONNX Runtime, as a replacement for the PyTorch one."""

    def __init__(self, path: str, device: str, side: int) -> None:
        super().__init__()
        self.session = onnx_runtime.plain_session(path, providers.gpu_provider_for(device))
        self.img_size = side

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(1, 3, S, S) float32 pixels to (1, C, S/16, S/16) float32 features."""
        features = self.session.run(None, {"pixels": pixels.cpu().numpy()})[0]
        return torch.from_numpy(features).to(pixels.device)


def runtime(context: Context) -> Measured:
    """Run encoder and decoder in ONNX Runtime, with SAM's own code between them."""
    _require_small(context)
    path, side = context.exports.get("encoder"), context.model.image_encoder.img_size
    decoder = onnx_runtime.DecoderSession(
        context.exports.get("legacy"), providers.gpu_provider_for(context.device)
    )
    model = context.copy()
    model.image_encoder = RuntimeEncoder(path, context.device, side)
    ready = context.predictor(model)

    def use() -> Prediction:
        ready.set_image(context.scene.image)
        return decoder.predict(exported_decoder.feed(ready, context.prompt))

    return _compared(context, use)


def _compared(context: Context, use: Any) -> Measured:
    """Measure time, and IoU at low resolution: the decoder's last step is right for some aspect ratios only.

    Memory is not compared: PyTorch does not see what ONNX Runtime takes.
    """
    ready = context.predictor(context.model)

    def plain() -> Prediction:
        return inference.segment(ready, context.scene, context.prompt)

    actual = use()
    plain()
    expected = exported_decoder.all_masks(ready, context.prompt)
    wrong = problems(actual, expected, full=False)
    if wrong:
        raise SilentlyWrong(wrong)
    iou = mean_iou(actual.low_resolution > 0, expected.low_resolution > 0)
    return {**times(use, plain, context.device), "iou": iou}


def trtexec(context: Context) -> Measured:
    """Run ``trtexec --fp16`` with the fewest, usual and most points, on the exported decoder.

    Not tried on a GPU yet.
    """
    if context.device != "cuda":
        raise Unavailable("TensorRT runs on NVIDIA GPUs only, and this is the {}".format(context.device))
    program = shutil.which("trtexec")
    if program is None:
        raise Unavailable("there is no trtexec, which comes with TensorRT's archive and images, not with pip")
    path = context.exports.get("legacy")
    shapes = ["--{}Shapes={}".format(kind, _shapes(points)) for kind, points in zip(RANGE, tensor_rt.POINTS)]
    engine = path + ".engine"
    command = [program, "--onnx=" + path, "--saveEngine=" + engine, "--fp16", *shapes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TRTEXEC_SECONDS, check=False)
    if done.returncode != 0:
        raise EngineFailed("; ".join(_errors(done.stdout + done.stderr)))
    return {}


RANGE = ("min", "opt", "max")


def _shapes(points: int) -> str:
    return "point_coords:1x{0}x2,point_labels:1x{0}".format(points)


def _errors(output: str) -> List[str]:
    marked = [line.strip() for line in output.splitlines() if "[E]" in line]
    return marked[:1] or output.strip().splitlines()[-1:] or ["it printed nothing"]


def engine(context: Context) -> Measured:
    """Build an fp16 engine from a decoder without what TensorRT rejects. Not tried on a GPU yet."""
    tensor_rt.load(context.device)
    built = tensor_rt.Engine(context.exports.get("for-tensorrt"), "fp16")
    ready = context.predictor(context.model)
    ready.set_image(context.scene.image)
    feed = exported_decoder.feed(ready, context.prompt)
    actual, expected = built.predict(feed), exported_decoder.all_masks(ready, context.prompt)
    off = (expected.low_resolution - actual.low_resolution).std() / expected.low_resolution.std()
    if not off <= TENSORRT_FP16:
        raise SilentlyWrong("logits are off by {:.2g} (relative), {:.2g} allowed".format(off, TENSORRT_FP16))
    iou = mean_iou(actual.low_resolution > 0, expected.low_resolution > 0)
    decoding = times(
        lambda: built.predict(feed), lambda: inference.predict(ready, context.prompt), context.device
    )
    return {**decoding, "iou": iou}


RECIPES = (
    Recipe(
        "onnx-export",
        "torch.onnx.export(predictor.model, {...}) with opset 17 and dynamic points",
        "one file of the whole model",
        whole_model,
        corrected=both_parts,
        correction="encoder and decoder to a file each, the decoder through SamOnnxModel, dynamo=False",
        defects=("recipe-onnx-whole-model",),
    ),
    Recipe(
        "onnxruntime",
        "the exported model in ONNX Runtime",
        "0.79 of the time",
        runtime_as_written,
        {"time_ratio": 0.79},
        runtime,
        "both parts in ONNX Runtime, coordinates resized and padded by the caller",
    ),
    Recipe(
        "tensorrt",
        "trtexec --fp16 with --minShapes, --optShapes and --maxShapes",
        "0.52 of the time",
        trtexec,
        {"time_ratio": 0.52},
        engine,
        "a decoder without OneHot and Tile, built through TensorRT's API; the times are of the decoder",
        ("recipe-trtexec",),
    ),
)
