"""Precisions: how to run SAM at each of them so that the result can be trusted.

The safe path computes the image encoder, more than 95 % of the arithmetic, in the wanted dtype and
everything around it in float32: normalisation of the pixels, SAM's own `LayerNorm2d` (it squares
activations in the input dtype, which overflows in float16 from 256 on:
https://github.com/facebookresearch/segment-anything/issues/540), prompt encoder and mask decoder
(the prompt encoder has float32 written into it:
https://github.com/pytorch/benchmark/pull/1764).
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import Any, Dict, Optional

import torch
from torch import nn


@dataclass(frozen=True)
class Precision:
    """`dtype` is what the image encoder computes in."""

    name: str
    dtype: torch.dtype


PRECISIONS: Dict[str, Precision] = {
    precision.name: precision
    for precision in (
        Precision("fp32", torch.float32),
        Precision("fp16", torch.float16),
        Precision("bf16", torch.bfloat16),
    )
}


class CastEncoder(nn.Module):
    """An image encoder that computes in `dtype` and takes and returns float32."""

    def __init__(self, encoder: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).to(dtype)
        self.dtype = dtype
        self.img_size = encoder.img_size  # SamPredictor reads it
        for module in self.encoder.modules():
            if type(module).__name__ == "LayerNorm2d":
                self._keep_in_float32(module)

    def _keep_in_float32(self, norm: nn.Module) -> None:
        norm.float()
        norm.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
        norm.register_forward_hook(lambda _, inputs, output: output.to(self.dtype))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(B, 3, S, S) float32 pixels to (B, C, S/16, S/16) float32 features."""
        features: torch.Tensor = self.encoder(pixels.to(self.dtype))
        return features.float()


def apply(model: Any, precision: Precision, device: str) -> Any:
    """A copy of `model` on `device` that runs the safe path of `precision`; `model` is untouched."""
    if precision.dtype is torch.float32:
        return copy.deepcopy(model).to(device)
    encoder = model.image_encoder
    try:
        model.image_encoder = nn.Identity()  # do not copy the encoder twice
        cast = copy.deepcopy(model)
    finally:
        model.image_encoder = encoder
    cast.image_encoder = CastEncoder(encoder, precision.dtype)
    return cast.to(device)


def encoder_dtype(model: Any) -> torch.dtype:
    """The dtype in which the patch embedding, the first heavy layer, really holds its weights."""
    encoder = getattr(model.image_encoder, "encoder", model.image_encoder)
    dtype: torch.dtype = encoder.patch_embed.proj.weight.dtype
    return dtype


def missing_kernel(precision: Precision, device: str) -> Optional[str]:
    """The error of the first layer type of the encoder that this build cannot compute, else None.

    Tried on the device rather than looked up: float16 convolutions came to the CPU in PyTorch 2.1 or
    so, and other builds differ.

    Raises:
        RuntimeError: a layer failed, but not for want of a kernel.
    """
    layers = (
        (nn.Conv2d(3, 4, 2, 2), (1, 3, 4, 4)),
        (nn.Linear(4, 4), (1, 4)),
        (nn.LayerNorm(4), (1, 4)),
        (nn.GELU(), (1, 4)),
        (nn.Softmax(dim=-1), (1, 4)),
    )
    place: Dict[str, Any] = {"device": device, "dtype": precision.dtype}
    for layer, shape in layers:
        try:
            with torch.no_grad():
                layer.to(**place)(torch.ones(shape, **place))
        except RuntimeError as error:
            if "not implemented for" not in str(error):
                raise
            return "{}: {}".format(type(layer).__name__, error)
    return None


def slowdown(precision: Precision, size: int = 512, repeats: int = 3) -> float:
    """How many times longer than in float32 a matrix product takes in `precision` on this CPU."""

    def best(dtype: torch.dtype) -> float:
        left = torch.ones((size, size), dtype=dtype)
        times = []
        for _ in range(repeats + 1):  # the first one warms up
            begin = time.perf_counter()
            left @ left
            times.append(time.perf_counter() - begin)
        return min(times[1:])

    return best(precision.dtype) / best(torch.float32)
