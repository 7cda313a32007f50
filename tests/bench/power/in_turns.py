"""The same questions of an A/A series whose processes took turns (`record_turns.py`).

A table is drawn: so many pairs of processes by lot, in each of which it is by lot which side is the base;
when nothing has changed, the two are the same thing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, pstdev

from samcheck.analysis.compare import verdicts
from samcheck.analysis.compare.measures import LATENCY, Key, Measure
from samcheck.analysis.compare.statistics import NOTHING_KNOWN
from samcheck.analysis.compare.verdicts import MeasurePair
from tests.bench.power.peers import Samples

#: Pairs of processes of one table: the default of `samcheck interleave`.
PER_TABLE = 10
TABLES = 1000


@dataclass(frozen=True)
class Side:
    """One side of a benchmark in a table: of each process, rounds and turns in ms."""

    rounds: Samples
    turns: Samples

    def slower(self, size: float) -> Side:
        longer = [
            [[value * (1 + size) for value in process] for process in kind]
            for kind in (self.rounds, self.turns)
        ]
        return Side(*longer)


@dataclass(frozen=True)
class Table:
    """Two runs in turns, in which nothing changed, by benchmark."""

    sides: Mapping[str, tuple[Side, Side]]

    @property
    def names(self) -> list[str]:
        return sorted(self.sides)

    def samples(self, name: str) -> tuple[Samples, Samples]:
        """What a peer is given."""
        base, new = self.sides[name]
        return base.rounds, new.rounds

    def slower(self, name: str, size: float) -> Table:
        """With a slowdown of one benchmark in the new run."""
        base, new = self.sides[name]
        return replace(self, sides={**self.sides, name: (base, new.slower(size))})

    def judged(self) -> dict[str, str]:
        """samcheck's verdict on each benchmark."""
        pairs = [
            MeasurePair("", _measure(name, base), _measure(name, new), NOTHING_KNOWN, in_turns=True)
            for name, (base, new) in sorted(self.sides.items())
        ]
        return {verdict.key.check: verdict.verdict for verdict in verdicts.decide(pairs)}


def _measure(name: str, side: Side) -> Measure:
    values = tuple(LATENCY.scale(median(process)) for process in side.rounds)
    turns = tuple(tuple(map(LATENCY.scale, process)) for process in side.turns)
    return Measure(Key(name, "wall_ms"), LATENCY, values, turns=turns)


@dataclass(frozen=True)
class Series:
    """An A/A series in turns as recorded: of each pair of processes, by benchmark, what both sides took."""

    condition: str
    torch: str
    cpu: str
    pairs: Sequence[Mapping[str, Mapping[str, Mapping[str, list[float]]]]]
    disturbed: float

    rule = "samcheck interleave"

    @property
    def spread(self) -> float:
        """Of a benchmark's medians from process to process, over the typical benchmark."""
        return median(
            pstdev(
                LATENCY.scale(median(pair[name][side]["ms"]))
                for pair in self.pairs
                for side in ("base", "new")
            )
            for name in self.pairs[0]
        )

    @property
    def size(self) -> str:
        return (
            f"{len(self.pairs)} pairs of processes in turns, {PER_TABLE} pairs by lot to a table, "
            f"{len(self.pairs[0])} benchmarks"
        )

    def tables(self) -> Iterator[Table]:
        lot = random.Random(1)
        for _ in range(TABLES):
            drawn = [(pair, lot.random() < 0.5) for pair in lot.sample(self.pairs, PER_TABLE)]
            yield Table({name: self._sides(name, drawn) for name in self.pairs[0]})

    @staticmethod
    def _sides(
        name: str, drawn: Sequence[tuple[Mapping[str, Mapping[str, Mapping[str, list[float]]]], bool]]
    ) -> tuple[Side, Side]:
        order = [("new", "base") if swapped else ("base", "new") for _, swapped in drawn]
        base, new = (
            Side(
                *(
                    [pair[name][words[at]][kind] for (pair, _), words in zip(drawn, order, strict=True)]
                    for kind in ("ms", "turns")
                )
            )
            for at in range(2)
        )
        return base, new


def read(path: Path) -> Series:
    stored = json.loads(path.read_text())
    marks = [
        side["disturbed"] for pair in stored["pairs"] for sides in pair.values() for side in sides.values()
    ]
    return Series(
        stored["condition"], stored["torch"], stored["cpu"], stored["pairs"], sum(marks) / len(marks)
    )
