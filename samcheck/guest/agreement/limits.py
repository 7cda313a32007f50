"""How far implementations may be apart, in float32 and in float64.

In float64 rounding leaves 1e-15 of the largest logit; 1e-9 is required, since whatever lies between the two
is not the same computation. The limits in float32 are five times the largest spread that
tests/bench/implementations measured, on torch 2.4.1 and 2.15.0 with transformers 4.57.6 and 5.23.0, and with
ultralytics 8.4.190.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from .attribution import Limits
from .pairs import Pair

FACTOR = 5
#: sam2 and sam3 resize masks in float32, whatever their model computes in.
RESIZED_IN_FLOAT32 = 1e-6
FLOAT64 = Limits(1e-9, 1e-9, 1e-9)
#: Spreads of logits, of those at the size of the image, and of scores.
_SMALL = (2.1e-6, 1.6e-6, 7e-7)
FLOAT32 = Limits(*(FACTOR * spread for spread in _SMALL))
#: Spreads of models of 1024 pixels, in float32.
_LARGE = {"ultralytics.mobile_sam": (6.0e-6, 4.8e-6, 6e-7)}
#: The spread with pixels that two libraries resized, which differ by up to two levels of 255. Where SAM 2.1
#: takes the most stable of several masks, so little can decide for another one: that is not in the spread.
_OTHER_PIXELS = {
    "transformers.sam_tiny": (4.3e-3, 4.0e-3, 6e-4),
    "transformers.hq_mini": (8.5e-3, 6.7e-3, 9e-4),
    "transformers.sam2.1_mini": (1.3e-2, 1.2e-2, 3e-3),
    "transformers.sam3_mini": (2.2e-2, 2.2e-2, 9e-4),
}


def other_pixels(pair: Pair) -> Limits:
    """Return the limits for a pair whose pixels each implementation prepared itself."""
    if pair.variant not in _OTHER_PIXELS:  # nothing is resized
        return of(pair, torch.float32)
    return Limits(*(FACTOR * spread for spread in _OTHER_PIXELS[pair.variant]))


def of(pair: Pair, dtype: torch.dtype) -> Limits:
    """Return the limits for a pair on the same pixels."""
    if dtype is torch.float32:
        return Limits(*(FACTOR * spread for spread in _LARGE.get(pair.variant, _SMALL)))
    return replace(FLOAT64, full=RESIZED_IN_FLOAT32) if pair.resizes_in_float32 else FLOAT64


#: Of videos, whose scores are relative, too: the spread over 22 stories of two drawn videos. It is wider than
#: that of images, since bfloat16 rounds some memories to the other side.
VIDEO_FLOAT32 = Limits(FACTOR * 1.1e-4, FACTOR * 1.1e-4, FACTOR * 4e-7)
#: With frames that each implementation resized: of the one story that is compared, not a measured spread.
#: Over 22 stories logits are up to 0.36 apart.
OTHER_FRAMES = Limits(0.1, 0.1, 0.01)


def of_video(dtype: torch.dtype) -> Limits:
    """Return the limits for a video on the same pixels."""
    return VIDEO_FLOAT32 if dtype is torch.float32 else FLOAT64
