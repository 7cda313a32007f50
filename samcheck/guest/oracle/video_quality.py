"""J and F of masks in a video, as the DAVIS benchmark defines them.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation" (CVPR 2016),
section 4; details as in ``davis2017/metrics.py`` of https://github.com/davisvideochallenge/davis2017-evaluation
"""

from __future__ import annotations

import math
from typing import Tuple

import numpy as np

#: Distance within which two outlines match, as a share of the frame's diagonal.
NEAR = 0.008


def region_similarity(mask: np.ndarray, truth: np.ndarray) -> float:
    """Compute J: the IoU of two bool (H, W), 1 if both are empty."""
    either = np.count_nonzero(mask | truth)
    return np.count_nonzero(mask & truth) / either if either else 1.0


def boundary_accuracy(mask: np.ndarray, truth: np.ndarray) -> float:
    """Compute F: the harmonic mean of how much of each outline lies near the other one."""
    radius = math.ceil(NEAR * math.hypot(*truth.shape))
    ours, theirs = _outline(mask), _outline(truth)
    if not ours.any() or not theirs.any():
        return float(ours.any() == theirs.any())
    precision = np.count_nonzero(ours & _dilated(theirs, radius)) / np.count_nonzero(ours)
    recall = np.count_nonzero(theirs & _dilated(ours, radius)) / np.count_nonzero(theirs)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _outline(mask: np.ndarray) -> np.ndarray:
    """Find the pixels that differ from their right, lower or lower right neighbour; edges repeat."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    right, below, across = padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    differs: np.ndarray = (mask ^ right) | (mask ^ below) | (mask ^ across)
    return differs


def _dilated(mask: np.ndarray, radius: int) -> np.ndarray:
    """Grow by a disk of this radius."""
    height, width = mask.shape
    padded = np.pad(mask, radius)
    grown = np.zeros_like(mask)
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            if down * down + right * right <= radius * radius:
                top, left = radius + down, radius + right
                grown |= padded[top : top + height, left : left + width]
    return grown


def mean_quality(masks: np.ndarray, truth: np.ndarray) -> Tuple[float, float]:
    """Compute the means of J and F over shapes and frames of bool (N, T, H, W).

    The first frame, which is prompted, does not count. DAVIS leaves out the last one, too; a shape that was
    lost shows best there.
    """
    pairs = [
        (region_similarity(mask, wanted), boundary_accuracy(mask, wanted))
        for found, wanteds in zip(masks, truth)
        for mask, wanted in zip(found[1:], wanteds[1:])
    ]
    region, boundary = np.mean(pairs, axis=0)
    return float(region), float(boundary)
