"""A benchmark's history over a cell's results, and where its level changed (pure)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import mean

import numpy as np
import ruptures

from samcheck.analysis.compare import noise, result_pairs, statistics, verdicts
from samcheck.analysis.compare.measures import Family, Key, Measure, measures
from samcheck.analysis.compare.statistics import Noise
from samcheck.analysis.compare.verdicts import MeasurePair, Verdict
from samcheck.guest.record import CellResult
from samcheck.measurable import UNMEASURABLE, is_measurable
from samcheck.storage.results import device_of

#: Minimum number of results for a history.
FEWEST = 3


#: Of the interval of a level.
CONFIDENCE = 0.95
NO_INTERVAL = "no interval: one process in each result and no A/A runs"


@dataclass(frozen=True)
class Point:
    """One result's value on the family's scale, its interval if there is one, and when it was measured."""

    when: str
    value: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Level:
    """Results between two changes.

    Attributes:
        first, last: indices in `Trend.points`, inclusive.
        interval: of the mean, on the family's scale; of exact numbers, the range; None if unknown.
        verdict: on the change from the previous level; None for the first one.
    """

    first: int
    last: int
    interval: tuple[float, float] | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Excluded:
    """What is not part of a history.

    Attributes:
        disturbed: processes, of the results that are part of it and of those that have no other.
        incomparable: results measured under other conditions than the newest.
        because: what differs, each once.
    """

    disturbed: int = 0
    incomparable: int = 0
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trend:
    """A number's history, oldest first, and its levels; one level if nothing changed."""

    cell: str
    key: Key
    family: Family
    points: tuple[Point, ...]
    levels: tuple[Level, ...]
    left_out: Excluded

    @property
    def verdicts(self) -> list[Verdict]:
        """Of each change of level."""
        return [level.verdict for level in self.levels if level.verdict is not None]

    @property
    def changed(self) -> bool:
        """Whether its level changed for certain."""
        return any(verdict.verdict.is_change for verdict in self.verdicts)

    def plain(self, value: float) -> float:
        """Convert a value from the family's scale to the number's own unit."""
        return math.exp(value) if self.family.ratio else value

    def shown(self, level: Level) -> str:
        """Return a level as text: with its interval, or why there is none."""
        if level.interval is None:
            return NO_INTERVAL
        low, high = map(self.plain, level.interval)
        if not (self.family.exact or is_measurable(low, high)):
            return UNMEASURABLE
        unit = self.key.metric.rpartition("_")[2]
        ends = " to ".join(dict.fromkeys((f"{low:.4g}", f"{high:.4g}")))
        return f"{ends} {unit if unit in ('ms', 'mib') else ''}".strip()


@dataclass(frozen=True)
class _History:
    """The comparable results of one number, oldest first, and where its levels end."""

    cell: str
    measures: tuple[tuple[str, Measure], ...]
    noise: Noise
    left_out: Excluded

    @property
    def newest(self) -> Measure:
        return self.measures[-1][1]

    def levels(self) -> list[tuple[int, int]]:
        values = [mean(measure.values) for _, measure in self.measures]
        known = None if self.noise.assumed else self.noise
        deviation = _deviation([len(measure.values) for _, measure in self.measures], known)
        return levels(values, self.newest.family, deviation)

    def of_level(self, first: int, end: int) -> Measure:
        """All results of a level as one measure."""
        runs = tuple(measure.values for _, measure in self.measures[first:end])
        values = tuple(value for run in runs for value in run)
        return replace(self.newest, values=values, runs=runs, disturbed=(), turns=())

    def interval(self, measure: Measure) -> tuple[float, float] | None:
        if measure.family.exact:
            return min(measure.values), max(measure.values)
        found = statistics.level(measure.by_run, self.noise)
        return found.interval(CONFIDENCE) if found else None


def trends(
    results: Sequence[CellResult],
    noise_of: Callable[[CellResult], Mapping[str, Noise]] = lambda _: {},
    alpha: float = verdicts.ALPHA,
) -> list[Trend]:
    """Return the history of every number that at least `FEWEST` comparable results of a cell have.

    Args:
        noise_of: gives the noise of a result's numbers, by name, if A/A runs are stored.
        alpha: fraction of unchanged tables of histories in which a level may be said to have changed.
    """
    histories = [history for history in _histories(results, noise_of) if len(history.measures) >= FEWEST]
    ends = [history.levels() for history in histories]
    groups = [
        [history.of_level(first, end) for first, end in own]
        for history, own in zip(histories, ends, strict=True)
    ]
    pairs = [
        MeasurePair(history.cell, base, new, history.noise)
        for history, group in zip(histories, groups, strict=True)
        for base, new in pairwise(group)
    ]
    # A level may end at any result: each of these places is a chance of a false alarm.
    places = max((len(history.measures) - 1 for history in histories), default=1)
    decided = iter(verdicts.decide(pairs, alpha / places))
    return [
        _trend(history, own, [None, *(next(decided) for _ in group[1:])], group)
        for history, own, group in zip(histories, ends, groups, strict=True)
    ]


def _trend(
    history: _History,
    ends: Sequence[tuple[int, int]],
    decided: Sequence[Verdict | None],
    group: Sequence[Measure],
) -> Trend:
    points = tuple(
        Point(when, mean(measure.values), history.interval(measure)) for when, measure in history.measures
    )
    found = tuple(
        Level(first, end - 1, history.interval(measure), verdict)
        for (first, end), measure, verdict in zip(ends, group, decided, strict=True)
    )
    newest = history.newest
    return Trend(history.cell, newest.key, newest.family, points, found, history.left_out)


def _histories(
    results: Sequence[CellResult], noise_of: Callable[[CellResult], Mapping[str, Noise]]
) -> list[_History]:
    found: dict[tuple[str, Key], list[tuple[CellResult, Measure]]] = {}
    newest: dict[str, CellResult] = {}
    names = _names(results)
    for result in sorted(results, key=lambda result: result.started):
        cell = names[_place(result)]
        newest[cell] = result
        for measure in measures(result):
            found.setdefault((cell, measure.key), []).append((result, measure))
    noises = {cell: noise_of(result) for cell, result in newest.items()}
    apart = _Apart()
    return [
        _history(cell, past, noise.lookup(noises[cell], key), apart) for (cell, key), past in found.items()
    ]


def _history(cell: str, past: Sequence[tuple[CellResult, Measure]], known: Noise, apart: _Apart) -> _History:
    """Use only undisturbed results that `compare` could compare with the newest of them."""
    disturbed = sum(measure.disturbed_processes for _, measure in past)
    measured = [(result, measure) for result, measure in past if measure.values]
    reasons = [apart.because(*each, *measured[-1]) for each in measured]
    alike = [
        (result.started, measure)
        for (result, measure), reason in zip(measured, reasons, strict=True)
        if not reason
    ]
    others = [*filter(None, reasons)]
    return _History(cell, tuple(alike), known, Excluded(disturbed, len(others), tuple(dict.fromkeys(others))))


class _Apart:
    """Finds out what makes results incomparable, once for each pair of them."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], str] = {}

    def because(self, old: CellResult, before: Measure, new: CellResult, after: Measure) -> str:
        machines = "" if before.family.exact else self._of_machines(old, new)
        return machines or verdicts.other_conditions(before, after)

    def _of_machines(self, old: CellResult, new: CellResult) -> str:
        pair = id(old), id(new)
        if pair not in self._found:
            self._found[pair] = result_pairs.incomparable_because(old, new)
        return self._found[pair]


def _deviation(counts: Sequence[int], noise: Noise | None) -> float:
    """Return the typical standard deviation of means over `counts` processes; 0 without A/A runs."""
    if noise is None:
        return 0.0
    return math.sqrt(mean(statistics.of_mean(count, noise.process.value, noise) for count in counts))


def _place(result: CellResult) -> tuple[str, str]:
    return result.name, device_of(result, "an unknown device")


def _names(results: Sequence[CellResult]) -> dict[tuple[str, str], str]:
    """Return a name for each cell on each device; include the device if there are several."""
    places = {_place(result) for result in results}
    several = len({device for _, device in places}) > 1
    return {(cell, device): f"{cell} on {device}" if several else cell for cell, device in places}


def levels(values: Sequence[float], family: Family, deviation: float = 0.0) -> list[tuple[int, int]]:
    """Return where each level of a series begins and ends, by PELT on its mean.

    R. Killick, P. Fearnhead, I. Eckley, "Optimal detection of changepoints with a linear computational cost",
    JASA 107 (2012), as implemented in ruptures. The noise is that between neighbours, which a change barely
    affects; at least the standard `deviation` of A/A runs, since a few neighbours may agree by chance.
    """
    series = np.array(values)
    steps = np.abs(np.diff(series))
    # The median of |differences| of normal noise is 0.954 of its standard deviation.
    noise = float(np.median(steps)) / 0.954 if len(steps) else 0.0
    least = max(noise, deviation, family.scaled_margin / 3)
    penalty = 3 * math.log(len(series)) * least**2
    breaks = ruptures.Pelt(model="l2", min_size=1, jump=1).fit(series.reshape(-1, 1)).predict(pen=penalty)
    return [*pairwise([0, *breaks])]
