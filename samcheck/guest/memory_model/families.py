"""The variants of all families whose memory can be estimated."""

from __future__ import annotations

from typing import Dict

from .hiera_shapes import HIERA_SHAPES
from .mobile_encoder import TINY_VIT_SHAPES
from .shapes import SHAPES, DecoderShape

#: Those with the attributes and methods of segment_anything's `Sam` and `SamPredictor`.
LIKE_SAM: Dict[str, DecoderShape] = {**SHAPES, **TINY_VIT_SHAPES}
ESTIMATED: Dict[str, DecoderShape] = {**LIKE_SAM, **HIERA_SHAPES}
