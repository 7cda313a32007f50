"""What a recipe of a deployment guide is, and what it is tried with."""

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

#: The guide, of 24 April 2026, that most of the recipes are from.
GUIDE = "http://www.maplevalley.com.cn/news/2064736/"

Measured = Dict[str, float]


class SilentlyWrong(Exception):
    """A recipe gave an answer without an error, and the answer is wrong."""


class NoGain(Exception):
    """A recipe gives the right answer, and does not do what it is recommended for.

    Attributes:
        measured: what it does instead.
    """

    def __init__(self, message: str, measured: Measured) -> None:
        super().__init__(message)
        self.measured = measured


class Contradicted(Exception):
    """What a guide says of the world is not so in this environment."""


@dataclass(frozen=True)
class Context:
    """What a recipe is tried with.

    Attributes:
        model: float32, on `device`, in eval mode; never changed, only copied.
        predictor: makes a predictor from a model.
        scene: the image, and what to prompt for.
        device: ``cpu`` or ``cuda``.
        exports: `samcheck.guest.models.onnx_export.Exports` of the model on the CPU.
        variant: its name.
        fast: whether the model is a small one, that even emulated precisions are affordable for.
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
        """What the model answers in float32, without any recipe."""
        return self.segment(self.model)

    def require_time(self, real_sizes: bool) -> None:
        """Make sure that the small model is tried, or a GPU there, or a large model worth minutes of a CPU.

        Raises:
            Unavailable: it is not.
        """
        if self.device == "cpu" and not (self.fast or real_sizes):
            raise Unavailable(
                "on a CPU this is tried with the small model only: {} would take minutes".format(self.variant)
            )

    def require_plain(self) -> None:
        """Take down what the model answers before any recipe can change it.

        Raises:
            SilentlyWrong: that is not finite, and nothing can be compared with it.
        """
        if not np.isfinite(self.plain.logits).all():
            raise SilentlyWrong("the model gives logits that are not finite without any recipe")

    def copy(self) -> Any:
        return copy.deepcopy(self.model)

    def segment(self, model: Any) -> Prediction:
        """From the image to masks, nothing cached."""
        return inference.segment(self.predictor(model), self.scene, self.prompt)

    def require_affordable(self, dtype: Any) -> None:
        """Make sure that a large model in `dtype` takes seconds, not minutes, an image.

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
    """A step that a guide recommends, or something that it says of the world.

    Attributes:
        id: stable name, used in results.
        title: the step in a few words.
        claim: what is said to come of it, in one sentence; empty when nothing is.
        as_written: does it literally and measures what came of it.
        claimed: figures of the claim, under the names of what is measured here.
        corrected: does it so that it works; None where there is nothing to correct, or nothing helps.
        correction: what `corrected` does differently, in a few words.
        defects: ids in the catalogue of what is known to go wrong with the literal recipe.
        expected: whether they can show themselves here; where they cannot, anything that goes wrong is a
            failure.
        real_sizes: large models are worth minutes on a CPU, whose figures do not depend on GPUs alone.
        says: ``recipe``, or ``claim`` for what is said of the world and cannot be carried out.
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
    """Make sure that an answer is the float32 one, to within what rounding at `precision` explains.

    Off the decision boundary masks must agree to an IoU of 0.999, and logits and scores to within
    `TOLERANCES`; NaN never agrees.

    Raises:
        SilentlyWrong: it is not.
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
    """Of masks, bool (M, H, W), each with the one in its place."""
    return float(np.mean([iou(mask, truth) for mask, truth in zip(actual, expected)]))
