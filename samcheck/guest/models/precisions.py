"""Precisions: how to run SAM at each of them so that the result can be trusted.

The safe path computes the image encoder, more than 95 % of the arithmetic, in the wanted precision and
everything else in float32: pixel normalisation, prompt encoder and mask decoder (the prompt encoder
hard-codes float32: https://github.com/pytorch/benchmark/pull/1764), and SAM's own `LayerNorm2d`. The
latter squares activations in the input dtype, which overflows in float16 above 256
(https://github.com/facebookresearch/segment-anything/issues/540); CUDA's autocast squares in float32,
the CPU's does not, and the trained small model's masks were off by a sixth under it.
"""

from __future__ import annotations

import copy
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, Tuple

import torch
from torch import nn

from ..record import PRECISION_NAMES


@dataclass(frozen=True)
class Precision:
    """How the image encoder computes.

    Attributes:
        name: one of `PRECISION_NAMES`.
        dtype: of its matrix products; float32 for TF32 and int8, where only the operands are narrower.
        wrap: makes an encoder with float32 input and output from a float32 encoder, which it does not change.
        reads_back: what `computing` must return for it.
    """

    name: str
    dtype: torch.dtype
    wrap: Callable[[nn.Module], nn.Module]
    reads_back: str


#: Where families keep their image encoder.
ENCODERS = ("image_encoder", "vision_encoder", "backbone.vision_backbone")


def encoder_of(model: Any) -> Any:
    """Return the image encoder of a model of any family.

    Raises:
        LookupError: it has none under a name that is known.
    """
    owner, name = _encoder_place(model)
    return getattr(owner, name)


def _encoder_place(model: Any) -> Tuple[Any, str]:
    """Return what has the encoder as an attribute, and that attribute's name."""
    for path in ENCODERS:
        *parts, name = path.split(".")
        owner = model
        for part in parts:
            owner = getattr(owner, part, None)
        if hasattr(owner, name):
            return owner, name
    raise LookupError("{} has none of {}".format(type(model).__name__, ", ".join(ENCODERS)))


def _keep_norms_in_float32(encoder: nn.Module, dtype: torch.dtype) -> None:
    """Make every `LayerNorm2d` compute in float32 and return `dtype`."""
    for module in encoder.modules():
        if type(module).__name__ == "LayerNorm2d":
            module.float()
            module.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
            module.register_forward_hook(lambda _, inputs, output: output.to(dtype))


def _cast_what_is_resized(encoder: nn.Module, dtype: torch.dtype) -> None:
    """Return `dtype` from EfficientViT's `UpSampleLayer`, which resizes in float32 and does not cast back."""
    for module in encoder.modules():
        if type(module).__name__ == "UpSampleLayer":
            module.register_forward_hook(lambda _, inputs, output: output.to(dtype))


def _in_float32(features: Any) -> Any:
    """Convert the tensors in what an encoder returns: a tensor, or a list, tuple or mapping of such."""
    if isinstance(features, torch.Tensor):
        return features.float() if features.is_floating_point() else features
    if isinstance(features, dict):  # transformers' outputs are dicts, whose types take keyword arguments
        converted = {name: _in_float32(value) for name, value in features.items()}
        return converted if type(features) is dict else type(features)(**converted)
    if isinstance(features, (list, tuple)):
        return type(features)(_in_float32(value) for value in features)
    return features


class _Wrapped(nn.Module):
    """An image encoder with float32 input and output: (B, 3, S, S) pixels to what the encoder returns.

    The argument has the name by which transformers' models pass it.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        if hasattr(encoder, "img_size"):
            self.img_size = encoder.img_size  # SamPredictor reads it


def cast(module: Any, dtype: torch.dtype) -> Any:
    """Cast in place what ``half()`` would; ``to(dtype)`` makes complex tensors real: SAM 3's rotary table."""
    return module._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)


class CastEncoder(_Wrapped):
    """An image encoder whose weights are cast to `dtype`."""

    def __init__(self, encoder: nn.Module, dtype: torch.dtype) -> None:
        # ultralytics' TinyViT keeps its biases in what they were in when it entered eval mode.
        super().__init__(cast(copy.deepcopy(encoder), dtype).eval())
        self.dtype = dtype
        _keep_norms_in_float32(self.encoder, dtype)
        _cast_what_is_resized(self.encoder, dtype)

    def forward(self, pixel_values: torch.Tensor, **options: Any) -> Any:
        return _in_float32(self.encoder(pixel_values.to(self.dtype), **options))


class AutocastEncoder(_Wrapped):
    """An image encoder in float32 that alone runs under autocast.

    With autocast around `predict` too, its scores cannot be converted to NumPy arrays
    (https://github.com/facebookresearch/segment-anything/pull/787).
    """

    def __init__(self, encoder: nn.Module, dtype: torch.dtype) -> None:
        super().__init__(copy.deepcopy(encoder))
        self.dtype = dtype
        _keep_norms_in_float32(self.encoder, dtype)

    def forward(self, pixel_values: torch.Tensor, **options: Any) -> Any:
        with torch.autocast(pixel_values.device.type, dtype=self.dtype):
            features = self.encoder(pixel_values, **options)
        return _in_float32(features)


class Tf32Encoder(_Wrapped):
    """An image encoder in float32 whose products round their operands to TF32 on the GPU."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(copy.deepcopy(encoder))

    def forward(self, pixel_values: torch.Tensor, **options: Any) -> Any:
        with tf32(True):
            return self.encoder(pixel_values, **options)


class Int8Encoder(_Wrapped):
    """An image encoder whose linear layers have int8 weights; inputs are quantised dynamically."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(_quantise(encoder))

    def forward(self, pixel_values: torch.Tensor, **options: Any) -> Any:
        return self.encoder(pixel_values, **options)


def _quantise(module: nn.Module) -> nn.Module:
    """Copy `module` with dynamically quantised linear layers.

    Raises:
        ImportError: this PyTorch has no eager quantisation.
    """
    from torch.ao.quantization import quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        quantised: nn.Module = quantize_dynamic(module, {nn.Linear}, dtype=torch.qint8)
    return quantised


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Switch TF32 in CUDA's products and convolutions on or off, and restore it afterwards."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


#: Layer types whose precision is read back; linear first, since dynamic quantisation changes only them.
LAYERS = ("Linear", "Conv2d")

_HALF, _BRAIN = torch.float16, torch.bfloat16
_ALL = (
    Precision("fp32", torch.float32, copy.deepcopy, "torch.float32"),
    Precision("tf32", torch.float32, Tf32Encoder, "tf32"),
    Precision("fp16", _HALF, lambda encoder: CastEncoder(encoder, _HALF), "torch.float16"),
    Precision("bf16", _BRAIN, lambda encoder: CastEncoder(encoder, _BRAIN), "torch.bfloat16"),
    Precision("autocast-fp16", _HALF, lambda encoder: AutocastEncoder(encoder, _HALF), "torch.float16"),
    Precision("autocast-bf16", _BRAIN, lambda encoder: AutocastEncoder(encoder, _BRAIN), "torch.bfloat16"),
    Precision("int8-dynamic", torch.float32, Int8Encoder, "torch.qint8"),
)
PRECISIONS: Dict[str, Precision] = {precision.name: precision for precision in _ALL}
assert tuple(PRECISIONS) == PRECISION_NAMES


def apply(model: Any, precision: Precision, device: str) -> Any:
    """Copy `model` to `device` to run the safe path of `precision`; `model` is not changed."""
    owner, name = _encoder_place(model)
    encoder = getattr(owner, name)
    try:
        setattr(owner, name, nn.Identity())  # do not copy the encoder twice
        changed = copy.deepcopy(model)
    finally:
        setattr(owner, name, encoder)
    setattr(_encoder_place(changed)[0], name, precision.wrap(encoder))
    return changed.to(device)


def computing(model: Any, run: Callable[[], Any]) -> str:
    """Return what the encoder's first linear layer, or else its first convolution, really computed in.

    Raises:
        LookupError: there is no such layer, or `run` never reached it.
    """
    layers = [module for module in encoder_of(model).modules() if type(module).__name__ in LAYERS]
    if not layers:
        raise LookupError("the encoder has no layer of {}".format(", ".join(LAYERS)))
    layer = min(layers, key=lambda layer: LAYERS.index(type(layer).__name__))
    seen = []
    handle = layer.register_forward_hook(lambda module, _, output: seen.append(_read_back(module, output)))
    try:
        run()
    finally:
        handle.remove()
    if not seen:
        raise LookupError("the encoder did not run")
    return str(seen[0])


def _read_back(layer: nn.Module, output: torch.Tensor) -> str:
    if "quantized" in type(layer).__module__:
        return str(layer.weight().dtype)
    if output.is_cuda and output.dtype is torch.float32 and _rounds_operands(output.device):
        return "tf32"
    return str(output.dtype)


def _rounds_operands(device: torch.device) -> bool:
    """Whether a product rounds float32 operands to the 10 bits of TF32.

    PyTorch's flags do not answer that: the variable NVIDIA_TF32_OVERRIDE overrules them in cuBLAS.
    """
    exact = 1 + 2.0**-13
    product = torch.full((64, 64), exact, device=device) @ torch.eye(64, device=device)
    return bool((product != exact).any())
