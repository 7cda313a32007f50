"""What fits a GPU, as text (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from samcheck.analysis.memory_fit import (
    AMPERE,
    MOST_FRAMES,
    ON_CARD,
    BatchLimits,
    MemoryFit,
    MemoryQuestion,
    fit_of,
)
from samcheck.guest.memory_model import INT_MAX, VIDEO
from samcheck.units import counted, readable

NONZERO_LINK = "https://github.com/pytorch/pytorch/pull/141592"


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
        on_card = (need for step, need in question.needs.items() if step in ON_CARD)
        steps = ", ".join(f"{need.step} {question.verdict(need)}" for need in on_card)
        size = readable(question.card or 0)
        frames = "" if fit.frames is None else f", and {counted(fit.frames, 'frame')} of a video"
        yield (
            f"{question.gpu or size} ({size}): {steps}; at most {counted(fit.images, 'image')} and "
            f"{counted(fit.points_per_batch, 'point')} at once{frames}"
        )


def _amount(question: MemoryQuestion, step: str) -> str:
    work = question.work
    if step == VIDEO:
        return f"{counted(work.frames, 'frame')}, {counted(work.objects, 'object')}, "
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
    if fit.frames is not None:
        yield from _video_advice(fit)
    yield from _precisions(fit)


def _video_advice(fit: MemoryFit) -> Iterator[str]:
    work = fit.question.work
    objects = counted(work.objects, "object")
    if fit.frames == MOST_FRAMES:
        yield f"video: more than {MOST_FRAMES} frames with {objects}"
        return
    yield f"video: at most {counted(fit.frames or 0, 'frame')} with {objects}"
    if not fit.question.fits(VIDEO):
        options = [
            name
            for name, used in (
                ("--offload-video", work.video_on_host),
                ("--offload-state", work.state_on_host),
            )
            if not used
        ]
        if options:
            yield f"  {' and '.join(options)} say what is left if the host keeps that (init_state's options)"


def _precisions(fit: MemoryFit) -> Iterator[str]:
    """Yield the precisions that allow more, one line for all with the same limits."""
    alike: dict[BatchLimits, list[str]] = {}
    own = BatchLimits(fit.images, fit.points_per_batch, fit.frames)
    for name, limits in fit.by_precision.items():
        if not fit.question.computes(name):
            continue
        if limits.allows_more(own):
            alike.setdefault(limits, []).append(name)
    for limits, names in alike.items():
        points = min(limits.points_per_batch, fit.nonzero_points)
        images = counted(limits.images, "image")
        frames = "" if limits.frames is None else f", {counted(limits.frames, 'frame')}"
        yield f"in {', '.join(names)}: at most {images} at once, points_per_batch={points}{frames}"
