"""What trained weights of SAM 2 are worth, on drawn scenes and clips that no training has seen."""

from __future__ import annotations

import math
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np

from .models import clip_following, scenes, videos
from .models.variants import VARIANTS
from .oracle.video_quality import mean_quality, region_similarity

HELD_OUT_SEED = 9_500_000
SCENES, CLIPS = 100, 16
VARIANT = VARIANTS["sam2.1_mini"]
SIZES = ((256, 256), (240, 320), (320, 240))


class Figure(NamedTuple):
    """A mean, and half the width of its interval of 95 %, from the spread between drawings."""

    mean: float
    half: float

    def __str__(self) -> str:
        return "{:.3f} +- {:.3f}".format(*self)


def _figure(means: Sequence[float]) -> Figure:
    return Figure(float(np.mean(means)), 1.96 * float(np.std(means, ddof=1)) / math.sqrt(len(means)))


def evaluate(model: Any, count: int = SCENES, clips: int = CLIPS) -> Dict[str, Figure]:
    return {**of_images(model, count), **of_clips(model, clips)}


def of_images(model: Any, count: int) -> Dict[str, Figure]:
    """Compute mean IoU for box prompts, the best of three for a point, and how far SAM's score is off."""
    found: Dict[str, List[float]] = {"box_iou": [], "point_iou": [], "score_error": []}
    ready = VARIANT.predictor(model)
    for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + count):
        scene = scenes.draw(seed, *SIZES[seed % len(SIZES)])
        ready.set_image(scene.image)
        each: Dict[str, List[float]] = {name: [] for name in found}
        for shape in scene.shapes:
            box, point = np.array(shape.box, dtype=float), np.array([shape.point], dtype=float)
            masks, scores, _ = ready.predict(box=box, multimask_output=False)
            each["box_iou"].append(region_similarity(masks[0] > 0, shape.mask))
            each["score_error"].append(abs(float(scores[0]) - each["box_iou"][-1]))
            masks, _, _ = ready.predict(point, np.array([1]), multimask_output=True)
            each["point_iou"].append(max(region_similarity(mask > 0, shape.mask) for mask in masks))
        for name, values in each.items():
            found[name].append(float(np.mean(values)))
    return {name: _figure(values) for name, values in found.items()}


def of_clips(model: Any, count: int) -> Dict[str, Figure]:
    """Compute J&F for each kind of prompt, over all frames but the first, which is prompted."""
    found: Dict[str, List[float]] = {}
    assert VARIANT.video is not None
    video = VARIANT.video(model)
    for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + count):
        clip = videos.draw(seed, *SIZES[seed % len(SIZES)])
        for kind in clip_following.PROMPTS:
            quality = mean_quality(clip_following.follow(video, clip, kind), clip.masks)
            found.setdefault(kind + "_j", []).append(quality[0])
            found.setdefault(kind + "_f", []).append(quality[1])
            found.setdefault(kind + "_jf", []).append(sum(quality) / 2)
    return {name: _figure(values) for name, values in found.items()}
