"""What happens when precisions are mixed: the way the guides say, and the way that works."""

from __future__ import annotations

import copy
from typing import Any, Callable, Dict

import numpy as np
import torch

from samcheck.guest import oracle
from samcheck.guest.sam import pipeline, precisions


def test_naive_cast(
    loaded: Any,
    affordable: None,
    precision: str,
    device: str,
    scene: Any,
    reference: Callable[[str], Any],
    defect: Any,
) -> None:
    """`model.half()`, then `set_image` and `predict`, as deployment guides say.

    https://github.com/pytorch/benchmark/pull/1764
    """
    dtype = precisions.PRECISIONS[precision].dtype
    cast = copy.deepcopy(loaded).to(device=device, dtype=dtype)
    given = pipeline.prompt(scene, "point")
    if precision == "fp32":  # the control: nothing to mix
        assert np.isfinite(pipeline.segment(cast, scene, given).logits).all()
        return
    with defect("prompt-encoder-float32", "cpu-half-kernels"):
        found = pipeline.segment(cast, scene, given)
        # Gone only if the masks are right: a silent failure is worse than a loud one.
        assert np.isfinite(found.logits).all()
        assert oracle.deviation(found, reference("point"), oracle.TOLERANCES[precision]).mask_iou >= 0.9


def test_safe_cast(
    ready: Any,
    precision: str,
    scene: Any,
    reference: Callable[[str], Any],
    settings: Dict[str, str],
) -> None:
    """With only the encoder cast, masks are finite float32 and agree with the oracle.

    https://github.com/facebookresearch/segment-anything/issues/540
    """
    settings["features_dtype"] = str(ready.features.dtype)
    assert ready.features.dtype is torch.float32
    found = pipeline.predict(ready, pipeline.prompt(scene, "box"))
    for array in (found.logits, found.low_resolution, found.scores):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    tolerance = oracle.TOLERANCES[precision]
    assert oracle.deviation(found, reference("box"), tolerance).logits <= tolerance.logits
