"""How often must a step run until its time is known? Warm-up until stable, then what its noise asks for.

Two stages, after C. Stein, "A two-sample test for a linear hypothesis whose power is independent of the
variance", Annals of Mathematical Statistics 16 (1945): a pilot says how noisy the step is here, and that says
how many rounds the wanted standard error takes.
"""

from __future__ import annotations

import math
from statistics import mean, median, pstdev, stdev
from time import perf_counter
from typing import Any, Callable, Dict, List, Sequence

#: Relative standard error of the mean under which no more rounds are taken.
TARGET = 0.01
#: Rounds of the pilot, and the fewest that are taken; a step that takes long has fewer.
PILOT = 5
FEWEST = 3
MOST = 2000
#: So far may the last rounds of a warm-up be apart, as a share of their median.
STABLE = 0.1
#: Samples that are stored for one process: 64 numbers give any quantile that a verdict uses, in half a KiB.
KEPT = 64


def warm_up(step: Callable[[], Any], seconds: float) -> List[float]:
    """Run `step` until its last rounds take equally long, or the time is over; gives all times in seconds.

    The last `PILOT` of them, less where a round takes longer than the time, are the pilot.
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
    """Whether the last rounds scatter around one value: no trend that is larger than `STABLE`."""
    last = times[-PILOT:]
    if len(times) <= PILOT:  # the first ones are never among the last
        return False
    middle = median(last)
    return all(abs(seconds - middle) <= STABLE * middle for seconds in last)


def rounds_for(pilot: Sequence[float], seconds: float, target: float = TARGET) -> int:
    """So many rounds bring the mean's relative standard error under `target`, if the time allows them."""
    typical = median(pilot)
    wanted = (pstdev(pilot) / typical / target) ** 2 if len(pilot) > 1 else math.inf
    affordable = seconds / typical
    return int(max(FEWEST, min(max(wanted, 2 * PILOT), affordable, MOST)))


def relative_error(samples: Sequence[float]) -> float:
    """Standard error of the mean over the mean; infinite for a single sample."""
    if len(samples) < 2:
        return math.inf
    return stdev(samples) / mean(samples) / math.sqrt(len(samples))


def thinned(samples: Sequence[float], kept: int = KEPT) -> List[float]:
    """At most `kept` of them, evenly over time: a drift or a slow phase stays to be seen."""
    if len(samples) <= kept:
        return list(samples)
    return [samples[number * len(samples) // kept] for number in range(kept)]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of samples in rising order, interpolated between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def summary(samples: Sequence[float]) -> Dict[str, float]:
    """The numbers of a benchmark from its rounds in ms; a quantile only where rounds lie beyond it."""
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
