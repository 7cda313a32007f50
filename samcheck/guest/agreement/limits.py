"""How far implementations may be apart, in float32 and in float64.

In float64 rounding leaves 1e-15 of the largest logit; 1e-9 is required, since whatever lies between the two
is not the same computation. The limits in float32 are five times the largest spread that
tests/bench/implementations measured, on torch 2.4.1 and 2.15.0 with transformers 4.57.6 and 5.23.0.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from .attribution import Limits
from .pairs import Pair

FACTOR = 5
#: sam2 resizes masks in float32, whatever its model computes in.
RESIZED_IN_FLOAT32 = 1e-6
FLOAT64 = Limits(1e-9, 1e-9, 1e-9)
FLOAT32 = Limits(FACTOR * 1.8e-6, FACTOR * 1.5e-6, FACTOR * 7e-7)
#: The spread with pixels that two libraries resized, which differ by up to two levels of 255. Where SAM 2.1
#: takes the most stable of several masks, so little can decide for another one: that is not in the spread.
_OTHER_PIXELS = {
    "transformers.sam_tiny": (4.3e-3, 4.0e-3, 6e-4),
    "transformers.hq_mini": (8.5e-3, 6.7e-3, 9e-4),
    "transformers.sam2.1_mini": (1.3e-2, 1.2e-2, 3e-3),
}


def other_pixels(pair: Pair) -> Limits:
    """Return the limits for a pair whose pixels each implementation prepared itself."""
    if pair.variant not in _OTHER_PIXELS:  # nothing is resized
        return FLOAT32
    return Limits(*(FACTOR * spread for spread in _OTHER_PIXELS[pair.variant]))


def of(pair: Pair, dtype: torch.dtype) -> Limits:
    """Return the limits for a pair on the same pixels."""
    if dtype is torch.float32:
        return FLOAT32
    return replace(FLOAT64, full=RESIZED_IN_FLOAT32) if pair.resizes_in_float32 else FLOAT64
