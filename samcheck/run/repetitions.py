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
from samcheck.guest.record import CheckOutcome, CheckResult, Series
from samcheck.run import records

#: The module of the suite that measures times.
MODULE, GROUP = "test_latency.py", "latency"
#: How many processes a tier has by default; `fast` has no time for a second one.
PROCESSES = {"fast": 1, "full": 5}

Start = Callable[[int], Ended]


def run(folder: Path, count: int, start: Start) -> list[str]:
    """Start passes 2 to `count`, those that an interrupted run has finished left out.

    Returns what is to be told of passes that did not come to their end; what they measured before is kept.
    """
    told = []
    for number in range(2, count + 1):
        kept = journal(folder, number)
        if not finished(kept):
            kept.unlink(missing_ok=True)
            ended = start(number)
            if not finished(kept):
                told.append(f"process {number} of the benchmarks ended with {ended}")
    return told


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
    journals = [records.read(journal(folder, number)) for number in range(2, count + 1)]
    return [_with(check, [each.finished.get(check.check) for each in journals]) for check in checks]


def _with(check: CheckResult, others: Iterable[CheckResult | None]) -> CheckResult:
    """A benchmark with what other processes measured; one that fails in any of them has not passed.

    The metrics are those of the first process, apart from the median, which is over all of them.
    """
    if not check.series:
        return check
    series = [*check.series]
    for other in filter(None, others):
        if other.outcome is not CheckOutcome.PASSED:
            return replace(
                check,
                outcome=other.outcome,
                reason=f"in another process: {other.reason}",
                evidence=other.evidence,
                details=other.details,
            )
        series += other.series
    metrics = {**check.metrics, "median_ms": median(map(_median, series)), "processes": float(len(series))}
    return replace(check, series=series, metrics=metrics)


def _median(series: Series) -> float:
    return median(series.samples["wall_ms"])
