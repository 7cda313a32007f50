"""How many rounds a benchmark takes: warm-up until stable, then as many as its noise requires.

Two stages, after C. Stein, "A two-sample test for a linear hypothesis whose power is independent of the
variance", Annals of Mathematical Statistics 16 (1945): a pilot measures how noisy the step is here, which
determines how many rounds the target standard error takes.
"""

from __future__ import annotations

import math
from statistics import mean, median, pstdev, stdev
from time import perf_counter
from typing import Any, Callable, Dict, List, Sequence

#: Relative standard error of the mean below which no more rounds are taken.
TARGET = 0.01
#: Rounds of the pilot, and the minimum number of rounds; a slow step has fewer.
PILOT = 5
FEWEST = 3
MOST = 2000
#: Largest spread of the last rounds of a warm-up, as a share of their median.
STABLE = 0.1
#: Number of samples stored per process: 64 give any quantile that a verdict uses, in half a KiB.
KEPT = 64


def warm_up(step: Callable[[], Any], seconds: float) -> List[float]:
    """Run `step` until its last rounds take equally long or the time is up; return all times in seconds.

    The last `PILOT` of them, fewer if a round takes longer than the time limit, are the pilot.
    """
    times: List[float] = []
    begin = perf_counter()
    while True:
        before = perf_counter()
        step()
        now = perf_counter()
        times.append(now - before)
        if stable(times) or (now - begin > seconds and len(times) >= 2):
            return times


def stable(times: Sequence[float]) -> bool:
    """Whether the last rounds scatter around one value, with no trend larger than `STABLE`."""
    last = times[-PILOT:]
    if len(times) <= PILOT:  # the first ones are never among the last
        return False
    middle = median(last)
    return all(abs(seconds - middle) <= STABLE * middle for seconds in last)


def rounds_for(pilot: Sequence[float], seconds: float, target: float = TARGET) -> int:
    """Number of rounds to bring the mean's relative standard error below `target`, within the time limit."""
    typical = median(pilot)
    wanted = (pstdev(pilot) / typical / target) ** 2 if len(pilot) > 1 else math.inf
    affordable = seconds / typical
    return int(max(FEWEST, min(max(wanted, 2 * PILOT), affordable, MOST)))


def relative_error(samples: Sequence[float]) -> float:
    """Standard error of the mean divided by the mean; infinite for a single sample."""
    if len(samples) < 2:
        return math.inf
    return stdev(samples) / mean(samples) / math.sqrt(len(samples))


def thinned(samples: Sequence[float], kept: int = KEPT) -> List[float]:
    """Keep at most `kept` samples, evenly over time, so that a drift or a slow phase stays visible."""
    if len(samples) <= kept:
        return list(samples)
    return [samples[number * len(samples) // kept] for number in range(kept)]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Quantile of sorted samples, interpolated between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def summary(samples: Sequence[float]) -> Dict[str, float]:
    """Summarise a benchmark's rounds in ms; a quantile is included only if rounds lie beyond it."""
    ordered = sorted(samples)
    metrics = {
        "median_ms": quantile(ordered, 0.5),
        "mean_ms": mean(ordered),
        "min_ms": ordered[0],
        "stddev_ms": stdev(ordered) if len(ordered) > 1 else 0.0,
        "rounds": float(len(ordered)),
    }
    for name, share, fewest in (("p90_ms", 0.9, 10), ("p99_ms", 0.99, 100)):
        if len(ordered) >= fewest:
            metrics[name] = quantile(ordered, share)
    return metrics
