"""The variants of all families whose memory can be estimated."""

from __future__ import annotations

from typing import Dict

from .hiera_shapes import HIERA_SHAPES
from .shapes import SHAPES, DecoderShape

ESTIMATED: Dict[str, DecoderShape] = {**SHAPES, **HIERA_SHAPES}
