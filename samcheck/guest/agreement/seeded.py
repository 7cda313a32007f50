"""Deviations put into one stage of an implementation, to see whether they are found there."""

from __future__ import annotations

from typing import Any, Callable, Dict

import numpy as np

from .stages import Stage, Staged


def _brightened(preprocess: Callable[..., Any]) -> Callable[..., Any]:
    """Raise every pixel by a tenth of its standard deviation over ImageNet."""
    return lambda image: preprocess(image) + 0.1


def _shifted(embed: Callable[..., Any]) -> Callable[..., Any]:
    """Move points and boxes by half a pixel, as where the centre of a pixel is forgotten."""

    def changed(prompt: Any, size: Any) -> Any:
        from dataclasses import replace

        points = None if prompt.points is None else prompt.points + 0.5
        box = None if prompt.box is None else np.asarray(prompt.box) + 0.5
        return embed(replace(prompt, points=points, box=box), size)

    return changed


def _features_scaled(encode: Callable[..., Any]) -> Callable[..., Any]:
    """Scale the coarsest features by 1 + 1e-6, less than float32 would show."""

    def changed(pixels: Any) -> Any:
        features = encode(pixels)
        return [features[0] * (1 + 1e-6), *features[1:]]

    return changed


def _logits_raised(decode: Callable[..., Any]) -> Callable[..., Any]:
    """Raise the logits by 1e-5."""

    def changed(*given: Any) -> Any:
        low, scores = decode(*given)
        return low + 1e-5, scores

    return changed


def _corners_aligned(resize: Callable[..., Any]) -> Callable[..., Any]:
    """Put the centres of the corner pixels on each other, as ``align_corners`` does."""

    def changed(low: Any, size: Any) -> Any:
        from torch.nn.functional import interpolate

        return interpolate(low[None], resize(low, size).shape[-2:], mode="bilinear", align_corners=True)[0]

    return changed


_DEVIATIONS: Dict[Stage, Any] = {
    Stage.PREPROCESS: ("preprocess", _brightened),
    Stage.ENCODER: ("encode", _features_scaled),
    Stage.PROMPT: ("embed", _shifted),
    Stage.DECODER: ("decode", _logits_raised),
    Stage.RESIZE: ("resize", _corners_aligned),
}


def deviate(staged: Staged, stage: Stage) -> None:
    """Make one stage of an implementation deviate, in place."""
    name, change = _DEVIATIONS[stage]
    setattr(staged, name, change(getattr(staged, name)))
