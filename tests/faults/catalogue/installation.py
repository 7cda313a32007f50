"""Packages that do not fit together or are built wrong."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import find, replace

NMS = "torchvision.ops.boxes:nms"
BATCHED = "torchvision.ops.boxes:batched_nms"


@fault(
    "stand-ins for an operator that is missing: https://github.com/facebookresearch/sam2/issues/220",
    "operators",
    "torchvision",
)
def nms_keeps_all() -> None:
    """torchvision's suppression keeps every box, in the order of their scores."""
    for path in (NMS, BATCHED):
        replace(path, lambda _: lambda boxes, scores, *given, **named: scores.argsort(descending=True))


@fault("operators built for another release", "operators", "torchvision")
def nms_keeps_one() -> None:
    """torchvision's suppression keeps the best box only."""
    for path in (NMS, BATCHED):
        replace(path, lambda _: lambda boxes, scores, *given, **named: scores.argsort(descending=True)[:1])


@fault("operators for which a box ends one pixel further, as in Detectron", "operators", "torchvision")
def nms_counts_last_pixel() -> None:
    """torchvision's suppression takes boxes for one pixel wider and higher."""

    def make(nms: Any) -> Any:
        def changed(boxes: Any, scores: Any, iou_threshold: float) -> Any:
            return nms(boxes + boxes.new_tensor([0, 0, 1, 1]), scores, iou_threshold)

        return changed

    replace(NMS, make)


@fault("operators that return their work in progress", "operators", "torchvision")
def nms_not_sorted() -> None:
    """torchvision's suppression returns what it keeps in the order of the boxes."""
    for path in (NMS, BATCHED):
        replace(path, lambda nms: lambda *given, **named: nms(*given, **named).sort()[0])


@fault("transports that narrow what they carry", "bridge", "torch")
def numpy_bridge_narrows() -> None:
    """Float32 tensors become NumPy arrays by way of float16."""
    import torch

    def make(numpy: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            if self.dtype is not torch.float32:
                return numpy(self, *given, **named)
            return numpy(self.half(), *given, **named).astype("float32")

        return changed

    replace("torch:Tensor.numpy", make)


@fault("https://github.com/facebookresearch/segment-anything/issues/477", "bridge", "torch")
def numpy_bridge_ignores_strides() -> None:
    """Arrays become tensors in the order of their memory, whatever their strides."""
    import numpy

    def make(as_tensor: Any) -> Any:
        def changed(data: Any, *given: Any, **named: Any) -> Any:
            if isinstance(data, numpy.ndarray) and not data.flags.c_contiguous:
                data = data.ravel(order="K").reshape(data.shape)
            return as_tensor(data, *given, **named)

        return changed

    replace("torch:as_tensor", make)
    replace("torch:from_numpy", make)


@fault("https://github.com/facebookresearch/sam3/issues/374", "operators", "torch")
def no_kernel_for_gelu() -> None:
    """The build has no kernel for one of the layers."""

    def make(gelu: Any) -> Any:
        def missing(*given: Any, **named: Any) -> Any:
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

        return missing

    replace("torch.nn.functional:gelu", make)


@fault("https://github.com/yatengLG/ISAT_with_segment_anything/issues/126", "answers", "torch")
def no_kernel_for_interpolation() -> None:
    """The build has no kernel for resizing in float32."""

    def make(interpolate: Any) -> Any:
        def missing(input: Any, *given: Any, **named: Any) -> Any:
            raise NotImplementedError("\"upsample_bilinear2d_out_frame\" not implemented for 'Float'")

        return missing

    replace("torch.nn.functional:interpolate", make)


@fault("https://github.com/facebookresearch/segment-anything/issues/477", "bridge", "torch")
def numpy_not_available() -> None:
    """Tensors cannot become NumPy arrays: the build is for another NumPy."""

    def make(numpy: Any) -> Any:
        def missing(self: Any, *given: Any, **named: Any) -> Any:
            raise RuntimeError("Numpy is not available")

        return missing

    replace("torch:Tensor.numpy", make)


@fault("broken wheels and half an upgrade", "operators")
def part_of_the_package_missing() -> None:
    """`segment_anything` comes without its automatic mask generator."""
    package = find("segment_anything:SamPredictor")[0]
    del package.SamAutomaticMaskGenerator


@fault("processors for which a kernel was not tested", "operators", "torch")
def products_crash() -> None:
    """A product of large matrices kills the process."""
    import os
    import signal

    def make(linear: Any) -> Any:
        def changed(input: Any, weight: Any, bias: Any = None) -> Any:
            if input.numel() > 20000:
                os.kill(os.getpid(), signal.SIGILL)
            return linear(input, weight, bias)

        return changed

    replace("torch.nn.functional:linear", make)


@fault("locks in thread pools after a fork", "operators", "torch")
def products_hang() -> None:
    """A product of large matrices never ends."""
    import time

    def make(linear: Any) -> Any:
        def changed(input: Any, weight: Any, bias: Any = None) -> Any:
            if input.numel() > 20000:
                time.sleep(100000)
            return linear(input, weight, bias)

        return changed

    replace("torch.nn.functional:linear", make)


@fault("half an upgrade: code of one release, metadata of another", "operators", "torchvision")
def version_lies() -> None:
    """torchvision's code is of another release than its metadata says."""
    find("torchvision:ops")[0].__version__ = "0.1.0"


@fault("another kernel in a new build: https://github.com/pytorch/pytorch/issues/105726", "features", "torch")
def gelu_in_bfloat16() -> None:
    """PyTorch's GELU rounds its results to bfloat16 and back."""
    replace(
        "torch.nn.functional:gelu",
        lambda gelu: lambda given, **named: gelu(given, **named).bfloat16().to(given.dtype),
    )
