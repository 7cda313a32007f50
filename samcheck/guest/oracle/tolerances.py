"""Tolerances for answers relative to the oracle's, and measured deviations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict

import numpy as np

from ..models.inference import Prediction

#: Away from the decision boundary, a mask may differ from the oracle's in one pixel of a thousand.
MASK_IOU = 0.999


@dataclass(frozen=True)
class Tolerance:
    """The largest deviations from the oracle that rounding explains at one precision.

    Attributes:
        logits: relative L2 error of the logits at low resolution.
        full: the same at image size. PyTorch resamples with float32 coordinates, which affects noisy
            logits more than the precision they were computed in.
        score: absolute error of the predicted IoU.
    """

    logits: float
    full: float
    score: float

    @property
    def band(self) -> float:
        """At most this share of the pixels may be too close to the boundary to be compared.

        It grows with the tolerance: in int8, at a tolerance of 0.1, up to 0.53 were left out for SAM 2.1's
        published sizes with seeded weights; what is left still has to agree.
        """
        return max(0.4, 6 * self.logits)


# Four to seven times the largest deviation that tests/bench/oracle_spread.py measured: `tiny`, 64 to 96
# predictions each on torch 1.13.1, 2.0.1, 2.4.1, 2.8.0 and 2.15.0, CPU; vit_b in the suite on torch 2.4.1.
# vit_b's fp16 takes minutes per prediction on a CPU: its scores are allowed what was measured for bf16,
# divided by 8 for float16's extra bits. TF32 has float16's mantissa, so its limits; no GPU was available.
TOLERANCES: Dict[str, Tolerance] = {
    "fp32": Tolerance(logits=4e-6, full=3e-5, score=4e-6),  # measured 7.4e-7, 6.5e-6 and 7.0e-7
    "tf32": Tolerance(logits=3e-3, full=3e-3, score=2e-3),
    "fp16": Tolerance(logits=3e-3, full=3e-3, score=2e-3),  # measured 5.7e-4, 7.2e-4 and 1.1e-4
    "bf16": Tolerance(logits=3e-2, full=4e-2, score=2e-2),  # measured 7.7e-3, 8.9e-3 and 4.4e-3
    "autocast-fp16": Tolerance(logits=3e-3, full=3e-3, score=2e-3),  # measured 4.1e-4, 5.8e-4 and 1.1e-4
    "autocast-bf16": Tolerance(logits=3e-2, full=4e-2, score=2e-2),  # measured 5.9e-3, 6.3e-3 and 2.2e-3
    "int8-dynamic": Tolerance(logits=8e-2, full=8e-2, score=3e-2),  # measured 2.0e-2, 2.3e-2 and 5.3e-3
}


#: How much more a model may deviate in narrow precisions, in any implementation. SAM 2's image encoder adds
#: up layers at four scales: 2.9e-3 was measured for float16, 1.6e-2 for bfloat16 and 4.5e-2 for int8, with
#: seeded weights.
WIDER: Dict[str, Dict[str, float]] = {
    "sam2.1": {
        "tf32": 4.0,
        "fp16": 4.0,
        "bf16": 1.5,
        "autocast-fp16": 4.0,
        "autocast-bf16": 1.5,
        "int8-dynamic": 1.25,
    }
}


def allowed(precision: str, variant: str) -> Tolerance:
    """Return the tolerance of a precision for a variant."""
    wider = next((factors for model, factors in WIDER.items() if model in variant), {})
    base, factor = TOLERANCES[precision], wider.get(precision, 1.0)
    return Tolerance(base.logits * factor, base.full * factor, base.score * factor)


@dataclass(frozen=True)
class Deviation:
    """How far a prediction is from the oracle.

    Attributes:
        logits: relative L2 error of the low-resolution logits.
        full: relative L2 error of the logits at image size.
        score: largest absolute error of the predicted IoUs.
        mask_iou: smallest IoU of a mask with the oracle's, away from the decision boundary.
        band: share of the pixels left out because the oracle itself is near zero there.
        same_best: the mask with the highest score is the oracle's, or the oracle's best are too close to
            distinguish.
    """

    logits: float
    full: float
    score: float
    mask_iou: float
    band: float
    same_best: bool

    def problems(self, tolerance: Tolerance) -> str:
        """Describe what exceeds the tolerance; empty if nothing does."""
        limits = (
            (
                "low-resolution logits are off by {:.2g} (relative L2), {:.2g} allowed",
                self.logits,
                tolerance.logits,
            ),
            ("logits are off by {:.2g} (relative L2), {:.2g} allowed", self.full, tolerance.full),
            ("scores are off by {:.2g}, {:.2g} allowed", self.score, tolerance.score),
            ("masks disagree by {:.2g} (1 - IoU), {:.2g} allowed", 1 - self.mask_iou, 1 - MASK_IOU),
            ("{:.2g} of the pixels are undecided, {:.2g} allowed", self.band, tolerance.band),
        )
        # `not seen <= limit`, so that NaN is a problem
        problems = [text.format(seen, limit) for text, seen, limit in limits if not seen <= limit]
        if not self.same_best:
            problems.append("another mask has the highest score")
        return "; ".join(problems)


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    """Compute the L2 norm of the difference over that of `expected`."""
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def iou(left: np.ndarray, right: np.ndarray) -> float:
    """Compute the IoU of two bool masks; 1 if both are empty."""
    union = np.logical_or(left, right).sum()
    return 1.0 if union == 0 else float(np.logical_and(left, right).sum() / union)


def deviation(actual: Prediction, expected: Prediction, tolerance: Tolerance) -> Deviation:
    """Measure `actual` against the oracle.

    Masks are compared only where the oracle's logit is larger than the tolerance for logits: a pixel at
    +0.001 may legitimately flip, one at +3 may not.
    """
    spread = np.sqrt(np.mean(expected.logits**2))
    decided = np.abs(expected.logits) > 4 * tolerance.logits * spread
    ious = [
        iou(mask & sure, truth & sure) for mask, truth, sure in zip(actual.masks, expected.masks, decided)
    ]
    return Deviation(
        logits=relative_error(actual.low_resolution, expected.low_resolution),
        full=relative_error(actual.logits, expected.logits),
        score=float(np.abs(actual.scores - expected.scores).max()),
        mask_iou=min(ious),
        band=float(1 - decided.mean()),
        same_best=_same_best(actual.scores, expected.scores, tolerance.score),
    )


def _same_best(actual: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    """Whether the mask with the highest score is the best one to within rounding."""
    return bool(expected[int(np.argmax(actual))] >= expected.max() - 2 * tolerance)
