"""Does transformers' tracker of SAM 3 compute what Meta's does? What is known to differ, each by itself."""

from __future__ import annotations

import copy
from typing import Any, Dict

import pytest
import torch

from samcheck.guest.agreement import limits
from samcheck.guest.agreement.attribution import StageComparison
from samcheck.guest.agreement.pairs import BESIDE, PAIRS, Pair
from samcheck.guest.agreement.staged_sam3 import add_no_memory, repair_tracker, rotate_transformers_in_float64
from samcheck.guest.models import inference, scenes
from samcheck.guest.plugin.chosen_variants import unavailable

GROUP = "implementations"

MINI = "transformers.sam3_mini"
against_meta = pytest.mark.variants(MINI, beside=BESIDE)
of_mini = pytest.mark.variants(MINI)
#: Of the features, relative to the largest: 1e-16 is what rounding leaves in float64.
DOUBLE = 1e-12


class NoMemoryIgnored(Exception):
    """What a model has learned for images, that there is no memory yet, has no effect."""


class RoundedToFloat32(Exception):
    """A model in float64 computed something in float32."""


@pytest.fixture(scope="module")
def pair(variant: str) -> Pair:
    reason = unavailable(variant) or PAIRS[variant].unavailable()
    if reason:
        pytest.skip(reason)
    return PAIRS[variant]


def agrees(
    pair: Pair, repair: Any, measured: Dict[str, float], settings: Dict[str, str], **options: Any
) -> None:
    """Require that both agree in float64 when transformers' model is built with `options` and repaired."""
    settings["reference"] = pair.reference
    scene = scenes.draw(7, pair.side // 2, pair.side)
    reference, own = pair.both(torch.float64, **options)
    repair(own.model)
    comparison = StageComparison(reference, own, scene.image, True)
    for kind in ("point", "box", "mask"):
        prompt = inference.prompt(scene, kind, pair.side)
        measured[kind.replace("+", "-") + "_logits_relative"] = comparison.answers(prompt).low
        comparison.require(prompt, limits.of(pair, torch.float64))


@against_meta
def test_encoder_epsilon(pair: Pair, defect: Any, measured: Dict[str, float], settings: Any) -> None:
    """The norms of the vision transformer have the original's epsilon by default.

    https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/sam3/configuration_sam3.py
    """
    with defect("transformers-sam3-epsilon"):
        agrees(pair, repair_tracker, measured, settings)


@against_meta
def test_rotation_in_float64(pair: Pair, defect: Any, measured: Dict[str, float], settings: Any) -> None:
    """Both turn queries and keys in float64 if the model is in float64.

    https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/sam3/modeling_sam3.py
    """
    with defect("sam3-rotary-float32"):
        agrees(pair, add_no_memory, measured, settings, **pair.alike)


def features_of(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Return the features that the mask decoder takes, the coarsest of its levels."""
    features: torch.Tensor = model.get_image_embeddings(pixels)[-1]
    return features


@of_mini
def test_no_memory_counts(loaded: Any, variant: str, device: str, defect: Any) -> None:
    """The embedding of "no memory yet" is added to the features that an image's masks are made from.

    Meta's does so in `SAM3InteractiveImagePredictor.set_image`:
    https://github.com/facebookresearch/sam3/blob/main/sam3/model/sam1_task_predictor.py
    """
    model = copy.deepcopy(loaded).to(device)
    pixels = torch.rand(
        (1, 3, PAIRS[variant].side, PAIRS[variant].side), generator=torch.Generator().manual_seed(1)
    ).to(device)
    before = features_of(model, pixels)
    model.no_memory_embedding.data += 1.0
    with defect("transformers-sam3-no-memory"):
        moved = features_of(model, pixels) - before
        if not moved.any():
            raise NoMemoryIgnored("features are the same when 1 is added to no_memory_embedding")
        assert (moved - 1).abs().max() <= 1e-5
    repaired = copy.deepcopy(loaded).to(device)
    add_no_memory(repaired)
    added = features_of(repaired, pixels) - before
    expected = repaired.no_memory_embedding.reshape(1, -1, 1, 1)
    assert (added - expected).abs().max() <= 1e-5


@of_mini
def test_float64_throughout(
    loaded: Any, variant: str, device: str, defect: Any, measured: Dict[str, float]
) -> None:
    """A vision transformer in float64 computes in float64 throughout.

    https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/sam3/modeling_sam3.py
    """
    model = copy.deepcopy(loaded).double().to(device)
    side = PAIRS[variant].side
    pixels = torch.rand((1, 3, side, side), generator=torch.Generator().manual_seed(1)).double().to(device)
    actual = features_of(model, pixels)
    assert actual.dtype is torch.float64
    rotate_transformers_in_float64(model)
    expected = features_of(model, pixels)
    off = measured["features_relative"] = float((actual - expected).abs().max() / expected.abs().max())
    with defect("sam3-rotary-float32"):
        if off > DOUBLE:
            raise RoundedToFloat32("features are off by {:.1e} of the largest".format(off))
