"""SAM 2's own traps: what its users trip over, and what works in its place."""

from __future__ import annotations

import copy
import os
import warnings
from typing import Any, Dict

import numpy as np
import pytest
import torch

from samcheck.guest import oracle
from samcheck.guest.models import inference, sam2_holes, stories
from samcheck.guest.models.variants import VARIANTS

GROUP = "pitfalls"

pytestmark = [
    pytest.mark.families("sam2"),
    pytest.mark.capabilities("image", "video"),
    pytest.mark.precisions("fp32"),
    pytest.mark.small,
]

DTYPES = {"half": torch.float16, "bfloat16": torch.bfloat16, "double": torch.float64}
CONFIG = "configs/sam2.1/sam2.1_hiera_t.yaml"


class HolesLeft(Exception):
    """Small holes in a mask were not filled."""


def filled(device: str) -> np.ndarray:
    """Have SAM 2 fill the holes of a drawn mask."""
    from sam2.utils.misc import fill_holes_in_mask_scores

    logits = torch.from_numpy(sam2_holes.with_holes())[None, None].to(device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        result: np.ndarray = fill_holes_in_mask_scores(logits, sam2_holes.LARGEST)[0, 0].cpu().numpy()
    return result


def expected_filling() -> np.ndarray:
    """The same by a search in NumPy: holes of at most 8 pixels get a small positive logit."""
    logits = sam2_holes.with_holes()
    _, areas = sam2_holes.connected(logits <= 0)
    return np.where((areas > 0) & (areas <= sam2_holes.LARGEST), np.float32(0.1), logits)


def test_holes_are_filled(device: str, defect: Any, settings: Dict[str, str]) -> None:
    """Small holes in masks are filled; without the CUDA extension, which needs nvcc, they silently are not.

    https://github.com/facebookresearch/sam2/issues/131
    """
    left = [size for size in sam2_holes.HOLES if size <= sam2_holes.LARGEST]
    assert (expected_filling() != sam2_holes.with_holes()).sum() == sum(left)
    with defect("sam2-extension-missing"):
        seen = filled(device)
        settings["holes"] = "left" if np.array_equal(seen, sam2_holes.with_holes()) else "filled"
        if settings["holes"] == "left":
            raise HolesLeft("none of the holes of {} pixels was filled".format(left))
        assert np.array_equal(seen, expected_filling())


def test_rules_for_filling_holes(device: str) -> None:
    """With a search for connected parts in the extension's place, the right holes are filled.

    https://github.com/facebookresearch/sam2/issues/661
    """
    with sam2_holes.searching_in_python():
        assert np.array_equal(filled(device), expected_filling())


@pytest.mark.parametrize("how", ["file", "file-name"])
def test_configuration_by_path(how: str, defect: Any) -> None:
    """`build_sam2` takes the path of a configuration file, or its name alone.

    https://github.com/facebookresearch/sam2/issues/81
    """
    import sam2
    from sam2.build_sam import build_sam2

    path = os.path.join(os.path.dirname(sam2.__file__), CONFIG)
    assert os.path.exists(path)
    with defect("sam2-config-path"):
        build_sam2(path if how == "file" else os.path.basename(path), device="cpu")


@pytest.mark.parametrize("name", sorted(DTYPES))
@pytest.mark.parametrize("what", ["image", "video"])
def test_model_cast_as_a_whole(
    loaded: Any, variant: str, name: str, what: str, device: str, scene: Any, reference: Any, defect: Any
) -> None:
    """`model.half()`, `.bfloat16()` or `.double()`, and then images and videos as usual.

    https://github.com/facebookresearch/sam2/issues/577
    """
    model = copy.deepcopy(loaded).to(device=device, dtype=DTYPES[name])
    with defect("sam2-cast-whole"):
        if what == "video":
            video: Any = VARIANTS[variant].video(model)  # type: ignore[misc]
            seen = stories.footage(6)
            video.start(seen.frames)
            stories.tell(video, stories.brief(seen))
            return
        ready = VARIANTS[variant].predictor(model)
        answer = inference.segment(ready, scene, inference.prompt(scene, "point"))
        tolerance = oracle.TOLERANCES["bf16"]
        assert not oracle.deviation(answer, reference("point"), tolerance).problems(tolerance)


def test_feature_sizes_follow_the_model(model: Any, scene: Any, defect: Any) -> None:
    """`SAM2ImagePredictor` takes a model whose images are not of 1024 pixels.

    https://github.com/facebookresearch/sam2/issues/138
    """
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    with defect("sam2-feature-sizes"):
        SAM2ImagePredictor(model).set_image(scene.image)


@pytest.mark.full
def test_encoder_is_one_graph(model: Any, side: int, device: str, measured: Dict[str, float]) -> None:
    """torch.compile takes the image encoder as one graph, without a break, and its features are the same.

    https://github.com/facebookresearch/sam2/issues/501
    """
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand((1, 3, side, side), generator=generator).to(device)
    traced = torch.compile(model.image_encoder, backend="eager", fullgraph=True)
    actual, expected = (
        encode(pixels)["vision_features"].cpu().numpy() for encode in (traced, model.image_encoder)
    )
    off = measured["features_relative_l2"] = oracle.relative_error(actual, expected)
    assert off <= oracle.TOLERANCES["fp32"].logits
