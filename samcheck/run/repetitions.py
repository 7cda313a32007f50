"""Benchmarks in several fresh processes: what differs from one start to the next is part of their noise.

Memory layout, thread placement and choices of algorithms are made once per process, so that thousands of
rounds in one process say little about the next one.
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
#: How many processes a tier has by default; `fast` has no time for a second one.
PROCESSES = {"fast": 1, "full": 5}

Start = Callable[[int], Ended]


def run(folder: Path, count: int, start: Start) -> list[str]:
    """Start passes 2 to `count`, those that an interrupted run has finished left out.

    Returns a sentence for each pass that did not come to its end; what it measured before is kept.
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
    """What the process reported."""
    return folder / f"pass-{number}.jsonl"


def output(folder: Path, number: int) -> Path:
    """What the process printed."""
    return folder / f"pass-{number}.log"


def finished(path: Path) -> bool:
    """Whether the process with this journal ran all of its benchmarks."""
    return records.read(path).complete


def joined(checks: Sequence[CheckResult], folder: Path, count: int) -> list[CheckResult]:
    """The checks, with the series of all passes in those that measure."""
    passes = [records.read(journal(folder, number)).finished for number in range(2, count + 1)]
    return [_with_repetitions(check, [finished.get(check.check) for finished in passes]) for check in checks]


def _with_repetitions(check: CheckResult, repetitions: Iterable[CheckResult | None]) -> CheckResult:
    """A benchmark with what other processes measured; one that fails in any of them has not passed.

    The metrics are those of the first process, apart from the median, which is over all of them.
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
