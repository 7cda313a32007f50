"""The guide's advice on loading SAM's sizes, and its claims on their memory and time."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Dict

import torch

from ..memory.peak_meter import tensors
from ..models.variants import VARIANTS
from .measuring import MIB, once, weights_mib
from .recipe import Context, Measured, Recipe, require_right

#: GB of GPU memory, and milliseconds per image on an RTX 3090.
CLAIMED: Dict[str, Measured] = {
    "vit_b": {"memory_gb": 2.1, "time_ms": 45.0},
    "vit_l": {"memory_gb": 4.3, "time_ms": 120.0},
    "vit_h": {"memory_gb": 7.2, "time_ms": 210.0},
}


def _load(variant: str, path: str, device: str) -> Any:
    from segment_anything import sam_model_registry

    return sam_model_registry[variant](checkpoint=path).to(device)


def as_written(variant: str, context: Context) -> Measured:
    """Run ``sam_model_registry["vit_b"](checkpoint="sam_vit_b.pth")`` in the suite's working directory."""
    return _loaded(variant, "sam_{}.pth".format(variant), context)


def corrected(variant: str, context: Context) -> Measured:
    """Do the same with the official file's name, synchronising the device before the clock is read."""
    return _loaded(variant, _official(variant, context), context)


def _official(variant: str, context: Context) -> str:
    checkpoint = VARIANTS[variant].checkpoint
    assert checkpoint is not None
    path = os.path.join(context.exports.folder, checkpoint.file)
    if not os.path.exists(path):
        torch.save(context.model.state_dict(), path)
    return path


def _loaded(variant: str, path: str, context: Context) -> Measured:
    kept = []
    seconds = once(lambda: kept.append(_load(variant, path, context.device)), context.device)
    model = kept[0].eval()
    require_right(context.segment(model), context.plain)
    use = partial(context.segment, model)
    most = weights_mib(model) + tensors(use, context.device)
    return {"load_s": seconds, "memory_gb": most * MIB / 1e9, "time_ms": once(use, context.device) * 1e3}


def recipes() -> tuple[Recipe, ...]:
    """Create one recipe for each size that the guide has figures for."""
    return tuple(
        Recipe(
            "load-" + variant,
            "loading {} with sam_model_registry".format(variant),
            "{memory_gb} GB, {time_ms:.0f} ms an image on an RTX 3090".format(**claimed),
            partial(as_written, variant),
            claimed,
            partial(corrected, variant),
            "the file has another name: {}".format(getattr(VARIANTS[variant].checkpoint, "file", "")),
            ("recipe-checkpoint-name",),
            real_sizes=True,
        )
        for variant, claimed in CLAIMED.items()
    )
