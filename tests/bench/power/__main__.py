"""How often does samcheck raise a false alarm and see a slowdown, and what do others on the same samples?

    python -m tests.bench.power [--series FILE ...] [--output FOLDER]

Reads A/A series (`record.py`), in which nothing changed. Runs are windows of consecutive processes: any two
that do not overlap are compared, and the processes outside of both give the noise.
Slowdowns are injected by making every sample of one benchmark of the new run longer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, pstdev

from samcheck.compare import noise, verdicts
from samcheck.compare.measures import LATENCY, Key, Measure
from samcheck.compare.noise import Run
from samcheck.compare.statistics import Noise
from samcheck.compare.verdicts import Pair
from tests.bench.power.peers import PEERS, Peer, Samples
from tests.bench.power.text import markdown

FOLDER = Path(__file__).parent / "series"
RESULTS = Path(__file__).resolve().parents[3] / "results" / "power"
SIZES = (0.02, 0.03, 0.05, 0.07, 0.10, 0.15, 0.20, 0.30)
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

    @property
    def per_run(self) -> int:
        return PER_RUN if len(self.processes) >= LONG else LESS


def read(path: Path) -> Series:
    stored = json.loads(path.read_text())
    benchmarks = [process["benchmarks"] for process in stored["processes"]]
    marks = [each["disturbed"] for process in benchmarks for each in process.values()]
    return Series(
        stored["condition"],
        stored["torch"],
        stored["cpu"],
        [{name: each["ms"] for name, each in process.items()} for process in benchmarks],
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
        [Run(str(n), {name: values(run[name]) for name in run}) for n, run in enumerate(runs)]
    )


def values(samples: Samples) -> list[float]:
    return [LATENCY.scale(median(process)) for process in samples]


@dataclass(frozen=True)
class Table:
    """Two runs in which nothing changed, and the noise as it is known without them."""

    base: Window
    new: Window
    noises: Mapping[str, Noise]


def tables(series: Series) -> Iterator[Table]:
    """Every pair of windows that do not overlap, the base before the new one."""
    processes, size = series.processes, series.per_run
    last = len(processes) - size
    for base in range(last + 1):
        for new in range(base + size, last + 1):
            taken = {*range(base, base + size), *range(new, new + size)}
            yield Table(
                window(processes[base : base + size]),
                window(processes[new : new + size]),
                known(processes, taken, size),
            )


def judged(table: Table) -> dict[str, str]:
    """samcheck's verdict on each benchmark."""
    pairs = []
    for name in table.base:
        key = Key(name, "wall_ms")
        sides = [Measure(key, LATENCY, tuple(values(side[name]))) for side in (table.base, table.new)]
        pairs.append(Pair("", *sides, table.noises[name]))
    return {each.key.check: each.verdict for each in verdicts.decide(pairs)}


def slower(table: Table, name: str, size: float) -> Table:
    longer = [[each * (1 + size) for each in process] for process in table.new[name]]
    return replace(table, new={**table.new, name: longer})


def evaluate(series: Series, step: int) -> dict[str, object]:
    """False alarms and detections of samcheck and of its peers on one series."""
    found = [*tables(series)]
    names = sorted(found[0].base)
    wrong = [set(judged(each).values()) & {"regressed", "improved"} for each in found]
    ours = sum(map(bool, wrong)) / len(found)
    some = found[::step]
    result: dict[str, object] = {
        "condition": series.condition,
        "torch": series.torch,
        "cpu": series.cpu,
        "processes": len(series.processes),
        "per run": series.per_run,
        "benchmarks": len(names),
        "tables": len(found),
        "disturbed": round(series.disturbed, 3),
        "spread": round(median(pstdev(values(samples)) for samples in window(series.processes).values()), 4),
        "samcheck": {
            "false alarms": round(ours, 4),
            "detected": _detected(some, names),
        },
    }
    result["peers"] = {peer.name: _peer(peer, found, some, names, ours) for peer in PEERS}
    return result


def _detected(found: Sequence[Table], names: Sequence[str]) -> dict[str, object]:
    """Share of injected slowdowns by what they are called."""
    shares: dict[str, object] = {}
    for size in SIZES:
        words = [judged(slower(table, name, size))[name] for table in found for name in names]
        shares[f"{size:.0%}"] = {
            word: round(words.count(word) / len(words), 3) for word in ("regressed", "ambiguous", "unchanged")
        }
    return shares


def _peer(
    peer: Peer, found: Sequence[Table], some: Sequence[Table], names: Sequence[str], ours: float
) -> dict[str, object]:
    """The same for a peer, as it is and at samcheck's rate of false alarms, or 1 % if that is less."""
    worst = sorted(_largest(peer, table, names) for table in found)
    tuned = worst[min(len(worst) - 1, int(len(worst) * (1 - max(ours, 0.01))))]
    rates = {}
    for what, limit in (("as it is", peer.limit), ("at the same false alarms", max(tuned, 0.0))):
        shares = {}
        for size in SIZES:
            hits = [_seen(peer, slower(table, name, size), name, limit) for table in some for name in names]
            shares[f"{size:.0%}"] = round(sum(hits) / len(hits), 3)
        alarms = sum(each > limit for each in worst) / len(worst)
        rates[what] = {"limit": round(limit, 4), "false alarms": round(alarms, 4), "detected": shares}
    return rates


def _largest(peer: Peer, table: Table, names: Sequence[str]) -> float:
    """The largest growth that the peer takes for a difference."""
    pairs = [(table.base[name], table.new[name]) for name in names]
    return max((peer.growth(*pair) for pair in pairs if peer.different(*pair)), default=0.0)


def _seen(peer: Peer, table: Table, name: str, limit: float) -> bool:
    return peer.alarms(table.base[name], table.new[name], limit)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.power", description=__doc__)
    parser.add_argument("--series", type=Path, nargs="*", default=sorted(FOLDER.glob("*.json")))
    parser.add_argument("--output", type=Path, default=RESULTS, help="write README.md and power.json here")
    parser.add_argument("--step", type=int, default=7, help="every so many tables get injected slowdowns")
    options = parser.parse_args()
    found = [evaluate(read(path), options.step) for path in options.series]
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "power.json").write_text(json.dumps(found, indent=1) + "\n")
    text = markdown(found)
    (options.output / "README.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
