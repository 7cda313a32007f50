"""Does timm's implementation of SAM's image encoder give the same features, with the same weights?"""

from __future__ import annotations

from typing import Any, Dict, Optional

import pytest
import torch

from samcheck.guest.agreement import timm_encoder
from samcheck.guest.agreement.timm_encoder import EPSILON, LIMITS, EncoderPair

GROUP = "implementations"

#: Packages beside which timm is installed.
pytestmark = pytest.mark.families("transformers", "mobilesam-mirror", "segment-anything-hq", "ultralytics")
dtypes = pytest.mark.parametrize("dtype", list(LIMITS), ids=["float64", "float32"])


class EncodersDiffer(Exception):
    """timm's encoder gives other features than the original; the message says by how much."""


@pytest.fixture(autouse=True)
def timm() -> None:
    reason = timm_encoder.unavailable()
    if reason:
        pytest.skip(reason)


def agree(variant: str, dtype: torch.dtype, epsilon: Optional[float], measured: Dict[str, float]) -> None:
    pair = EncoderPair(variant, dtype, epsilon)
    measured["features_relative"] = pair.difference(seed=0)
    if not measured["features_relative"] <= LIMITS[dtype]:
        raise EncodersDiffer("features {:.1e}".format(measured["features_relative"]))


@dtypes
def test_features(dtype: torch.dtype, measured: Dict[str, float]) -> None:
    """With the original's epsilon, timm's encoder gives the original's features: in float64 to 1e-9.

    https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer_sam.py
    """
    agree("tiny", dtype, EPSILON, measured)


@pytest.mark.full
@dtypes
def test_features_of_vit_b(dtype: torch.dtype, measured: Dict[str, float]) -> None:
    """The same of the published size, `samvit_base_patch16`, at 1024 pixels.

    https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer_sam.py
    """
    agree("vit_b", dtype, EPSILON, measured)


def test_own_epsilon(measured: Dict[str, float], defect: Any) -> None:
    """timm's models normalise as the original's do.

    https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer_sam.py
    """
    with defect("timm-samvit-epsilon"):
        agree("tiny", torch.float64, None, measured)
