"""Shapes of a clip followed by a predictor of videos, from a prompt in the first frame."""

from __future__ import annotations

import numpy as np

from .video import ObjectPrompt, VideoPredictor
from .videos import Clip

PROMPTS = ("point", "box", "mask")


def first_prompt(clip: Clip, index: int, kind: str) -> ObjectPrompt:
    shape = clip.first(index)
    if kind == "mask":
        return ObjectPrompt(mask=shape.mask)
    if kind == "box":
        return ObjectPrompt(box=shape.box)
    return ObjectPrompt(points=[shape.point], labels=[1])


def follow(video: VideoPredictor, clip: Clip, kind: str) -> np.ndarray:
    """Return the masks found, bool (N, T, H, W) as in `Clip.masks`, with all shapes followed at once."""
    video.start(clip.frames)
    for index in range(len(clip.masks)):
        video.prompt(index, 0, first_prompt(clip, index, kind))
    found = np.zeros_like(clip.masks)
    for answer in video.propagate(0):
        for index, mask in answer.masks().items():
            found[index, answer.frame] = mask
    return found
