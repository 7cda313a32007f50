"""A benchmark's history over a cell's results, and where its level changed (pure)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

import numpy as np
import ruptures

from samcheck.analysis.compare.measures import Family, Key, Measure, measures
from samcheck.analysis.compare.statistics import Noise, of_mean
from samcheck.guest.record import CellResult
from samcheck.storage.results import device_of

#: Minimum number of results for a history.
FEWEST = 3


@dataclass(frozen=True)
class Point:
    """One result's value on the family's scale, and when it was measured."""

    when: str
    value: float


@dataclass(frozen=True)
class Level:
    """Results between two changes.

    Attributes:
        first, last: indices in `Trend.points`, inclusive.
        change: of the mean from the previous level, on the family's scale; 0 for the first one.
    """

    first: int
    last: int
    mean: float
    change: float


@dataclass(frozen=True)
class Trend:
    """A number's history, oldest first, and its levels; one level if nothing changed."""

    cell: str
    key: Key
    family: Family
    points: tuple[Point, ...]
    levels: tuple[Level, ...]

    def plain(self, value: float) -> float:
        """Convert a value from the family's scale to the number's own unit."""
        return math.exp(value) if self.family.ratio else value

    def shown(self, value: float) -> str:
        unit = self.key.metric.rpartition("_")[2]
        return f"{self.plain(value):.4g} {unit if unit in ('ms', 'mib') else ''}".strip()


def trends(
    results: Sequence[CellResult], noise_of: Callable[[CellResult], Mapping[str, Noise]] = lambda _: {}
) -> list[Trend]:
    """Return the history of every number that at least `FEWEST` results of a cell have.

    Args:
        noise_of: gives the noise of a result's numbers, by name, if A/A runs are stored.
    """
    histories: dict[tuple[str, Key], list[tuple[str, Measure]]] = {}
    newest: dict[str, CellResult] = {}
    names = _names(results)
    for result in sorted(results, key=lambda result: result.started):
        cell = names[_place(result)]
        newest[cell] = result
        for measure in measures(result):
            if measure.values:
                histories.setdefault((cell, measure.key), []).append((result.started, measure))
    noises = {cell: noise_of(result) for cell, result in newest.items()}
    trends = (_trend(cell, past, noises[cell].get(str(key))) for (cell, key), past in histories.items())
    return [trend for trend in trends if len(trend.points) >= FEWEST]


def _trend(cell: str, history: Sequence[tuple[str, Measure]], noise: Noise | None) -> Trend:
    """Use only results measured like the newest: other weights or threads make it another number."""
    last = history[-1][1]
    alike = [(when, measure) for when, measure in history if measure.conditions == last.conditions]
    points = [Point(when, mean(measure.values)) for when, measure in alike]
    deviation = _deviation([len(measure.values) for _, measure in alike], noise) if noise else 0.0
    values = [point.value for point in points]
    steps = levels(values, last.family, deviation) if len(points) >= FEWEST else []
    return Trend(cell, last.key, last.family, tuple(points), tuple(steps))


def _deviation(counts: Sequence[int], noise: Noise) -> float:
    """Return the typical standard deviation of means over `counts` processes, from A/A runs."""
    return math.sqrt(mean(of_mean(count, noise.process.value, noise) for count in counts))


def _place(result: CellResult) -> tuple[str, str]:
    return result.name, device_of(result, "an unknown device")


def _names(results: Sequence[CellResult]) -> dict[tuple[str, str], str]:
    """Return a name for each cell on each device; include the device if there are several."""
    places = {_place(result) for result in results}
    several = len({device for _, device in places}) > 1
    return {(cell, device): f"{cell} on {device}" if several else cell for cell, device in places}


def levels(values: Sequence[float], family: Family, deviation: float = 0.0) -> list[Level]:
    """Return the levels of a series, by PELT on its mean; changes must exceed noise and margin.

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
    means = [float(series[first:end].mean()) for first, end in pairwise([0, *breaks])]
    before = [means[0], *means[:-1]]
    return [
        Level(first, end - 1, middle, middle - old)
        for (first, end), middle, old in zip(pairwise([0, *breaks]), means, before, strict=True)
    ]
