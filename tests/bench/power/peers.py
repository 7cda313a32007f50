"""The rules by which others call a benchmark regressed, on samples in ms.

    pytest-benchmark   ``--benchmark-compare-fail=mean:5%``: the mean of all rounds grew by more than 5 %
    asv                ``asv compare``: the median grew by more than the factor 1.1, and a Mann-Whitney test
                       of all rounds has p < 0.002
    TorchBench         the median of all rounds grew by more than 7 %

Each has a knob, so that all can be set to the same rate of false alarms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from scipy import stats

Samples = Sequence[Sequence[float]]
#: Of asv_runner.statistics.is_different.
ASV_P = 0.002


def pooled(samples: Samples) -> list[float]:
    return [value for process in samples for value in process]


@dataclass(frozen=True)
class Peer:
    """A rule: `growth` of new over base must exceed `limit`, and `different` must hold."""

    name: str
    limit: float
    growth: Callable[[Samples, Samples], float]
    different: Callable[[Samples, Samples], bool] = lambda base, new: True

    def alarms(self, base: Samples, new: Samples, limit: float | None = None) -> bool:
        return self.growth(base, new) > (self.limit if limit is None else limit) and self.different(base, new)


def mean_growth(base: Samples, new: Samples) -> float:
    return mean(pooled(new)) / mean(pooled(base)) - 1


def median_growth(base: Samples, new: Samples) -> float:
    return median(pooled(new)) / median(pooled(base)) - 1


def mann_whitney(base: Samples, new: Samples) -> bool:
    return bool(stats.mannwhitneyu(pooled(base), pooled(new)).pvalue < ASV_P)


PEERS = (
    Peer("pytest-benchmark mean:5%", 0.05, mean_growth),
    Peer("asv factor 1.1 + Mann-Whitney", 0.10, median_growth, mann_whitney),
    Peer("TorchBench 7% of medians", 0.07, median_growth),
)
