"""Definition of a deployment guide's recipe, and of the context it is tried in."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from ..models import inference, precision_support
from ..models.backends import Unavailable
from ..models.inference import Prediction, Prompt
from ..models.scenes import Scene
from ..oracle.tolerances import TOLERANCES, deviation, iou
from ..plugin.session_fixtures import SLOWEST

#: The guide, of 24 April 2026, that most recipes come from.
GUIDE = "http://www.maplevalley.com.cn/news/2064736/"

Measured = Dict[str, float]


class SilentlyWrong(Exception):
    """A recipe gave a wrong answer without an error."""


class NoGain(Exception):
    """A recipe gives the right answer, but not the gain that it is recommended for.

    Attributes:
        measured: what was measured instead.
    """

    def __init__(self, message: str, measured: Measured) -> None:
        super().__init__(message)
        self.measured = measured


class Contradicted(Exception):
    """A guide's claim does not hold in this environment."""


@dataclass(frozen=True)
class Context:
    """The inputs that a recipe is tried with.

    Attributes:
        model: float32, on `device`, in eval mode; never changed, only copied.
        predictor: makes a predictor from a model.
        scene: the image, and the shapes to prompt for.
        device: ``cpu`` or ``cuda``.
        exports: `samcheck.guest.models.onnx_export.Exports` of the model on the CPU.
        variant: name of the model's variant.
        fast: whether the model is so small that even emulated precisions are affordable.
    """

    model: Any
    predictor: Callable[[Any], Any]
    scene: Scene
    device: str
    exports: Any
    variant: str
    fast: bool

    @cached_property
    def prompt(self) -> Prompt:
        return inference.prompt(self.scene, "point")

    @cached_property
    def plain(self) -> Prediction:
        """The model's float32 prediction without any recipe."""
        return self.segment(self.model)

    def require_time(self, real_sizes: bool) -> None:
        """Require the small model, or a GPU, or a recipe that is worth minutes on a CPU with a large model.

        Raises:
            Unavailable: it is not.
        """
        if self.device == "cpu" and not (self.fast or real_sizes):
            raise Unavailable(
                "on a CPU this is tried with the small model only: {} would take minutes".format(self.variant)
            )

    def require_plain(self) -> None:
        """Record the model's answer before any recipe can change it.

        Raises:
            SilentlyWrong: it is not finite, so nothing can be compared with it.
        """
        if not np.isfinite(self.plain.logits).all():
            raise SilentlyWrong("the model gives logits that are not finite without any recipe")

    def copy(self) -> Any:
        return copy.deepcopy(self.model)

    def segment(self, model: Any) -> Prediction:
        """Predict from the image to masks, with nothing cached."""
        return inference.segment(self.predictor(model), self.scene, self.prompt)

    def require_affordable(self, dtype: Any) -> None:
        """Require that a large model in `dtype` takes seconds, not minutes, per image.

        Raises:
            Unavailable: this CPU only emulates the precision.
        """
        if self.fast or self.device != "cpu" or precision_support.missing_kernel(dtype, self.device):
            return
        slower = precision_support.slowdown(dtype)
        if slower > SLOWEST:
            raise Unavailable(
                "{} products are {:.0f} times slower than fp32 on this CPU: only the small variant is "
                "tried".format(dtype, slower)
            )


@dataclass(frozen=True)
class Recipe:
    """A step that a guide recommends, or a claim that it makes.

    Attributes:
        id: stable name, used in results.
        title: the step in a few words.
        claim: the promised result, in one sentence; empty if there is none.
        as_written: follows it literally and measures the result.
        claimed: figures of the claim, under the names of the measurements here.
        corrected: does it in a way that works; None if there is nothing to correct, or nothing helps.
        correction: what `corrected` does differently, in a few words.
        defects: ids in the catalogue of the known defects of the literal recipe.
        expected: whether they can occur here; if they cannot, any error is a failure.
        real_sizes: large models are worth minutes on a CPU, since the figures do not depend on GPUs alone.
        says: ``recipe``, or ``claim`` for a statement that cannot be carried out.
        source: where it is recommended.
    """

    id: str
    title: str
    claim: str
    as_written: Callable[[Context], Measured]
    claimed: Measured = field(default_factory=dict)
    corrected: Optional[Callable[[Context], Measured]] = None
    correction: str = ""
    defects: Tuple[str, ...] = ()
    expected: Callable[[Context], bool] = lambda context: True
    real_sizes: bool = False
    says: str = "recipe"
    source: str = GUIDE


def require_right(actual: Prediction, expected: Prediction, precision: str = "fp32") -> None:
    """Require that an answer matches the float32 one, to within rounding at `precision`.

    Away from the decision boundary, masks must agree to an IoU of 0.999, and logits and scores to within
    `TOLERANCES`; NaN never agrees.

    Raises:
        SilentlyWrong: it does not.
    """
    if actual.logits.shape != expected.logits.shape:
        raise SilentlyWrong("masks are {}, not {}".format(actual.logits.shape, expected.logits.shape))
    if actual.scores.dtype != np.float32:
        raise SilentlyWrong("scores come back as {}".format(actual.scores.dtype))
    tolerance = TOLERANCES[precision]
    wrong = deviation(actual, expected, tolerance).problems(tolerance)
    if wrong:
        raise SilentlyWrong(wrong)


def mean_iou(actual: np.ndarray, expected: np.ndarray) -> float:
    """Compute the mean IoU of bool masks (M, H, W), pairwise by position."""
    return float(np.mean([iou(mask, truth) for mask, truth in zip(actual, expected)]))
