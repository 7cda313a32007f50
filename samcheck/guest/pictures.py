"""Small pictures of a failed check: what went in, what should have come out, what did."""

from __future__ import annotations

import base64
import io
from typing import Any, Dict

import numpy as np

#: Longest side in pixels: enough to see what kind of wrong it is, and a few KiB for each picture.
SIDE = 128
COLOURS = 32
ONLY_WANTED, ONLY_FOUND = (214, 40, 40), (40, 90, 214)


def of_masks(image: Any, wanted: Any, found: Any) -> Dict[str, str]:
    """PNG in base64 by name: ``input``, ``reference``, ``result`` and ``difference``.

    Args:
        image: (H, W, 3) uint8.
        wanted, found: (H, W) bool. In the difference, red is only wanted, blue only found, grey is both.
    """
    difference = np.zeros(image.shape, np.uint8)
    difference[wanted & found] = 128
    difference[wanted & ~found] = ONLY_WANTED
    difference[found & ~wanted] = ONLY_FOUND
    pixels = {"input": image, "reference": _white(wanted), "result": _white(found), "difference": difference}
    return {name: png(each) for name, each in pixels.items()}


def _white(mask: Any) -> Any:
    return np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255


def png(pixels: Any) -> str:
    """(H, W, 3) uint8, at most `SIDE` pixels long, as PNG in base64."""
    from PIL import Image

    step = -(-max(pixels.shape[:2]) // SIDE)
    stream = io.BytesIO()
    small = Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))
    small.quantize(COLOURS).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode("ascii")
