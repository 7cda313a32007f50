"""Passes of the benchmarks after the first: which are started, and what they add to its checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from samcheck.environments import Ended
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult, Series
from samcheck.run import repetitions

BENCHMARK = CheckResult(
    "test_latency.py::test_encoder[tiny]",
    "latency",
    CheckOutcome.PASSED,
    series=[Series({"wall_ms": [1.0, 2.0, 9.0]}, 3, 1, "steady")],
    metrics={"median_ms": 2.0, "warm_ms": 5.0},
)
OTHER = CheckResult("test_shapes.py::test_shapes", "shapes", CheckOutcome.PASSED)


def wrote(folder: Path, number: int, *checks: CheckResult, status: int | None = 0) -> None:
    """The journal of a pass that ran `checks`, to its end unless `status` is None."""
    events: list[dict[str, object]] = [
        {
            "event": "collected",
            "checks": [asdict(replace(check, outcome=CheckOutcome.NOT_RUN)) for check in checks],
        },
    ]
    events += [{"event": "finished", "result": asdict(check)} for check in checks]
    if status is not None:
        events.append({"event": "ended", "exit_status": status})
    lines = [json.dumps({"n": at, **event}) + "\n" for at, event in enumerate(events)]
    repetitions.journal(folder, number).write_text("".join(lines))


def test_passes_behind_the_first_are_started_in_order(tmp_path: Path) -> None:
    started = []

    def start(number: int) -> Ended:
        started.append(number)
        wrote(tmp_path, number, BENCHMARK)
        return Ended(0)

    assert repetitions.run(tmp_path, 4, start) == []
    assert started == [2, 3, 4]


def test_one_pass_is_the_one_that_there_is_already(tmp_path: Path) -> None:
    def start(number: int) -> Ended:
        raise AssertionError(f"pass {number} was started")

    assert repetitions.run(tmp_path, 1, start) == []


def test_a_pass_that_was_finished_is_kept_and_another_is_run_from_its_beginning(tmp_path: Path) -> None:
    wrote(tmp_path, 2, BENCHMARK)
    wrote(tmp_path, 3, BENCHMARK, status=None)
    started = []

    def start(number: int) -> Ended:
        assert not repetitions.journal(tmp_path, number).exists()
        started.append(number)
        wrote(tmp_path, number, BENCHMARK)
        return Ended(0)

    assert repetitions.run(tmp_path, 3, start) == []
    assert started == [3]


def test_passes_that_died_are_told_and_others_run_all_the_same(tmp_path: Path) -> None:
    def start(number: int) -> Ended:
        wrote(tmp_path, number, BENCHMARK, status=0 if number == 3 else None)
        return Ended(None, "SIGKILL") if number == 2 else Ended(3)

    assert repetitions.run(tmp_path, 4, start) == [
        "process 2 of the benchmarks ended with SIGKILL",
        "process 4 of the benchmarks ended with exit status 3",
    ]


def test_each_pass_has_files_of_its_own(tmp_path: Path) -> None:
    files = [
        place(tmp_path, number) for number in (2, 3) for place in (repetitions.journal, repetitions.output)
    ]
    assert len(set(files)) == 4
    assert {path.parent for path in files} == {tmp_path}


def measured(*times: float) -> CheckResult:
    return replace(BENCHMARK, series=[Series({"wall_ms": list(times)}, len(times), 1, "steady")])


def joined(folder: Path, checks: Sequence[CheckResult], *passes: CheckResult) -> list[CheckResult]:
    for number, check in enumerate(passes, 2):
        wrote(folder, number, check)
    return repetitions.joined(checks, folder, len(passes) + 1)


def test_the_series_of_all_passes_are_kept_and_their_median_is_over_processes(tmp_path: Path) -> None:
    """A process counts once, however many samples it took; other numbers are those of the first."""
    later = replace(measured(4.0), metrics={"median_ms": 4.0, "warm_ms": 7.0})
    (check,) = joined(tmp_path, [BENCHMARK], measured(8.0, 7.0, 30.0), later)
    assert [series.samples["wall_ms"] for series in check.series] == [
        [1.0, 2.0, 9.0],
        [8.0, 7.0, 30.0],
        [4.0],
    ]
    assert check.metrics == {"median_ms": 4.0, "warm_ms": 5.0, "processes": 3.0}
    assert check.outcome is CheckOutcome.PASSED


def test_a_pass_that_did_not_come_to_a_benchmark_adds_nothing_to_it(tmp_path: Path) -> None:
    (check,) = joined(tmp_path, [BENCHMARK], OTHER)
    assert check.series == BENCHMARK.series
    assert check.metrics["processes"] == 1.0


def test_passes_that_were_not_asked_for_this_time_are_left_out(tmp_path: Path) -> None:
    """They are there where an interrupted run goes on with fewer."""
    wrote(tmp_path, 3, measured(9.0))
    (check,) = joined(tmp_path, [BENCHMARK], measured(4.0))
    assert check.metrics["processes"] == 2.0


def test_checks_that_measure_nothing_are_those_of_the_first_pass(tmp_path: Path) -> None:
    failed = replace(OTHER, outcome=CheckOutcome.FAILED, reason="elsewhere")
    assert joined(tmp_path, [OTHER, BENCHMARK], failed)[0] == OTHER


@pytest.mark.parametrize("outcome", [outcome for outcome in CheckOutcome if outcome.is_failure])
def test_a_benchmark_has_passed_where_it_passed_in_every_process(
    tmp_path: Path, outcome: CheckOutcome
) -> None:
    failed = replace(
        measured(5.0), outcome=outcome, reason="too slow", evidence="9 ms", details="a traceback"
    )
    (check,) = joined(tmp_path, [BENCHMARK], measured(3.0), failed)
    assert (check.outcome, check.reason) == (outcome, "in another process: too slow")
    assert (check.evidence, check.details) == ("9 ms", "a traceback")
    assert check.series == BENCHMARK.series
    assert check.check == BENCHMARK.check
