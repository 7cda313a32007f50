"""Benchmarks in several fresh processes, because variation between processes is part of their noise.

Memory layout, thread placement and algorithm choices are fixed once per process, so thousands of rounds in
one process say little about the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from samcheck.environments import Ended
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult, Series
from samcheck.run import records

#: The module of the suite that measures times.
MODULE, GROUP = "test_latency.py", "latency"
#: Default number of processes by tier; `fast` has no time for a second one.
PROCESSES = {"fast": 1, "full": 5}

Start = Callable[[int], Ended]


def run(folder: Path, count: int, start: Start) -> list[str]:
    """Start passes 2 to `count`, except those that an interrupted run has finished.

    Returns a sentence for each pass that did not finish; its measurements so far are kept.
    """
    problems = []
    for number in range(2, count + 1):
        path = journal(folder, number)
        if not finished(path):
            path.unlink(missing_ok=True)
            ended = start(number)
            if not finished(path):
                problems.append(f"process {number} of the benchmarks ended with {ended}")
    return problems


def journal(folder: Path, number: int) -> Path:
    """Return the path of what the process reported."""
    return folder / f"pass-{number}.jsonl"


def output(folder: Path, number: int) -> Path:
    """Return the path of what the process printed."""
    return folder / f"pass-{number}.log"


def finished(path: Path) -> bool:
    """Return whether the process with this journal ran all of its benchmarks."""
    return records.read(path).complete


def joined(checks: Sequence[CheckResult], folder: Path, count: int) -> list[CheckResult]:
    """Return the checks; benchmarks get the series of all passes."""
    passes = [records.read(journal(folder, number)).finished for number in range(2, count + 1)]
    return [_with_repetitions(check, [finished.get(check.check) for finished in passes]) for check in checks]


def _with_repetitions(check: CheckResult, repetitions: Iterable[CheckResult | None]) -> CheckResult:
    """Add the measurements of other processes to a benchmark; a failure in any of them fails it.

    The metrics are those of the first process, except the median, which is over all of them.
    """
    if not check.series:
        return check
    series = [*check.series]
    for repeated in filter(None, repetitions):
        if repeated.outcome is not CheckOutcome.PASSED:
            return replace(
                check,
                outcome=repeated.outcome,
                reason=f"in another process: {repeated.reason}",
                evidence=repeated.evidence,
                details=repeated.details,
            )
        series += repeated.series
    metrics = {**check.metrics, "median_ms": median(map(_median, series)), "processes": float(len(series))}
    return replace(check, series=series, metrics=metrics)


def _median(series: Series) -> float:
    return median(series.samples["wall_ms"])
