"""A variant, a precision, an image and a GPU → what fits, and the settings that make it fit (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from packaging.version import Version

from samcheck.errors import BadInput
from samcheck.guest.memory_model import (
    CONTEXT_MIB,
    ESTIMATED,
    VIDEO,
    MemoryRequirement,
    Work,
    largest_batch_for_nonzero,
    needs,
)
from samcheck.guest.memory_model.hiera_shapes import HieraShape
from samcheck.guest.record import PRECISION_NAMES

#: The suite holds predictions to within a tenth of what it measures; anything closer to the limit is tight.
ALLOWANCE = 0.10
CONTEXT = CONTEXT_MIB * 2**20
LONGEST_SIDE, MOST_POINTS, MOST_IMAGES = 100_000, 4096, 256
MOST_FRAMES, MOST_OBJECTS = 100_000, 1000
#: A variant has some of these steps, in this order.
ON_CARD = ("encode", "predict", "automatic", VIDEO)
#: Dynamic int8 quantisation runs on CPUs only.
ON_GPUS = tuple(name for name in PRECISION_NAMES if name != "int8-dynamic")
#: The lowest compute capability with bfloat16 and TF32:
#: https://docs.pytorch.org/docs/stable/generated/torch.cuda.is_bf16_supported.html
AMPERE, OF_AMPERE = Version("8.0"), ("bf16", "autocast-bf16", "tf32")


@dataclass(frozen=True)
class MemoryQuestion:
    """What a user wants to run.

    Attributes:
        card: bytes of GPU memory; None if only the requirement is asked for.
        gpu: the GPU's name; empty if only a size is known.
        size_source: where that size comes from, as text.
        context: bytes of `card` reserved for CUDA itself.
        capability: of the GPU; empty if unknown.
        context_source: where the size of the context comes from, as text; empty if it is assumed or given.
    """

    variant: str
    precision: str
    work: Work
    card: int | None = None
    context: int = CONTEXT
    gpu: str = ""
    size_source: str = ""
    capability: str = ""
    context_source: str = ""

    def computes(self, precision: str) -> bool:
        """Return whether the GPU supports a precision natively; else PyTorch is slow or uses float32."""
        older = bool(self.capability) and Version(self.capability) < AMPERE
        return not (older and precision in OF_AMPERE)

    @property
    def needs(self) -> dict[str, MemoryRequirement]:
        """Memory requirements by step."""
        return {need.step: need for need in needs(ESTIMATED[self.variant], self.precision, "cuda", self.work)}

    @property
    def follows_videos(self) -> bool:
        return isinstance(ESTIMATED[self.variant], HieraShape)

    def verdict(self, need: MemoryRequirement) -> str:
        """Return ``fits``, ``tight`` or ``does not fit``; empty without a card.

        Tight is what fits within the allowance, or only if PyTorch's allocator wasted nothing.
        """
        if self.card is None or need.step not in ON_CARD:
            return ""
        free = self.card - self.context - need.weights
        if need.growth * (1 + ALLOWANCE) <= free and need.fits(self.card - self.context):
            return "fits"
        return "tight" if need.growth <= free else "does not fit"

    def fits(self, step: str) -> bool:
        return self.verdict(self.needs[step]) == "fits"


@dataclass(frozen=True)
class BatchLimits:
    """The most images at once, points per batch and frames that fit; 0 if not even one does.

    `frames` is None for variants that do not follow objects through a video.
    """

    images: int
    points_per_batch: int
    frames: int | None = None

    def allows_more(self, other: BatchLimits) -> bool:
        return (
            self.images > other.images
            or self.points_per_batch > other.points_per_batch
            or (self.frames or 0) > (other.frames or 0)
        )


@dataclass(frozen=True)
class MemoryFit:
    """What fits on a GPU.

    Attributes:
        points_per_batch: the most that fit; 0 if not even one does.
        nonzero_points: the most whose masks `nonzero` accepts.
        images: the most that can be encoded at once.
        frames: the most of a video with the requested objects; None if the variant follows none.
        size: height and width of the largest image of these proportions that fits the automatic generator
            with one point per batch; the requested size if that fits.
        precisions: those in which the encoder fits.
        by_precision: limits in each precision.
    """

    question: MemoryQuestion
    points_per_batch: int
    nonzero_points: int
    images: int
    frames: int | None
    size: tuple[int, int]
    precisions: tuple[str, ...]
    by_precision: dict[str, BatchLimits]


def image_size(text: str) -> tuple[int, int]:
    """Return height and width of ``4000x3000``, where the width comes first.

    Raises:
        BadInput: it is not a size.
    """
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdigit() and height.isdigit()) or not 0 < max(int(width), int(height)) <= LONGEST_SIDE:
        raise BadInput(f"--image: {text!r} is not a size: write width x height in pixels, e.g. 4000x3000")
    if not min(int(width), int(height)):
        raise BadInput(f"--image: {text!r} has no pixels")
    return int(height), int(width)


def largest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number from 1 to `most` that fits, by bisection; 0 if none does."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def fit_of(question: MemoryQuestion) -> MemoryFit:
    """Return what fits on the question's card, which must be set."""
    height, width = question.work.size

    def fits(step: str, **changed: Any) -> bool:
        return _with_work(question, **changed).fits(step)

    def scaled(percent: int) -> tuple[int, int]:
        return max(1, height * percent // 1000), max(1, width * percent // 1000)

    share = largest(1000, lambda part: fits("automatic", size=scaled(part), points_per_batch=1))
    by_precision = {name: _batch_limits(replace(question, precision=name)) for name in ON_GPUS}
    limits = by_precision.get(question.precision) or _batch_limits(question)
    return MemoryFit(
        question,
        points_per_batch=limits.points_per_batch,
        nonzero_points=largest_batch_for_nonzero(question.work.size),
        images=limits.images,
        frames=limits.frames,
        size=scaled(share) if share else (0, 0),
        precisions=tuple(name for name in ON_GPUS if replace(question, precision=name).fits("encode")),
        by_precision=by_precision,
    )


def _with_work(question: MemoryQuestion, **changed: Any) -> MemoryQuestion:
    return replace(question, work=replace(question.work, **changed))


def _batch_limits(question: MemoryQuestion) -> BatchLimits:
    frames = None
    if question.follows_videos:
        frames = largest(MOST_FRAMES, lambda count: _with_work(question, frames=count).fits(VIDEO))
    return BatchLimits(
        largest(MOST_IMAGES, lambda count: _with_work(question, images=count).fits("encode")),
        largest(MOST_POINTS, lambda count: _with_work(question, points_per_batch=count).fits("automatic")),
        frames,
    )


def _figures(need: MemoryRequirement) -> dict[str, Any]:
    reserved = need.reserved if need.step in ON_CARD else None
    figures = {"step": need.step, "weights": need.weights, "growth": need.growth, "at": need.at}
    return {**figures, "peak": need.peak, "reserved": reserved}


def as_json(question: MemoryQuestion) -> dict[str, Any]:
    """Return the answer as JSON: sizes in bytes, images as [height, width]."""
    steps = [{**_figures(need), "verdict": question.verdict(need)} for need in question.needs.values()]
    document: dict[str, Any] = {
        "variant": question.variant,
        "precision": question.precision,
        "work": asdict(question.work),
        "card": question.card,
        "gpu": question.gpu,
        "card_from": question.size_source,
        "context": question.context,
        "steps": steps,
    }
    if question.card is not None:
        fits = asdict(fit_of(question))
        del fits["question"]
        document["fits"] = fits
    return document
