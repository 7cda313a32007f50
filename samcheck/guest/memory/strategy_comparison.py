"""Comparison of the strategies under one limit, and of ways to retry by what each leaves alive.

The limit allows a share of what the generator needs with all points in one batch, measured in the same
process, so it does not depend on the machine.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from time import perf_counter
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy as np

from ..models import scenes, weights
from ..models.variant import Variant
from .failure_points import digest
from .failures import attempt, live_tensors, new_tensors
from .headroom import least
from .process_memory import LIMITS, MIB, MemoryGauge, recover, steady_allocator
from .retry import WAYS, GaveUp, halved
from .strategies import STRATEGIES, StrategyContext, Unsupported

HEIGHT, WIDTH = 360, 480
#: The limit's share: half of the points fit, and all of them exceed it by far.
SHARE = 0.65
#: Ways to retry are compared with fewer points: side of the grid, first batch and last batch.
RETRY_GRID, RETRY_BATCH, LEAST_BATCH = 4, 16, 2
#: Height and width of their image: on a GPU, where a limit counts segments, tensors must not be small ones.
RETRY_SIZE = {"cpu": (120, 160), "cuda": (720, 960)}


@dataclass(frozen=True)
class StrategyResult:
    """The result of one strategy.

    Attributes:
        name: one of `STRATEGIES`.
        unsupported: why it cannot be tried here; the other fields are then empty.
        recovers: it returned masks under the limit.
        error: its error otherwise.
        seconds_ratio: its time until it finished or failed, relative to the run without a limit.
        limit_mib: how much could be allocated.
        masks: number of masks it returned.
        least_iou: over the masks of the run without a limit, the smallest IoU with the best match.
        median_iou: likewise, the median.
        metrics: its other measurements.
    """

    name: str
    unsupported: Optional[str] = None
    recovers: bool = False
    error: str = ""
    seconds_ratio: float = 0.0
    limit_mib: float = 0.0
    masks: int = 0
    least_iou: float = 0.0
    median_iou: float = 0.0
    metrics: Dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StrategyComparison:
    """The results of all strategies, and the run without a limit they are compared with.

    Attributes:
        need_mib: what must be allowed for the generator with all points in one batch.
        limit_mib: what a strategy may allocate, unless it sets another limit.
        masks: number of masks the generator returns.
        tried: the result of each strategy, by its name.
    """

    need_mib: float
    limit_mib: float
    masks: int
    tried: Dict[str, StrategyResult]


@dataclass(frozen=True)
class Attempts:
    """The result of one of the `WAYS` under the limit.

    Attributes:
        way: its name.
        settings: points per batch, for each attempt.
        leftovers: tensors of failed attempts that were alive when each attempt began.
        gave_up: nothing fit.
        masks: number of masks.
        same_masks: they equal those of a run without a limit that started with the last setting.
    """

    way: str
    settings: List[int]
    leftovers: List[int]
    gave_up: bool = False
    masks: int = 0
    same_masks: bool = False


@dataclass(frozen=True)
class Retries:
    """The results of all `WAYS`."""

    ways: Dict[str, Attempts]


def _context(variant: Variant, device: str, height: int, width: int) -> StrategyContext:
    model = weights.load(variant)[0].to(device)
    context = StrategyContext(variant, device, model, scenes.draw(7, height, width).image)
    context.masks(points_per_side=1)  # allocations on first use are not counted
    recover(device)
    return context


def compare(variant: Variant, device: str) -> StrategyComparison:
    """Try every strategy under the limit."""
    if device == "cpu":
        steady_allocator(2**16)  # the weights of a freed encoder are such blocks
    context = _context(variant, device, HEIGHT, WIDTH)
    gauge, begin = MemoryGauge(device), perf_counter()
    gauge.start()
    expected = context.masks()
    gauge.stop()
    seconds = perf_counter() - begin
    needed = least(context.masks, device, gauge.needed)
    common = int(needed * SHARE)
    tried = {}
    for name in STRATEGIES:
        recover(device)
        context.headroom, context.metrics = common, {}
        tried[name] = _try(name, context, expected, seconds)
    return StrategyComparison(needed / MIB, common / MIB, len(expected), tried)


def _try(
    name: str, context: StrategyContext, expected: Sequence[np.ndarray], seconds: float
) -> StrategyResult:
    try:
        run = STRATEGIES[name](context)
    except Unsupported as error:
        return StrategyResult(name, unsupported=str(error))
    recover(context.device)
    begin = perf_counter()
    with LIMITS[context.device](context.headroom):
        masks, failure = attempt(run)
        taken = perf_counter() - begin
    tried = StrategyResult(
        name=name,
        recovers=failure is None,
        error=failure.error if failure else "",
        seconds_ratio=taken / seconds,
        limit_mib=context.headroom / MIB,
        metrics=context.metrics,
    )
    return _matched(tried, expected, [_decoded(mask) for mask in masks]) if masks else tried


def _decoded(mask: Any) -> np.ndarray:
    """Decode a mask or its run lengths to bool (H, W)."""
    from segment_anything.utils.amg import rle_to_mask

    decoded: np.ndarray = rle_to_mask(mask) if isinstance(mask, dict) else mask
    return decoded


def _matched(
    tried: StrategyResult, expected: Sequence[np.ndarray], masks: Sequence[np.ndarray]
) -> StrategyResult:
    """Return `tried` with how well each expected mask is matched by the best mask found."""
    rows, columns = (np.array([mask.ravel() for mask in group], np.float32) for group in (expected, masks))
    common = rows @ columns.T
    either = rows.sum(1)[:, None] + columns.sum(1) - common
    best = (common / np.maximum(either, 1)).max(1)
    return replace(tried, masks=len(masks), least_iou=float(best.min()), median_iou=float(np.median(best)))


def retried(variant: Variant, device: str) -> Retries:
    """Run the generator under the limit with ever smaller batches until it fits, in each way."""
    context = _context(variant, device, *RETRY_SIZE[device])
    masks = partial(context.masks, points_per_side=RETRY_GRID)
    headroom = int(least(partial(masks, points_per_batch=RETRY_BATCH), device) * SHARE)
    expected = lru_cache(maxsize=None)(lambda count: digest(masks(points_per_batch=count)))
    return Retries({way: _retried(device, way, headroom, masks, expected) for way in WAYS})


def _retried(
    device: str, way: str, headroom: int, masks: Callable[..., List[Any]], expected: Callable[[int], str]
) -> Attempts:
    settings: List[int] = []
    leftovers: List[int] = []
    recover(device)
    before = live_tensors()

    def step(count: int) -> Any:
        settings.append(count)
        leftovers.append(new_tensors(before))
        return masks(points_per_batch=count)

    answer: Any = None
    with LIMITS[device](headroom), suppress(GaveUp):
        answer = WAYS[way](step, halved(RETRY_BATCH, LEAST_BATCH), device)
    if answer is None:
        return Attempts(way, settings, leftovers, gave_up=True)
    result = getattr(answer, "result", answer)
    same = digest(result) == expected(settings[-1])
    return Attempts(way, settings, leftovers, masks=len(result), same_masks=same)
