"""What a recipe gains: time and memory, against the plain way in the same process.

Both ways take turns, so that what slows the machine down slows both. On the small model a step takes about
10 ms, and on two busy cores ratios of the same step against itself came out between 0.9 and 1.1: only what
is well outside of that is a gain or a loss. On a CPU none of it says anything of GPUs.
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
#: Rounds of a comparison: as many as fit into the seconds, within bounds, and for steps of seconds only one.
SECONDS, FEWEST, MOST = 0.2, 3, 15
LONG_SECONDS = 1.0


def once(step: Step, device: str) -> float:
    """Seconds that one run takes, the device waited for."""
    finished = Synchronised(step, device)
    begin = perf_counter()
    finished()
    return perf_counter() - begin


def in_turn(step: Step, other: Step, device: str) -> List[Tuple[float, float]]:
    """Seconds of two steps that take turns; the first turn warms up, but for steps that take seconds."""
    first = once(step, device), once(other, device)
    if sum(first) > 2 * LONG_SECONDS:
        return [first]
    rounds = max(FEWEST, min(MOST, int(SECONDS / sum(first))))
    return [(once(step, device), once(other, device)) for _ in range(rounds)]


def times(step: Step, plain: Step, device: str) -> Measured:
    """Median milliseconds of both ways, and the median of their ratios: below 1 the recipe is faster."""
    pairs = in_turn(step, plain, device)
    return {
        "time_ms": median(seconds for seconds, _ in pairs) * 1e3,
        "plain_ms": median(without for _, without in pairs) * 1e3,
        "time_ratio": median(seconds / without for seconds, without in pairs),
    }


def weights_mib(model: Any) -> float:
    """What the parameters and buffers of a model take, quantised ones too, as `torch.save` writes them."""
    stream = io.BytesIO()
    torch.save(model.state_dict(), stream)
    return stream.tell() / MIB


def sizes(most: float, without: float) -> Measured:
    """Two sizes in MiB as metrics: below 1 the recipe takes less."""
    return {"memory_mib": most, "plain_mib": without, "memory_ratio": most / without}


def of_steps(step: Step, plain: Step, device: str) -> Measured:
    """Time and memory of two steps that use the same weights, which are left out."""
    return {
        **times(step, plain, device),
        **sizes(*(tensors(way, device) for way in (step, plain))),
    }


def compared(context: Context, model: Any, precision: str, step: Optional[Step] = None) -> Measured:
    """What `model` gains over the plain one from an image to masks, once its answer is known to be right.

    `step` is how it is used, where that is not as usual.

    Raises:
        SilentlyWrong: it gives another answer than float32, beyond rounding at `precision`.
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
