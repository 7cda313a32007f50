"""Small pictures of a failed check: its input, the expected result and the actual result."""

from __future__ import annotations

import base64
import io
from typing import Any, Dict

import numpy as np

#: Longest side in pixels: enough to see what is wrong, at a few KiB per picture.
SIDE = 128
COLOURS = 32
ONLY_EXPECTED, ONLY_ACTUAL = (214, 40, 40), (40, 90, 214)


def of_masks(image: Any, expected: Any, actual: Any) -> Dict[str, str]:
    """Make base64 PNGs by name: ``input``, ``reference``, ``result`` and ``difference``.

    Args:
        image: (H, W, 3) uint8.
        expected, actual: (H, W) bool. In the difference, red is expected only, blue actual only, grey both.
    """
    difference = np.zeros(image.shape, np.uint8)
    difference[expected & actual] = 128
    difference[expected & ~actual] = ONLY_EXPECTED
    difference[actual & ~expected] = ONLY_ACTUAL
    pixels = {
        "input": image,
        "reference": _white(expected),
        "result": _white(actual),
        "difference": difference,
    }
    return {name: png(picture) for name, picture in pixels.items()}


def _white(mask: Any) -> Any:
    return np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255


def png(pixels: Any) -> str:
    """Encode (H, W, 3) uint8, shrunk to at most `SIDE` pixels a side, as base64 PNG."""
    from PIL import Image

    step = -(-max(pixels.shape[:2]) // SIDE)
    stream = io.BytesIO()
    small = Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))
    small.quantize(COLOURS).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")
