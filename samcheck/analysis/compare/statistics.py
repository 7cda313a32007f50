"""Whether a difference is more than noise (pure).

A benchmark's number varies between processes of one run and, beyond that, between runs. Both variances are
estimated, the second from stored A/A runs, and a difference is tested against both. Variances with few
degrees of freedom are shrunk towards those of the machine's other benchmarks, after G. K. Smyth, "Linear
models and empirical Bayes methods for assessing differential expression in microarray experiments",
Statistical Applications in Genetics and Molecular Biology 3 (2004).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from samcheck.measurable import ASSUMED_DEGREES, ASSUMED_RUN_SD

#: For each run of the same, the value of each of its processes.
Runs = Sequence[Sequence[float]]

#: No clock or machine is more repeatable than this between two runs.
LEAST_SD = 0.002


@dataclass(frozen=True)
class Variance:
    """A variance and its degrees of freedom."""

    value: float
    degrees: float

    def pooled(self, other: Variance) -> Variance:
        degrees = self.degrees + other.degrees
        if not degrees:
            return Variance(0.0, 0.0)
        return Variance((self.value * self.degrees + other.value * other.degrees) / degrees, degrees)


UNKNOWN = Variance(0.0, 0.0)


@dataclass(frozen=True)
class Noise:
    """A benchmark's known noise.

    Attributes:
        process: variance between processes of a run.
        run: variance of the mean of a run of `size` processes, from one run to another.
        size: infinite if `run` comes on top of the processes' share.
        assumed: whether `run` is `ASSUMED_RUN_SD` because there are no A/A runs.
    """

    process: Variance
    run: Variance
    size: float = math.inf
    assumed: bool = False


NOTHING_KNOWN = Noise(UNKNOWN, Variance(ASSUMED_RUN_SD**2, ASSUMED_DEGREES), assumed=True)


def within(groups: Sequence[Sequence[float]]) -> Variance:
    """Return the pooled variance within groups; with 0 degrees if no group has two members."""
    degrees = sum(len(group) - 1 for group in groups if group)
    if not degrees:
        return UNKNOWN
    squares = sum(float(np.var(group)) * len(group) for group in groups if group)
    return Variance(squares / degrees, float(degrees))


def between(groups: Sequence[Sequence[float]]) -> Variance:
    """Return the variance of the group means; with 0 degrees for a single group."""
    means = [float(np.mean(group)) for group in groups if group]
    return Variance(float(np.var(means, ddof=1)), len(means) - 1.0) if len(means) > 1 else UNKNOWN


def size(groups: Sequence[Sequence[float]]) -> float:
    """Return the typical group size: the harmonic mean, which determines the variance of a mean."""
    counts = [len(group) for group in groups if group]
    return len(counts) / sum(1 / count for count in counts)


def moderated(variances: Sequence[Variance]) -> list[Variance]:
    """Shrink each variance towards a common one, more so with fewer degrees or more similar variances."""
    usable = [variance for variance in variances if variance.degrees > 0 and variance.value > 0]
    if len(usable) < 3:
        return list(variances)
    prior = _prior(usable)
    return [variance.pooled(prior) if variance.degrees > 0 else prior for variance in variances]


def _prior(variances: Sequence[Variance]) -> Variance:
    """Fit the scaled inverse chi-square that they appear to come from, by moments of their logarithms."""
    degrees = np.array([variance.degrees for variance in variances])
    centred = (
        np.log([variance.value for variance in variances])
        - special.digamma(degrees / 2)
        + np.log(degrees / 2)
    )
    excess = float(np.var(centred, ddof=1) - np.mean(special.polygamma(1, degrees / 2)))
    if excess <= 0:  # they differ no more than by chance: one variance for all
        return Variance(float(np.exp(np.mean(centred))), float(degrees.sum()))
    half = _inverse_trigamma(excess)
    value = math.exp(float(np.mean(centred)) + float(special.digamma(half)) - math.log(half))
    return Variance(value, 2 * half)


def _inverse_trigamma(value: float) -> float:
    """Return the x with trigamma(x) = value, by Newton's method on its reciprocal."""
    x = 0.5 + 1 / value
    for _ in range(50):
        gamma = float(special.polygamma(1, x))
        step = gamma * (1 - gamma / value) / float(special.polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x


@dataclass(frozen=True)
class Difference:
    """New minus base, on the family's scale.

    Attributes:
        change: estimate.
        error: its standard error.
        degrees: degrees of freedom of that error.
    """

    change: float
    error: float
    degrees: float

    @property
    def p(self) -> float:
        """Probability of a difference this large, in either direction, if there is none."""
        return 2 * float(special.stdtr(self.degrees, -abs(self.change) / self.error))

    def interval(self, confidence: float) -> tuple[float, float]:
        half = self.error * float(special.stdtrit(self.degrees, (1 + confidence) / 2))
        return self.change - half, self.change + half


def difference(base: Runs, new: Runs, noise: Noise) -> Difference | None:
    """Return the difference of the means of two groups of runs; None if the noise is unknown."""
    variance = _of_one_run([base, new], noise)
    if variance is None:
        return None
    error = math.sqrt(_of_group(base, variance) + _of_group(new, variance))
    return Difference(_mean(new) - _mean(base), error, max(noise.run.degrees, 1.0))


def level(runs: Runs, noise: Noise) -> Difference | None:
    """Return the mean of a group of runs, as its difference from 0; None if the noise is unknown."""
    variance = _of_one_run([runs], noise)
    if variance is None:
        return None
    return Difference(_mean(runs), math.sqrt(_of_group(runs, variance)), max(noise.run.degrees, 1.0))


def _of_one_run(groups: Sequence[Runs], noise: Noise) -> Callable[[int], float] | None:
    """Return what gives the variance of a run's mean from its number of processes; None if unknown."""
    process = within([run for group in groups for run in group]).pooled(noise.process)
    if not process.degrees and noise.assumed:
        return None  # otherwise, A/A runs of one process each show how much such runs differ
    # If processes vary more than in the A/A runs, so do the means of these runs; and so may runs.
    apart = within([[float(np.mean(run)) for run in group] for group in groups])
    wide = max(process.value, noise.process.value)
    return lambda count: max(of_mean(count, wide, noise), apart.value)


def _of_group(runs: Runs, variance: Callable[[int], float]) -> float:
    """Return the variance of the mean of the means of runs."""
    return sum(variance(len(run)) for run in runs) / len(runs) ** 2


def _mean(runs: Runs) -> float:
    return float(np.mean([np.mean(run) for run in runs]))


def ratios(base: Sequence[Sequence[float]], new: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Return new minus base for each pair of processes that took turns: the median over shared turns."""
    pairs = [
        [after - before for before, after in zip(*pair, strict=False)]
        for pair in zip(base, new, strict=False)
    ]
    return tuple(float(np.median(pair)) for pair in pairs if pair)


def in_turns(ratios_by_benchmark: Sequence[Sequence[float]]) -> list[Difference]:
    """Return the differences between pairs of processes, from at least two `ratios` for each benchmark.

    The noise is the variance between a benchmark's pairs, shrunk towards that of the others.
    """
    variances = moderated([within([ratios]) for ratios in ratios_by_benchmark])
    return [
        _of_ratios(ratios, variance) for ratios, variance in zip(ratios_by_benchmark, variances, strict=True)
    ]


def _of_ratios(ratios: Sequence[float], variance: Variance) -> Difference:
    error = math.sqrt(max(variance.value / len(ratios), LEAST_SD**2))
    return Difference(float(np.mean(ratios)), error, max(variance.degrees, 1.0))


def of_mean(count: int, process: float, noise: Noise) -> float:
    """Return the variance of the mean of a run of `count` processes."""
    known = 0.0 if math.isinf(noise.size) else noise.process.value / noise.size
    return max(noise.run.value - known + process / count, process / count, LEAST_SD**2)


def significant(ps: Sequence[float], alpha: float) -> list[bool]:
    """Return which of a table's differences are real; at most `alpha` of all tables have any false one.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics
    6 (1979); holds however the benchmarks depend on each other.
    """
    real = [False] * len(ps)
    for rank, number in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        if ps[number] > alpha / (len(ps) - rank):
            break
        real[number] = True
    return real
