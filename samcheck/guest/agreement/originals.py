"""The original implementations at small sizes, with weights for the comparison."""

from __future__ import annotations

from typing import Any

from ..models import weights
from ..models.variants import VARIANTS


def tiny() -> Any:
    """Return segment_anything's `Sam` with the trained weights of `tiny`."""
    return weights.load(VARIANTS["tiny"])[0]


def sam2_mini() -> Any:
    """Return sam2's model with the trained weights of `sam2.1_mini`."""
    return weights.load(VARIANTS["sam2.1_mini"])[0]


def hq_mini() -> Any:
    """Return segment_anything_hq's `Sam` with the seeded weights of `hq_mini`."""
    return weights.load(VARIANTS["hq_mini"])[0]


def mobile_mini() -> Any:
    """Return mobile_sam's `Sam` with the seeded weights of `mobile_sam_mini`."""
    return weights.load(VARIANTS["mobile_sam_mini"])[0]


def mobile() -> Any:
    """Return mobile_sam's `Sam` with the weights of `mobile_sam`, real ones if the user has fetched them."""
    return weights.load(VARIANTS["mobile_sam"])[0]


def sam3_mini() -> Any:
    """Return sam3's tracker with the seeded weights of `sam3_mini`."""
    return weights.load(VARIANTS["sam3_mini"])[0]
