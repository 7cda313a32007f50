"""A variant, a precision, an image and a GPU → what fits, and the settings that make it fit (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from packaging.version import Version

from samcheck.errors import BadInput
from samcheck.guest.memory_model import (
    CONTEXT_MIB,
    INT_MAX,
    SHAPES,
    MemoryRequirement,
    Work,
    largest_batch_for_nonzero,
    needs,
)
from samcheck.guest.record import PRECISION_NAMES
from samcheck.units import counted, readable

#: The suite holds predictions to within a tenth of what it measures; anything closer to the limit is tight.
ALLOWANCE = 0.10
CONTEXT = CONTEXT_MIB * 2**20
LONGEST_SIDE, MOST_POINTS, MOST_IMAGES = 100_000, 4096, 256
ON_CARD = ("encode", "predict", "automatic")
#: Dynamic int8 quantisation runs on CPUs only.
ON_GPUS = tuple(name for name in PRECISION_NAMES if name != "int8-dynamic")
#: The lowest compute capability with bfloat16 and TF32:
#: https://docs.pytorch.org/docs/stable/generated/torch.cuda.is_bf16_supported.html
AMPERE, OF_AMPERE = Version("8.0"), ("bf16", "autocast-bf16", "tf32")
NONZERO_LINK = "https://github.com/pytorch/pytorch/pull/141592"


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
        return {need.step: need for need in needs(SHAPES[self.variant], self.precision, "cuda", self.work)}

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
    """The most images at once and points per batch that fit; 0 if not even one does."""

    images: int
    points_per_batch: int


@dataclass(frozen=True)
class MemoryFit:
    """What fits on a GPU.

    Attributes:
        points_per_batch: the most that fit; 0 if not even one does.
        nonzero_points: the most whose masks `nonzero` accepts.
        images: the most that can be encoded at once.
        size: height and width of the largest image of these proportions that fits the automatic generator
            with one point per batch; the requested size if that fits.
        precisions: those in which the encoder fits.
        by_precision: limits in each precision.
    """

    question: MemoryQuestion
    points_per_batch: int
    nonzero_points: int
    images: int
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
        size=scaled(share) if share else (0, 0),
        precisions=tuple(name for name in ON_GPUS if replace(question, precision=name).fits("encode")),
        by_precision=by_precision,
    )


def _with_work(question: MemoryQuestion, **changed: Any) -> MemoryQuestion:
    return replace(question, work=replace(question.work, **changed))


def _batch_limits(question: MemoryQuestion) -> BatchLimits:
    return BatchLimits(
        largest(MOST_IMAGES, lambda count: _with_work(question, images=count).fits("encode")),
        largest(MOST_POINTS, lambda count: _with_work(question, points_per_batch=count).fits("automatic")),
    )


def lines(question: MemoryQuestion) -> Iterator[str]:
    """Yield the answer as text."""
    height, width = question.work.size
    card = ""
    if question.card is not None:
        card = f" on {question.gpu or 'a GPU'} with {readable(question.card)}"
    yield f"{question.variant} in {question.precision}{card}, image {width} x {height}"
    if question.size_source:
        yield f"{question.gpu}: {question.size_source}"
    if not question.computes(question.precision):
        yield (
            f"{question.gpu} has no native {question.precision} "
            f"(compute capability {question.capability}, below {AMPERE}): "
            "it runs in float32 or slowly"
        )
    yield f"{'':10}{'weights':>10}{'peak':>10}{'reserved':>10}  highest in"
    for need in question.needs.values():
        reserved = readable(need.reserved) if need.step in ON_CARD else "–"
        figures = f"{need.step:10}{readable(need.weights):>10}{readable(need.peak):>10}{reserved:>10}"
        where = "in host memory" if need.step == "load" else question.verdict(need)
        yield f"{figures}  {_amount(question, need.step)}{need.at}{': ' if where else ''}{where}"
    if question.card is not None:
        source = question.context_source or "--context"
        yield f"plus {readable(question.context)} reserved for CUDA itself ({source})"
        yield from advice(fit_of(question))
    yield "computed from SAM's tensor shapes; reserved: what PyTorch's caching allocator takes from the GPU"
    yield "for them if it has no limit; workspaces of CUDA's libraries come on top"


def per_gpu(questions: Sequence[MemoryQuestion]) -> Iterator[str]:
    """Yield the need once, and a line for each of several GPUs."""
    yield from lines(replace(questions[0], card=None, gpu="", size_source=""))
    for question in questions:
        fit = fit_of(question)
        steps = ", ".join(f"{step} {question.verdict(question.needs[step])}" for step in ON_CARD)
        size = readable(question.card or 0)
        yield (
            f"{question.gpu or size} ({size}): {steps}; at most {counted(fit.images, 'image')} and "
            f"{counted(fit.points_per_batch, 'point')} at once"
        )


def _amount(question: MemoryQuestion, step: str) -> str:
    work = question.work
    amounts = {
        "encode": (work.images, "image"),
        "predict": (work.prompts, "prompt"),
        "automatic": (work.points_per_batch, "point"),
    }
    if step not in amounts:
        return ""
    count, noun = amounts[step]
    return f"{counted(count, noun)} at once, "


def advice(fit: MemoryFit) -> Iterator[str]:
    """Yield the settings to use."""
    question = fit.question
    if not fit.images:
        others = ", ".join(fit.precisions)
        yield f"not even one image can be encoded: {'use ' + others if others else 'use a smaller variant'}"
        return
    yield f"encode at most {counted(fit.images, 'image')} at once"
    if fit.points_per_batch:
        yield f"automatic generation: points_per_batch={min(fit.points_per_batch, fit.nonzero_points)}"
        if fit.points_per_batch > fit.nonzero_points:
            yield (
                f"  memory would allow {fit.points_per_batch}, but `nonzero` accepts at most {INT_MAX} "
                f"elements before {NONZERO_LINK}"
            )
    elif fit.size != (0, 0):
        yield (
            f"automatic generation does not fit with one point per batch: scale the image down to "
            f"{fit.size[1]} x {fit.size[0]}, or cut it into tiles of that size"
        )
    else:
        yield "automatic generation does not fit at any size: use a lower precision or a smaller variant"
    if not question.fits("predict"):
        yield "use fewer prompts at once: each holds another copy of the image features"
    yield from _precisions(fit)


def _precisions(fit: MemoryFit) -> Iterator[str]:
    """Yield the precisions that allow more, one line for all with the same limits."""
    alike: dict[BatchLimits, list[str]] = {}
    for name, limits in fit.by_precision.items():
        if not fit.question.computes(name):
            continue
        if limits.images > fit.images or limits.points_per_batch > fit.points_per_batch:
            alike.setdefault(limits, []).append(name)
    for limits, names in alike.items():
        points = min(limits.points_per_batch, fit.nonzero_points)
        images = counted(limits.images, "image")
        yield f"in {', '.join(names)}: at most {images} at once, points_per_batch={points}"


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
