"""The oracle: the same weights and prompts in float64 on the CPU, computed in the same run.

Nothing is compared with stored floats: those rot with every release of every library below.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Dict

import numpy as np

from .sam.pipeline import Prediction, Prompt, predict


@dataclass(frozen=True)
class Tolerance:
    """The largest deviations from the oracle that rounding explains at a precision.

    Attributes:
        logits: relative L2 error of the low-resolution logits.
        score: absolute error of the predicted IoU.
    """

    logits: float
    score: float


# About four times the largest deviation that tests/bench/oracle_spread.py measured: `tiny`, 40
# predictions each on torch 1.13.1, 2.0.1, 2.4.1 and 2.15.0, CPU. vit_b in fp32 was within the same.
TOLERANCES: Dict[str, Tolerance] = {
    "fp32": Tolerance(logits=4e-6, score=3e-6),  # measured 8.9e-7 and 6.5e-7
    "fp16": Tolerance(logits=6e-3, score=2.5e-3),  # measured 1.4e-3 and 6.0e-4
    "bf16": Tolerance(logits=5e-2, score=3e-2),  # measured 1.2e-2 and 7.6e-3
}


@dataclass(frozen=True)
class Deviation:
    """How far a prediction is from the oracle.

    Attributes:
        logits: relative L2 error of the low-resolution logits.
        score: largest absolute error of the predicted IoUs.
        mask_iou: smallest IoU of a mask with the oracle's, off the decision boundary.
        band: share of the pixels that were left out, because the oracle itself is near zero there.
    """

    logits: float
    score: float
    mask_iou: float
    band: float


def in_float64(model: Any) -> Any:
    """A float64 CPU copy of `model`.

    SAM's prompt encoder makes float32 coordinates and multiplies them with a buffer that
    ``.double()`` converted; the copy casts them first. The model under test rounds its coordinates
    to float32 too, so both see the same input.
    """
    double = copy.deepcopy(model).double()
    position = double.prompt_encoder.pe_layer
    encode = position._pe_encoding
    position._pe_encoding = lambda coordinates: encode(coordinates.double())
    return double


def reference(ready: Any, given: Prompt) -> Prediction:
    """The float64 prediction by a predictor, image set, over a model from `in_float64`."""
    prediction = predict(ready, given)
    if prediction.low_resolution.dtype != np.float64:
        raise TypeError("the reference was computed in {}".format(prediction.low_resolution.dtype))
    return prediction


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = np.logical_or(one, other).sum()
    return 1.0 if union == 0 else float(np.logical_and(one, other).sum() / union)


def deviation(found: Prediction, expected: Prediction, tolerance: Tolerance) -> Deviation:
    """Measure `found` against the oracle.

    Masks are compared only where the oracle's logit is larger than what the tolerance allows logits
    to move by: a pixel at +0.001 may honestly flip, one at +3 may not.
    """
    difference = np.linalg.norm(found.low_resolution - expected.low_resolution)
    spread = np.sqrt(np.mean(expected.logits**2))
    decided = np.abs(expected.logits) > 4 * tolerance.logits * spread
    ious = [
        _iou(mask & sure, truth & sure) for mask, truth, sure in zip(found.masks, expected.masks, decided)
    ]
    return Deviation(
        logits=float(difference / np.linalg.norm(expected.low_resolution)),
        score=float(np.abs(found.scores - expected.scores).max()),
        mask_iou=min(ious),
        band=float(1 - decided.mean()),
    )
