"""The families of SAM that samcheck knows, a module each.

None imports its package before it builds a model: most environments have only one of them.
"""

from __future__ import annotations

from typing import Tuple

from ..variant import Variant
from . import (
    efficientvit_sam,
    hq_sam,
    mobile_sam,
    sam1,
    sam2,
    sam3,
    transformers_sam,
    transformers_sam3,
    transformers_video,
    ultralytics_sam,
)

#: In the order in which tables list them.
ALL: Tuple[Variant, ...] = (
    *sam1.VARIANTS,
    *sam2.VARIANTS,
    *sam3.VARIANTS,
    *mobile_sam.VARIANTS,
    *hq_sam.VARIANTS,
    *transformers_sam.VARIANTS,
    *transformers_sam3.VARIANTS,
    *transformers_video.VARIANTS,
    *efficientvit_sam.VARIANTS,
    *ultralytics_sam.VARIANTS,
)
