"""The gain of a recipe in time and memory, relative to the plain way in the same process.

Both ways alternate, so that whatever slows the machine down slows both, and each ratio has an interval.
Figures from a CPU say nothing about GPUs.
"""

from __future__ import annotations

import io
from statistics import median
from time import perf_counter
from typing import Any, Callable, List, Optional, Tuple

import torch

from ..benchmark.intervals import interval
from ..benchmark.synchronised import Synchronised
from ..memory.peak_meter import tensors
from .recipe import Context, Measured, mean_iou, require_right

Step = Callable[[], Any]
MIB = 2**20
#: Rounds of a comparison: as many as fit in the seconds, within bounds. With fewer there is no interval.
SECONDS, FEWEST, MOST = 0.3, 6, 15
#: Seconds that the fewest rounds may take; slower steps are measured once.
AFFORDABLE_SECONDS = 2.0


def once(step: Step, device: str) -> float:
    """Measure the seconds of one run, synchronised with the device."""
    finished = Synchronised(step, device)
    begin = perf_counter()
    finished()
    return perf_counter() - begin


def in_turn(step: Step, other: Step, device: str) -> List[Tuple[float, float]]:
    """Measure the seconds of two alternating steps; the first turn is a warm-up unless it is the only one."""
    first = once(step, device), once(other, device)
    if FEWEST * sum(first) > AFFORDABLE_SECONDS:
        return [first]
    rounds = max(FEWEST, min(MOST, int(SECONDS / sum(first))))
    return [(once(step, device), once(other, device)) for _ in range(rounds)]


def times(step: Step, plain: Step, device: str) -> Measured:
    """Measure median milliseconds of both ways, and their ratio with its interval: below 1 is faster."""
    pairs = in_turn(step, plain, device)
    ratios = [seconds / without for seconds, without in pairs]
    return {
        "time_ms": median(seconds for seconds, _ in pairs) * 1e3,
        "plain_ms": median(without for _, without in pairs) * 1e3,
        "time_ratio": median(ratios),
        **bounds("time_ratio", interval(ratios)),
    }


def share(part: Step, rest: Step, device: str, name: str) -> Measured:
    """Measure the share of `part` in the time of itself and of `rest`, which follows it: between 0 and 1."""
    odds = [seconds / remaining for seconds, remaining in in_turn(part, rest, device)]
    found = interval(odds)
    limits = None if found is None else (found[0] / (1 + found[0]), found[1] / (1 + found[1]))
    middle = median(odds)
    return {name: middle / (1 + middle), **bounds(name, limits)}


def bounds(name: str, limits: Optional[Tuple[float, float]]) -> Measured:
    """Return the metrics that hold the interval of another one; none if it is unknown."""
    return {} if limits is None else {name + "_low": limits[0], name + "_high": limits[1]}


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
