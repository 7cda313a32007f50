"""SAM, MobileSAM and SAM 2.1 in NumPy and float64, for the pixels and sizes of ultralytics' predictors.

These scale both axes by the same factor, also for SAM 2.1, fill the square with grey pixels, and resize
logits once, from the decoder's size to that of the image. Pixels are those of the package: the group
`implementations` says how far they are from the originals'. Everything behind them is computed here.
"""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from .sam import Encoded, Oracle
from .sam2_image import LAYOUTS, Sam2Oracle
from .tiny_vit import TinyVitOracle

Size = Tuple[int, ...]


def gain(original: Size, side: int) -> float:
    """Return by what an image (H, W) is scaled to fit the square."""
    return min(side / length for length in original)


def unboxed(low: np.ndarray, original: Size, side: int) -> np.ndarray:
    """Resize logits (M, s, s) of a square to those of the image that is in its upper left corner.

    Where the image ends between two logits, the padding's are looked at as well.
    """
    axes = []
    for length, count in zip(original, low.shape[1:]):
        inside = round(length * gain(original, side)) * count / side
        whole = round(inside)
        known = whole if abs(inside - whole) <= 1e-3 else count
        axes.append(_sampling(count, inside, known, length))
    result: np.ndarray = axes[0] @ low @ axes[1].T
    return result


def _sampling(count: int, inside: float, known: int, length: int) -> np.ndarray:
    """Return the matrix (length, count) of bilinear sampling of the first `inside` of `count` values."""
    at = np.clip((np.arange(length) + 0.5) * inside / length - 0.5, 0, known - 1)
    left = np.minimum(at.astype(int), known - 1)
    right = np.minimum(left + 1, known - 1)
    matrix: np.ndarray = np.zeros((length, count))
    np.add.at(matrix, (np.arange(length), left), 1 - (at - left))
    np.add.at(matrix, (np.arange(length), right), at - left)
    return matrix


class LetterboxedOracle(Oracle):
    """SAM with given weights."""

    def pixels(self, image: np.ndarray) -> np.ndarray:
        from ..models.ultralytics_predictors import letterboxed

        return letterboxed(image, self.side)

    def _scale(self, encoded: Encoded) -> np.ndarray:
        return np.full(2, gain(encoded.original, self.side))

    def _at_image_size(self, low: np.ndarray, encoded: Encoded) -> np.ndarray:
        return unboxed(low, encoded.original, self.side)


class LetterboxedTinyVit(LetterboxedOracle, TinyVitOracle):
    """MobileSAM with given weights."""


class LetterboxedSam2(Sam2Oracle):
    """SAM 2.1 with given weights, for images."""

    @classmethod
    def of(cls, model: Any, digest: str = "") -> LetterboxedSam2:
        """Create the oracle for ultralytics' `SAM2Model` of the size of `sam2.1_mini`, in float32."""
        weights = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
        return cls(weights, model.image_size, LAYOUTS["sam2.1_mini"])

    def encode(self, image: np.ndarray) -> Any:
        from ..models.ultralytics_predictors import letterboxed

        return self.pyramid(letterboxed(image, self.side) / 255.0, image.shape[:2])

    def _scale_of(self, original: Size) -> np.ndarray:
        return np.full(2, gain(original, self.side))

    def _returned(self, low: np.ndarray, original: Size) -> Tuple[np.ndarray, np.ndarray]:
        return unboxed(low, original, self.side), low
