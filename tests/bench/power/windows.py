"""Tables from an A/A series of single processes (`record.py`): windows of consecutive ones are runs.

Any two windows that do not overlap are compared, and the processes outside of both give the noise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, pstdev

from samcheck.analysis.compare import noise, verdicts
from samcheck.analysis.compare.measures import LATENCY, Key, Measure
from samcheck.analysis.compare.noise import NoiseRun
from samcheck.analysis.compare.statistics import Noise
from samcheck.analysis.compare.verdicts import MeasurePair
from tests.bench.power.peers import Samples

#: Processes of one run: the default of the full tier, less where a series is too short for enough such runs.
PER_RUN, LESS, LONG = 5, 3, 35

#: Samples of one run: of each process, by benchmark.
Window = Mapping[str, Samples]


@dataclass(frozen=True)
class Series:
    """An A/A series as recorded."""

    condition: str
    torch: str
    cpu: str
    processes: list[dict[str, list[float]]]
    disturbed: float

    #: Named apart from those whose processes took turns.
    rule = "samcheck compare"

    @property
    def per_run(self) -> int:
        return PER_RUN if len(self.processes) >= LONG else LESS

    @property
    def spread(self) -> float:
        """Of a benchmark's medians from process to process, over the typical benchmark."""
        return median(pstdev(values(samples)) for samples in window(self.processes).values())

    @property
    def size(self) -> str:
        return (
            f"{len(self.processes)} processes, {self.per_run} to a run, {len(self.processes[0])} benchmarks"
        )

    def tables(self) -> Iterator[Table]:
        """Every pair of windows that do not overlap, the base before the new one."""
        processes, size = self.processes, self.per_run
        last = len(processes) - size
        for base in range(last + 1):
            for new in range(base + size, last + 1):
                taken = {*range(base, base + size), *range(new, new + size)}
                yield Table(
                    window(processes[base : base + size]),
                    window(processes[new : new + size]),
                    known(processes, taken, size),
                )


def read(path: Path) -> Series:
    stored = json.loads(path.read_text())
    benchmarks = [process["benchmarks"] for process in stored["processes"]]
    marks = [benchmark["disturbed"] for process in benchmarks for benchmark in process.values()]
    return Series(
        stored["condition"],
        stored["torch"],
        stored["cpu"],
        [{name: benchmark["ms"] for name, benchmark in process.items()} for process in benchmarks],
        sum(marks) / len(marks),
    )


def window(processes: Sequence[Mapping[str, list[float]]]) -> Window:
    return {name: [process[name] for process in processes] for name in processes[0]}


def known(processes: Sequence[Mapping[str, list[float]]], taken: set[int], per_run: int) -> dict[str, Noise]:
    """The noise as `samcheck noise` knows it from runs of the processes that are not `taken`."""
    free = [number for number in range(len(processes)) if number not in taken]
    chunks = [free[start : start + per_run] for start in range(0, len(free) - per_run + 1, per_run)]
    runs = [window([processes[number] for number in chunk]) for chunk in chunks]
    return noise.of_runs(
        [NoiseRun(str(n), {name: values(run[name]) for name in run}) for n, run in enumerate(runs)]
    )


def values(samples: Samples) -> list[float]:
    return [LATENCY.scale(median(process)) for process in samples]


@dataclass(frozen=True)
class Table:
    """Two runs in which nothing changed, and the noise as it is known without them."""

    base: Window
    new: Window
    noises: Mapping[str, Noise]

    @property
    def names(self) -> list[str]:
        return sorted(self.base)

    def samples(self, name: str) -> tuple[Samples, Samples]:
        """What a peer is given."""
        return self.base[name], self.new[name]

    def slower(self, name: str, size: float) -> Table:
        """With a slowdown of one benchmark in the new run."""
        longer = [[value * (1 + size) for value in process] for process in self.new[name]]
        return replace(self, new={**self.new, name: longer})

    def judged(self) -> dict[str, str]:
        """samcheck's verdict on each benchmark."""
        pairs = []
        for name in self.names:
            key = Key(name, "wall_ms")
            base, new = (Measure(key, LATENCY, tuple(values(side))) for side in self.samples(name))
            pairs.append(MeasurePair("", base, new, self.noises[name]))
        return {verdict.key.check: verdict.verdict for verdict in verdicts.decide(pairs)}
