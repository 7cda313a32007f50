"""Do the published sizes of SAM 2.1 have the layers that the oracle knows them to have?"""

from __future__ import annotations

from typing import Any, Dict

import pytest

from samcheck.guest import oracle
from samcheck.guest.models import weights

GROUP = "correctness"

pytestmark = [pytest.mark.families("sam2"), pytest.mark.full]

CONFIGS = {
    "sam2.1_hiera_tiny": "configs/sam2.1/sam2.1_hiera_t.yaml",
    "sam2.1_hiera_small": "configs/sam2.1/sam2.1_hiera_s.yaml",
    "sam2.1_hiera_base_plus": "configs/sam2.1/sam2.1_hiera_b+.yaml",
    "sam2.1_hiera_large": "configs/sam2.1/sam2.1_hiera_l.yaml",
}
#: In place of 1024 pixels: the layers are the same, and take seconds.
SIDE = 256


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_published_size_in_a_small_image(
    name: str, device: str, exact_float32: None, scene: Any, measured: Dict[str, float]
) -> None:
    """The features of each published configuration agree with the oracle's, here for images of 256 pixels.

    https://github.com/facebookresearch/sam2/issues/138
    """
    from sam2.build_sam import build_sam2_video_predictor

    from samcheck.guest.models.sam2_predictors import Sam2ImageAdapter
    from samcheck.guest.oracle.sam2_video import Sam2VideoOracle

    overrides = ["++model.image_size={}".format(SIDE)]
    model = build_sam2_video_predictor(CONFIGS[name], device="cpu", hydra_overrides_extra=overrides)
    weights.fill_random(model)
    reference = Sam2VideoOracle.of_variant(model, name)
    expected = reference.encode(scene.image)
    ready = Sam2ImageAdapter(model.to(device))
    ready.set_image(scene.image)
    features = ready.features[0].permute(1, 2, 0).cpu().numpy()
    off = oracle.relative_error(features, expected.coarse + reference.vector("no_mem_embed"))
    measured["features_relative_l2"] = off
    assert off <= oracle.TOLERANCES["fp32"].logits
