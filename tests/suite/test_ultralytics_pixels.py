"""What does ultralytics do to images that are no squares, and to their masks?"""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest
import torch

from samcheck.guest.agreement import limits
from samcheck.guest.agreement.attribution import StageComparison
from samcheck.guest.agreement.pair_fixtures import agree
from samcheck.guest.agreement.pairs import PAIRS, Pair
from samcheck.guest.models import inference, scenes
from samcheck.guest.models.family import Capability
from samcheck.guest.models.ultralytics_predictors import letterboxed
from samcheck.guest.models.variants import VARIANTS
from samcheck.guest.oracle import layers

GROUP = "implementations"

OURS = [name for name in PAIRS if name.startswith("ultralytics.")]
#: SAM 2 was trained on stretched images: there, prompts are scaled otherwise, too.
STRETCHED = [name for name in OURS if Capability.CHOOSES in VARIANTS[name].capabilities]
kinds = pytest.mark.parametrize("kind", ["single-from-point", "single-from-box"])


@pytest.mark.variants(*OURS)
@kinds
def test_letterbox(
    pair: Pair, both: Any, kind: str, defect: Any, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """An image that is no square goes into the model, and its masks come out, as in the original.

    https://github.com/ultralytics/ultralytics/issues/20953
    """
    scene = scenes.draw(7, 240, 320)
    prompt = inference.prompt(scene, kind, pair.side)
    reference, own = both(torch.float32)
    comparison = StageComparison(reference, own, scene.image, same_pixels=False)
    with defect("ultralytics-letterbox"):
        agree(comparison, prompt, limits.FLOAT32, measured, settings)


@pytest.mark.variants(*(name for name in OURS if name not in STRETCHED))
@kinds
def test_cropped_logits(
    pair: Pair, both: Any, kind: str, defect: Any, measured: Dict[str, float], settings: Dict[str, str]
) -> None:
    """Logits at the size of the image are the original's, also next to the padding.

    https://github.com/ultralytics/ultralytics/pull/24619
    """
    scene = scenes.draw(7, pair.side // 2, pair.side)
    prompt = inference.prompt(scene, kind, pair.side)
    reference, own = both(torch.float64)
    comparison = StageComparison(reference, own, scene.image, same_pixels=True)
    with defect("ultralytics-crops-logits"):
        agree(comparison, prompt, limits.of(pair, torch.float64), measured, settings)


@pytest.mark.families("ultralytics")
@pytest.mark.parametrize("size", [(240, 320), (97, 61), (40, 333)], ids="{0[0]}x{0[1]}".format)
def test_pixels(size: Any, measured: Dict[str, float]) -> None:
    """Pixels are interpolated between their four neighbours, to a level of 255, and the rest is grey.

    The oracle takes these pixels from ultralytics, so that they are checked here alone.

    https://github.com/ultralytics/ultralytics/blob/v8.4.190/ultralytics/data/augment.py
    """
    side = 256
    image = scenes.draw(11, *size).image
    gain = side / max(size)
    height, width = (round(length * gain) for length in size)
    expected = layers.resized(image.transpose(2, 0, 1).astype(float), (height, width)).transpose(1, 2, 0)
    pixels = letterboxed(image, side)
    assert pixels.shape == (side, side, 3)
    measured["largest_difference"] = float(np.abs(pixels[:height, :width] - expected).max())
    assert measured["largest_difference"] <= 1
    assert (pixels[height:] == 114).all()
    assert (pixels[:, width:] == 114).all()
