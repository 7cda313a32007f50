"""How accurate are weights after dynamic int8 quantisation, and what breaks such a model?"""

from __future__ import annotations

import copy
from typing import Any, Dict

import pytest
import torch

from samcheck.guest.models import precision_support, precisions

GROUP = "dtype"
pytestmark = pytest.mark.variants("tiny")


@pytest.fixture(scope="module")
def quantised(loaded: Any) -> Any:
    """The model with an int8 encoder."""
    precision = precisions.PRECISIONS["int8-dynamic"]
    reason = precision_support.unavailable(precision, "cpu")
    if reason:
        pytest.skip(reason)
    return precisions.apply(loaded, precision, "cpu")


def test_weights_are_rounded_not_cut(loaded: Any, quantised: Any, measured: Dict[str, float]) -> None:
    """Every quantised weight is off by at most half a step, a step being a 255th of the layer's range.

    https://github.com/pytorch/executorch/issues/22431
    """
    originals = dict(loaded.image_encoder.named_modules())
    layers = [
        (originals[name], layer)
        for name, layer in quantised.image_encoder.encoder.named_modules()
        if isinstance(originals.get(name), torch.nn.Linear)
    ]
    steps = []
    for original, layer in layers:
        weight = original.weight.detach()
        step = 2 * weight.abs().max() / 255
        steps.append(float((layer.weight().dequantize() - weight).abs().max() / step))
    measured["largest_error_steps"] = max(steps)
    assert len(steps) == sum(isinstance(original, torch.nn.Linear) for original in originals.values())
    assert max(steps) <= 0.51


def test_quantised_then_half(quantised: Any, scene: Any, new_predictor: Any, defect: Any) -> None:
    """An int8 model that is then cast to half precision cannot encode an image.

    https://github.com/pytorch/executorch/issues/22431
    """
    model = copy.deepcopy(quantised).half()
    with defect("quantised-half", "cpu-half-kernels"):
        new_predictor(model).set_image(scene.image)


def test_quantised_state_does_not_load(loaded: Any, quantised: Any, defect: Any) -> None:
    """The weights of an int8 model do not load into a plain one.

    https://github.com/facebookresearch/segment-anything/issues/585
    """
    with defect("quantised-state"):
        copy.deepcopy(loaded.image_encoder).load_state_dict(quantised.image_encoder.encoder.state_dict())
