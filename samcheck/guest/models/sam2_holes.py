"""SAM 2's filling of holes without its CUDA extension, which searches for connected parts of a mask."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, List, Tuple

import numpy as np

#: SAM 2.1 fills holes of at most so many pixels, at the size of the low-resolution masks.
LARGEST = 8
#: Pixels of the holes in `with_holes`.
HOLES = (1, 3, 8, 9, 12)
SIDE = 32


def with_holes() -> np.ndarray:
    """Draw logits (32, 32): an object with a hole of each size in `HOLES`, and background around it."""
    logits = np.full((SIDE, SIDE), -3.0, np.float32)
    logits[2:30, 2:30] = 5.0
    for place, size in enumerate(HOLES):
        row, column = 4 + 5 * place, 4 + 4 * place
        for pixel in range(size):
            logits[row + pixel // 4, column + pixel % 4] = -1.0
    return logits


def connected(mask: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Label the parts of a bool mask (H, W), joined over corners; return labels and each pixel's area."""
    label = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(label, 1)
        height, width = mask.shape
        near: List[np.ndarray] = [
            padded[row : row + height, column : column + width] for row in range(3) for column in range(3)
        ]
        spread = np.where(mask, np.maximum.reduce(near), 0)
        if np.array_equal(spread, label):
            break
        label = spread
    areas = np.bincount(label.ravel(), minlength=mask.size + 1)[label]
    return label, np.where(mask, areas, 0)


@contextmanager
def searching_in_python() -> Iterator[None]:
    """Inside, SAM 2 has what its extension provides, on any device."""
    import torch
    from sam2.utils import misc

    def search(masks: Any) -> Tuple[Any, Any]:
        found = [connected(each[0].cpu().numpy()) for each in masks]
        labels, areas = (np.stack([part[index] for part in found])[:, None] for index in (0, 1))
        return torch.from_numpy(labels).to(masks.device), torch.from_numpy(areas).to(masks.device)

    original = misc.get_connected_components
    misc.get_connected_components = search
    try:
        yield
    finally:
        misc.get_connected_components = original
