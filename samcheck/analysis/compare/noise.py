"""How much numbers vary on a machine when nothing has changed: A/A runs, stored next to the results.

A file ``<results>/noise/<device>--<driver>.json`` holds, for each cell and benchmark, the value of each
process of each A/A run. `samcheck noise` adds to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import FiniteFloat, TypeAdapter, ValidationError

from samcheck import files
from samcheck.analysis.compare import result_pairs
from samcheck.analysis.compare.measures import LATENCY, Key, Measure, family_of, measures
from samcheck.analysis.compare.result_pairs import Trait
from samcheck.analysis.compare.statistics import (
    NOTHING_KNOWN,
    Noise,
    Variance,
    between,
    moderated,
    size,
    within,
)
from samcheck.errors import BadInput
from samcheck.guest.record import CellResult
from samcheck.storage import results

FOLDER = "noise"
#: Maximum number of runs stored per cell; the oldest are dropped. 20 runs of 5 processes and 30 benchmarks
#: take 60 KiB.
KEPT = 20
#: Minimum number of A/A runs to estimate the variance between runs.
FEWEST_RUNS = 3


@dataclass(frozen=True)
class NoiseRun:
    """One A/A run of a cell: its start, and each process's value by benchmark, on the family's scale."""

    started: str
    values: dict[str, list[FiniteFloat]]


@dataclass(frozen=True)
class MachineRuns:
    """The A/A runs of one machine, by cell."""

    device: str
    driver: str
    cells: dict[str, list[NoiseRun]] = field(default_factory=dict)


_RUNS: TypeAdapter[MachineRuns] = TypeAdapter(MachineRuns)


def place(root: Path, device: str, driver: str) -> Path:
    return root / FOLDER / f"{results.slug(device)}--{results.slug(driver)}.json"


def load(path: Path) -> MachineRuns | None:
    """Return the A/A runs in a file; None if there is no file.

    Raises:
        BadInput: it is not a file of A/A runs.
    """
    try:
        return _RUNS.validate_json(files.read(path))
    except files.Missing:
        return None
    except ValidationError as error:
        raise BadInput(f"{path}: not a file of A/A runs: {str(error).splitlines()[0]}") from None


def run_of(result: CellResult) -> NoiseRun | None:
    """Return a result as an A/A run; None if nothing in it was measured undisturbed."""
    values = {str(measure.key): [*measure.values] for measure in measures(result) if _varies(measure)}
    return NoiseRun(result.started, values) if values else None


def _varies(measure: Measure) -> bool:
    return bool(measure.values) and not measure.family.exact


def added(kept: MachineRuns, results: Iterable[CellResult]) -> MachineRuns:
    """Add these results as further runs, each run once; keep the newest `KEPT`."""
    cells = dict(kept.cells)
    for result in results:
        run = run_of(result)
        if run is not None:
            others = [
                kept_run for kept_run in cells.get(result.cell.id, []) if kept_run.started != run.started
            ]
            cells[result.cell.id] = sorted([*others, run], key=lambda kept_run: kept_run.started)[-KEPT:]
    return MachineRuns(kept.device, kept.driver, cells)


def count(runs: Sequence[NoiseRun]) -> int:
    """Return the highest number of runs that any number has: some runs are of other variants."""
    return max(Counter(name for run in runs for name in run.values).values(), default=0)


def unlike(results: Sequence[CellResult]) -> Iterator[str]:
    """Yield what differs between a cell's supposed A/A runs, ignoring samcheck's own version."""
    first_results: dict[str, CellResult] = {}
    for result in results:
        base = first_results.setdefault(result.cell.id, result)
        differences = [
            difference
            for difference in result_pairs.differences(base, result)
            if difference.trait is not Trait.SAMCHECK
        ]
        if differences:
            what = "; ".join(map(str, differences))
            yield f"{result.cell.id} of {base.started} and of {result.started} differ: {what}"


def known_in(root: Path) -> Callable[[CellResult], Mapping[str, Noise]]:
    """Return a function that looks up the noise of a result's benchmarks in the A/A runs under `root`."""

    def known(result: CellResult) -> Mapping[str, Noise]:
        kept = load(place(root, *machine(result)))
        return of_runs(kept.cells.get(result.cell.id, [])) if kept else {}

    return known


def machine(result: CellResult) -> tuple[str, str]:
    """Return the device and driver under which a result is stored."""
    return results.machine_of(result, "unknown")


def store(root: Path, kept: MachineRuns) -> Path:
    path = place(root, kept.device, kept.driver)
    files.write_atomically(path, _RUNS.dump_json(kept) + b"\n")
    return path


def of_runs(runs: Sequence[NoiseRun]) -> dict[str, Noise]:
    """Return the noise of each number; empty if there are too few runs.

    Estimates of one kind are shrunk towards each other: memory varies by 1 % where times vary by 25 %.
    """
    if len(runs) < FEWEST_RUNS:
        return {}
    kinds: dict[str, list[str]] = {}
    for name in sorted({name for run in runs for name in run.values}):
        kinds.setdefault(_kind(name), []).append(name)
    return {name: noise for names in kinds.values() for name, noise in _of_kind(runs, names).items()}


def _of_kind(runs: Sequence[NoiseRun], names: Sequence[str]) -> dict[str, Noise]:
    groups = [[run.values[name] for run in runs if run.values.get(name)] for name in names]
    process = moderated([within(group) for group in groups])
    run = moderated([between(group) for group in groups])
    known = zip(names, groups, process, run, strict=True)
    return {name: Noise(a, b, size(group)) for name, group, a, b in known if len(group) >= FEWEST_RUNS}


def _kind(name: str) -> str:
    """Return ``latency`` or ``resident memory``, from a number's name in the A/A runs."""
    family = family_of(Key.of(name).metric, None)
    return family.name if family else LATENCY.name


def typical(by_benchmark: Mapping[str, Noise]) -> Noise:
    """Return a conservative noise, for a number that the A/A runs lack: the noisiest of those they have."""
    if not by_benchmark:
        return NOTHING_KNOWN
    noises = [*by_benchmark.values()]
    return Noise(
        Variance(
            max(noise.process.value for noise in noises), min(noise.process.degrees for noise in noises)
        ),
        Variance(max(noise.run.value for noise in noises), min(noise.run.degrees for noise in noises)),
        min(noise.size for noise in noises),
        assumed=True,
    )


def lookup(by_benchmark: Mapping[str, Noise], key: Key) -> Noise:
    """Return a number's noise; if it was never run twice, that of its kind."""
    kind = _kind(str(key))
    alike = {name: noise for name, noise in by_benchmark.items() if _kind(name) == kind}
    return by_benchmark.get(str(key)) or typical(alike)
