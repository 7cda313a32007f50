"""Recipes for lower precision: half precision, autocast, dynamic int8."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import torch

from ..models import inference, precision_support, precisions
from ..models.backends import Unavailable
from .measuring import compared
from .recipe import Context, Measured, Recipe


def _half(context: Context) -> Any:
    context.require_affordable(torch.float16)
    return context.copy().half()


def half_tensor(context: Context) -> Measured:
    """Call ``model.half()``, and pass the image to `set_image` as a half tensor, (H, W, 3) as it was read."""
    model = _half(context)
    ready = context.predictor(model)
    image = torch.from_numpy(context.scene.image).half().to(context.device)

    def use() -> Any:
        ready.set_image(image)
        return inference.predict(ready, context.prompt)

    return compared(context, model, "fp16", use)


def half_input(context: Context) -> Measured:
    """Apply the advice on ``expected scalar type Half but found Float``: cast the input to half as well."""
    model = _half(context)
    ready = context.predictor(model)
    pixels = inference.resized_tensor(model, context.scene.image).half()

    def use() -> Any:
        ready.set_torch_image(pixels, context.scene.image.shape[:2])
        return inference.predict(ready, context.prompt)

    return compared(context, model, "fp16", use)


def autocast(context: Context) -> Measured:
    """Use autocast, in its default dtype on the device, around `set_image` and `predict`."""

    def use() -> Any:
        with torch.autocast(context.device):
            return context.segment(context.model)

    return compared(context, context.model, _autocast(context), use)


def _autocast(context: Context) -> str:
    return "autocast-fp16" if context.device == "cuda" else "autocast-bf16"


def int8(context: Context) -> Measured:
    """Use ``torch.quantization.quantize_dynamic`` on the whole model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its announced removal
        model = torch.quantization.quantize_dynamic(context.copy(), {torch.nn.Linear}, dtype=torch.qint8)
    return compared(context, model, "int8-dynamic")


def safely(name: str, context: Context) -> Measured:
    """Run the image encoder alone at a precision, with its layer norms and the rest in float32.

    Raises:
        Unavailable: this build cannot compute it on the device.
    """
    precision = precisions.PRECISIONS[name]
    reason = precision_support.unavailable(precision, context.device, context.model.image_encoder)
    if reason:
        raise Unavailable("no {} on {}: {}".format(name, context.device, reason))
    context.require_affordable(precision.dtype)
    return compared(context, precisions.apply(context.model, precision, context.device), name)


def autocast_encoder(context: Context) -> Measured:
    return safely(_autocast(context), context)


RECIPES = (
    Recipe(
        "half",
        "model.half() and a half tensor into set_image",
        "0.71 of the time, 0.63 of the memory, mIoU lower by 0.01",
        half_tensor,
        {"time_ratio": 0.71, "memory_ratio": 0.63, "miou_change": -0.01},
        partial(safely, "fp16"),
        "the image encoder alone in float16, with LayerNorm2d in float32, and the picture as uint8",
        ("recipe-half-tensor", "recipe-half-model", "cpu-half-kernels"),
    ),
    Recipe(
        "half-input",
        "'expected scalar type Half but found Float': halve the input too",
        "the error goes away",
        half_input,
        corrected=autocast_encoder,
        correction="autocast around the image encoder alone",
        defects=("recipe-half-model", "cpu-half-kernels"),
    ),
    Recipe(
        "autocast",
        "autocast around everything when memory runs out",
        "less memory",
        autocast,
        corrected=autocast_encoder,
        correction="autocast around the image encoder alone, features back to float32",
        defects=("recipe-autocast", "autocast-layer-norm"),
        real_sizes=True,
    ),
    Recipe(
        "int8",
        "torch.quantization.quantize_dynamic of the model",
        "0.54 of the time, 0.44 of the memory, mIoU lower by 0.06",
        int8,
        {"time_ratio": 0.54, "memory_ratio": 0.44, "miou_change": -0.06},
        partial(safely, "int8-dynamic"),
        "the image encoder alone, on the CPU",
        ("recipe-int8",),
        lambda context: context.device == "cuda",
        real_sizes=True,
    ),
)
