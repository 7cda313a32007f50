"""Which stage makes two implementations differ.

Every stage is judged by what it does to the answer: with the reference's stages everywhere else, its
deviation is its own; with the reference's stage in its place, the rest must agree. Both are measured, so an
attribution is shown and not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List

import numpy as np

from ..models.inference import Prompt
from .stages import Encodings, PipelineStage, Staged, StagedAnswer, chain, run


class ImplementationsDiffer(Exception):
    """Two implementations answer differently with the same weights; the message names the stage."""


@dataclass(frozen=True)
class Limits:
    """The largest differences that rounding explains; `full` is for the logits at the size of the image.

    They are relative to the largest logit of the reference; for scores, which are about 1, absolute.
    """

    low: float
    full: float
    score: float


@dataclass(frozen=True)
class AnswerDifference:
    """How far two answers are apart, in the units of `Limits`.

    Attributes:
        pixels: how many of the masks' pixels differ.
        shapes: of masks that cannot be compared; empty if they can.
    """

    low: float
    full: float
    score: float
    pixels: int
    shapes: str = ""

    @classmethod
    def of(cls, actual: StagedAnswer, expected: StagedAnswer) -> AnswerDifference:
        largest = float(np.abs(expected.low).max())
        if actual.full.shape != expected.full.shape:
            shapes = "{} and not {}".format(actual.full.shape, expected.full.shape)
            return cls(float("inf"), float("inf"), float("inf"), expected.full.size, shapes)
        return cls(
            low=float(np.abs(actual.low - expected.low).max()) / largest,
            full=float(np.abs(actual.full - expected.full).max()) / largest,
            score=float(np.abs(actual.scores - expected.scores).max()),
            pixels=int(((actual.full > 0) != (expected.full > 0)).sum()),
        )

    def exceeds(self, limits: Limits) -> bool:
        within = self.low <= limits.low and self.full <= limits.full and self.score <= limits.score
        return not within  # NaN exceeds every limit

    def __str__(self) -> str:
        if self.shapes:
            return "masks have shape " + self.shapes
        return "logits {:.1e}, at image size {:.1e}, scores {:.1e}, {} pixels".format(
            self.low, self.full, self.score, self.pixels
        )


@dataclass(frozen=True)
class Attribution:
    """Where a difference comes from.

    Attributes:
        whole: the difference of the two implementations.
        alone: of the reference with one stage of the other implementation, by stage.
        rest: of the other implementation with the reference's stages in the place of the `stages`.
        stages: those that deviate alone.
        explained: the rest agrees.
    """

    whole: AnswerDifference
    alone: Dict[Any, AnswerDifference]
    rest: AnswerDifference
    stages: List[Any]
    explained: bool

    def error(self) -> ImplementationsDiffer:
        names = ", ".join(self.stages) or "joining"
        return ImplementationsDiffer("{}: {}".format(names, self))

    def __str__(self) -> str:
        if not self.stages:
            return "{}: no stage deviates alone, so the difference is in how they are joined".format(
                self.whole
            )
        parts = ["{} (alone: {})".format(stage, self.alone[stage]) for stage in self.stages]
        after = "with the reference's in its place: {}".format(self.rest)
        if not self.explained:
            after += ", which is still too much"
        return "{}; {}; {}".format(self.whole, ", ".join(parts), after)


class StageComparison:
    """Two implementations and one image; `own` is the one under test."""

    def __init__(self, reference: Staged, own: Staged, image: np.ndarray, same_pixels: bool) -> None:
        """Compare on the same pixels, those of the reference, or through each one's own preprocessing."""
        self._reference, self._own, self._image = reference, own, image
        self._encode = Encodings(image)
        self._stages = [
            stage for stage in PipelineStage if not (same_pixels and stage is PipelineStage.PREPROCESS)
        ]

    def _answer(self, prompt: Prompt, own: List[PipelineStage]) -> StagedAnswer:
        stages = chain(self._reference, **{str(stage): self._own for stage in own})
        return run(stages, self._image, prompt, self._encode)

    @staticmethod
    def difference(actual: StagedAnswer, expected: StagedAnswer) -> AnswerDifference:
        return AnswerDifference.of(actual, expected)

    def answers(self, prompt: Prompt) -> AnswerDifference:
        """Return the difference of the two implementations."""
        return AnswerDifference.of(self._answer(prompt, self._stages), self._answer(prompt, []))

    def attribute(self, prompt: Prompt, limits: Limits) -> Attribution:
        """Find the stages that exceed the limits."""
        expected = self._answer(prompt, [])
        whole = AnswerDifference.of(self._answer(prompt, self._stages), expected)
        alone = {
            stage: AnswerDifference.of(self._answer(prompt, [stage]), expected) for stage in self._stages
        }
        stages = [stage for stage in self._stages if alone[stage].exceeds(limits)]
        others = [stage for stage in self._stages if stage not in stages]
        rest = AnswerDifference.of(self._answer(prompt, others), expected)
        return Attribution(whole, alone, rest, stages, not rest.exceeds(limits))

    def require(self, prompt: Prompt, limits: Limits) -> AnswerDifference:
        """Return the difference.

        Raises:
            ImplementationsDiffer: it exceeds the limits.
        """
        whole = self.answers(prompt)
        if whole.exceeds(limits):
            raise self.attribute(prompt, limits).error()
        return whole
