"""Benchmarks run in several processes: all their samples are kept, and a failure in any of them counts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from samcheck.cells import Cell
from samcheck.environments import here
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CheckResult
from samcheck.matrix import PlannedCell
from samcheck.run import context, repetitions, suite_runner
from tests.processes.rig import CONFTEST, INI
from tests.processes.trial import Silent

BENCHMARK = """
import os, pathlib
from samcheck.guest.record import Series

def test_it(series, measured):
    number = len(list(pathlib.Path("..").glob("pass-*.jsonl"))) + 1
    {}
    series.append(Series({{"wall_ms": [float(number)]}}, 1, 0, "steady", readings={{"pid": os.getpid()}}))
    measured["median_ms"] = float(number)
"""
OTHER = "def test_other(): open('../other', 'a').write('x')\n"


def run(
    folder: Path, body: str, count: int = 3, groups: tuple[str, ...] = ()
) -> tuple[list[CheckResult], context.CellRun]:
    suite = folder / "suite"
    suite.mkdir(parents=True, exist_ok=True)
    (suite / "pytest.ini").write_text(INI)
    (suite / "conftest.py").write_text(CONFTEST)
    (suite / repetitions.MODULE).write_text(BENCHMARK.format(body))
    (suite / "test_other.py").write_text(OTHER)
    (suite / "test_peaks.py").write_text(OTHER)
    settings = context.Settings(
        "fast",
        here.Here(sys.executable),
        "",
        60.0,
        suite=str(suite),
        processes=count,
        groups=groups,
    )
    known = context.CellRun(PlannedCell(Cell("0.0.0", "cpu", "3.11")), settings, folder / "cell", Silent())
    known.folder.mkdir(exist_ok=True)
    attempts = suite_runner.run_with_benchmarks(known, here.HerePlace(sys.executable))
    return known.checks(attempts), known


def benchmark(checks: list[CheckResult]) -> CheckResult:
    return next(check for check in checks if check.group == "latency")


def test_each_process_is_a_fresh_one(tmp_path: Path) -> None:
    checks, _ = run(tmp_path, "")
    check = benchmark(checks)
    assert [series.samples["wall_ms"] for series in check.series] == [[1.0], [2.0], [3.0]]
    assert len({series.readings["pid"] for series in check.series}) == 3
    assert check.metrics["median_ms"] == 2.0
    assert check.metrics["processes"] == 3
    assert (tmp_path / "cell" / "other").read_text() == "xx"  # once only


@pytest.mark.parametrize(("group", "starts"), [("latency", 3), ("peaks", 1)])
def test_groups_without_benchmarks_need_no_other_process(tmp_path: Path, group: str, starts: int) -> None:
    checks, cell_run = run(tmp_path, "", groups=(group,))
    assert [check.group for check in checks] == [group]
    assert cell_run.result(CellOutcome.PASSED, "").groups == [group]
    assert len(list((tmp_path / "cell").glob("pass-*.log"))) == starts - 1


def test_failure_in_another_process_counts(tmp_path: Path) -> None:
    checks, _ = run(tmp_path, "assert number != 3, 'too slow'")
    assert benchmark(checks).outcome == "failed"
    assert benchmark(checks).reason.startswith("in another process: AssertionError: too slow")


@pytest.mark.parametrize(
    "body",
    [
        "if number == 2: os._exit(3)",
        "if number == 2: os.kill(os.getpid(), 9)",
        "if number == 2: raise KeyboardInterrupt",  # pytest ends in order, and has not run all
        "if number == 2: os.close(1)",  # and with an internal error
    ],
)
def test_death_of_a_process_is_told(tmp_path: Path, body: str) -> None:
    checks, known = run(tmp_path, body)
    assert benchmark(checks).outcome == "passed"
    assert len(benchmark(checks).series) == 2
    (told,) = known.unmeasured
    assert told.startswith("process 2 of the benchmarks ended with")


def test_resumed_run_measures_only_what_is_missing(tmp_path: Path) -> None:
    first, _ = run(tmp_path, "", count=2)
    repetitions.journal(tmp_path / "cell", 2).with_name("pass-3.jsonl").write_text(
        '{"event": "started"'
    )  # torn
    again, _ = run(tmp_path, "", count=3)
    pids = [[series.readings["pid"] for series in benchmark(checks).series] for checks in (first, again)]
    assert pids[1][:2] == pids[0]
    assert len(set(pids[1])) == 3
