"""Timing a step so that the clock sees all of it: the device is waited for before it is read.

Without that a GPU's encoder looks free and whatever copies first to the host looks slow
(https://github.com/facebookresearch/segment-anything/issues/344).
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Callable, Dict

import torch

LONG_SECONDS = 5.0
FEWEST_ROUNDS = 3


def synchronised(step: Callable[[], Any], device: str) -> Callable[[], Any]:
    """`step`, returning only when the device has finished it."""
    if device != "cuda":
        return step

    def finished() -> Any:
        result = step()
        torch.cuda.synchronize()
        return result

    return finished


def time(benchmark: Any, step: Callable[[], Any]) -> Any:
    """Time `step` with the pytest-benchmark fixture; returns what it gave.

    pytest-benchmark decides how often to run it, unless one run takes so long that even its least, five
    rounds behind a calibration, would take minutes.
    """
    begin = perf_counter()
    step()
    if perf_counter() - begin < LONG_SECONDS:
        return benchmark(step)
    return benchmark.pedantic(step, rounds=FEWEST_ROUNDS)


def metrics(benchmark: Any) -> Dict[str, float]:
    """The numbers of a finished pytest-benchmark fixture, in milliseconds."""
    stats = benchmark.stats.stats
    return {
        "median_ms": stats.median * 1e3,
        "mean_ms": stats.mean * 1e3,
        "min_ms": stats.min * 1e3,
        "stddev_ms": stats.stddev * 1e3,
        "rounds": float(stats.rounds),
    }
