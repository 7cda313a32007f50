"""A benchmark over many results of one cell: where did its level change? (pure)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

import numpy as np
import ruptures

from samcheck.compare.measures import Family, Key, measures
from samcheck.guest.record import CellResult

#: Fewer results have no history.
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
        first, last: of `Trend.points`, both included.
        change: of the mean against the level before, on the family's scale; 0 for the first one.
    """

    first: int
    last: int
    mean: float
    change: float


@dataclass(frozen=True)
class Trend:
    """A number's history, oldest first, and its levels; one level where nothing changed."""

    cell: str
    key: Key
    family: Family
    points: tuple[Point, ...]
    levels: tuple[Level, ...]

    def plain(self, value: float) -> float:
        """A value on the family's scale in the number's own unit."""
        return math.exp(value) if self.family.ratio else value

    def shown(self, value: float) -> str:
        unit = self.key.metric.rpartition("_")[2]
        return f"{self.plain(value):.4g} {unit if unit in ('ms', 'mib') else ''}".strip()


def trends(found: Sequence[CellResult]) -> list[Trend]:
    """The history of every number that at least `FEWEST` results of a cell have."""
    points: dict[tuple[str, Key], list[Point]] = {}
    families: dict[Key, Family] = {}
    for result in sorted(found, key=lambda each: each.started):
        for measure in measures(result):
            if measure.values:
                families[measure.key] = measure.family
                row = points.setdefault((result.name, measure.key), [])
                row.append(Point(result.started, mean(measure.values)))
    return [
        Trend(
            cell, key, families[key], tuple(row), tuple(levels([each.value for each in row], families[key]))
        )
        for (cell, key), row in points.items()
        if len(row) >= FEWEST
    ]


def levels(values: Sequence[float], family: Family) -> list[Level]:
    """The levels of a series: PELT on its means, a change where it explains more than noise and margin.

    R. Killick, P. Fearnhead, I. Eckley, "Optimal detection of changepoints with a linear computational cost",
    JASA 107 (2012), as ruptures has it. The noise is that of neighbours, which a change hardly touches.
    """
    series = np.array(values)
    steps = np.abs(np.diff(series))
    # The median of |differences| of normal noise is 0.954 of its standard deviation.
    noise = float(np.median(steps)) / 0.954 if len(steps) else 0.0
    least = max(noise, family.scaled_margin / 3)
    penalty = 3 * math.log(len(series)) * least**2
    found = ruptures.Pelt(model="l2", min_size=1, jump=1).fit(series.reshape(-1, 1)).predict(pen=penalty)
    means = [float(series[first:end].mean()) for first, end in pairwise([0, *found])]
    before = [means[0], *means[:-1]]
    return [
        Level(first, end - 1, middle, middle - old)
        for (first, end), middle, old in zip(pairwise([0, *found]), means, before, strict=True)
    ]
