"""The gain of a recipe in time and memory, relative to the plain way in the same process.

Both ways alternate, so that whatever slows the machine down slows both. On the small model a step takes about
10 ms, and on two busy cores, ratios of a step to itself were between 0.9 and 1.1: only what is well outside
that range is a gain or a loss. Figures from a CPU say nothing about GPUs.
"""

from __future__ import annotations

import io
from statistics import median
from time import perf_counter
from typing import Any, Callable, List, Optional, Tuple

import torch

from ..benchmark.latency import Synchronised
from ..memory.peak_meter import tensors
from .recipe import Context, Measured, mean_iou, require_right

Step = Callable[[], Any]
MIB = 2**20
#: Rounds of a comparison: as many as fit in the seconds, within bounds; only one if a step takes seconds.
SECONDS, FEWEST, MOST = 0.2, 3, 15
LONG_SECONDS = 1.0


def once(step: Step, device: str) -> float:
    """Measure the seconds of one run, synchronised with the device."""
    finished = Synchronised(step, device)
    begin = perf_counter()
    finished()
    return perf_counter() - begin


def in_turn(step: Step, other: Step, device: str) -> List[Tuple[float, float]]:
    """Measure the seconds of two alternating steps; the first turn is a warm-up unless they take seconds."""
    first = once(step, device), once(other, device)
    if sum(first) > 2 * LONG_SECONDS:
        return [first]
    rounds = max(FEWEST, min(MOST, int(SECONDS / sum(first))))
    return [(once(step, device), once(other, device)) for _ in range(rounds)]


def times(step: Step, plain: Step, device: str) -> Measured:
    """Measure median milliseconds of both ways, and the median ratio: below 1 the recipe is faster."""
    pairs = in_turn(step, plain, device)
    return {
        "time_ms": median(seconds for seconds, _ in pairs) * 1e3,
        "plain_ms": median(without for _, without in pairs) * 1e3,
        "time_ratio": median(seconds / without for seconds, without in pairs),
    }


def weights_mib(model: Any) -> float:
    """Return the size of a model's parameters and buffers, quantised or not, as `torch.save` writes them."""
    stream = io.BytesIO()
    torch.save(model.state_dict(), stream)
    return stream.tell() / MIB


def sizes(most: float, without: float) -> Measured:
    """Return two sizes in MiB as metrics: with a ratio below 1 the recipe takes less."""
    return {"memory_mib": most, "plain_mib": without, "memory_ratio": most / without}


def of_steps(step: Step, plain: Step, device: str) -> Measured:
    """Compare time and memory of two steps that use the same weights, which are left out."""
    return {
        **times(step, plain, device),
        **sizes(*(tensors(way, device) for way in (step, plain))),
    }


def compared(context: Context, model: Any, precision: str, step: Optional[Step] = None) -> Measured:
    """Measure the gain of `model` over the plain one from image to masks, once its answer is verified.

    `step` overrides how it is used.

    Raises:
        SilentlyWrong: its answer differs from float32's by more than rounding at `precision`.
    """
    use = step or (lambda: context.segment(model))
    prediction = use()
    require_right(prediction, context.plain, precision)

    def plain() -> Any:
        return context.segment(context.model)

    most = weights_mib(model) + tensors(use, context.device)
    without = weights_mib(context.model) + tensors(plain, context.device)
    iou = mean_iou(prediction.masks, context.plain.masks)
    return {**times(use, plain, context.device), **sizes(most, without), "iou": iou}
