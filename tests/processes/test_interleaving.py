"""Two cells in turns, with real guests: never both at once, and what a shared machine does cancels out."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck.analysis.compare import compare
from samcheck.analysis.interleave import PairedRun, run_in_turns
from samcheck.cells import Cell
from samcheck.environments import Ended, Place, here
from samcheck.guest.record import CellResult
from samcheck.matrix import PlannedCell
from samcheck.run import repetitions, suite_runner
from samcheck.run.context import CellRun, Settings
from samcheck.run.scheduler import Gates
from tests.processes.rig import INI
from tests.processes.trial import Silent

#: A benchmark of which each turn takes what the machine does at that time to whoever computes; the new side
#: takes longer by its factor. A file tells whether the other one computes.
BENCHMARK = """
import os, random, time
from pathlib import Path
import pytest
from samcheck.guest.record import Series

HERE = Path.cwd().parent
MACHINE = HERE.parent / "machine"
FACTOR = float((HERE / "factor").read_text())

class Gauge:
    def away(self): pass
    def back(self): pass

@pytest.mark.precisions("fp32", "bf16")
def test_it(series, measured, turns, variant, precision):
    {body}
    paced = turns(Gauge())
    wall = []
    for turn in range(paced.plan([1.0], 6.0)):
        paced.before(lambda: None)
        said = int(MACHINE.read_text()) if MACHINE.exists() else 0
        assert said in (0, os.getpid()), "the other one computes"
        MACHINE.write_text(str(os.getpid()))
        time.sleep(0.002)
        wall.append(10 * random.Random(turn).choice([1.0, 1.4, 3.0]) * FACTOR)
        MACHINE.write_text("0")
    series.append(Series({{"wall_ms": wall, "turn_ms": paced.medians(wall)}}, len(wall), 0, "budget"))
    measured["median_ms"] = sorted(wall)[len(wall) // 2]
"""
CONFTEST = 'pytest_plugins = ["samcheck.guest.plugin", "samcheck.guest.plugin.session_fixtures"]\n'
CELL = Cell("0.0.0", "cpu", "{}.{}".format(*sys.version_info))


class Here(here.Here):
    """The interpreter of the tests as two cells; what it holds is nobody's concern here."""

    def prepare(self, *_: object) -> Place:
        return here.HerePlace(sys.executable)


def settings(folder: Path, processes: int) -> Settings:
    suite = folder / "suite"
    suite.mkdir(parents=True)
    (suite / "pytest.ini").write_text(INI)
    (suite / "conftest.py").write_text(CONFTEST)
    return Settings(
        "fast",
        Here(sys.executable),
        "",
        60.0,
        suite=str(suite),
        processes=processes,
        gates=Gates(jobs=2),
        variants=("tiny",),
    )


@pytest.fixture
def as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' interpreter is no cell that anybody declared."""
    monkeypatch.setattr("samcheck.run.judge.compare", lambda *_: iter(()))


def met(folder: Path, factor: float, body: str = "", processes: int = 3) -> tuple[CellResult, CellResult]:
    chosen = settings(folder, processes)
    (Path(chosen.suite) / repetitions.MODULE).write_text(BENCHMARK.format(body=body))
    return meet_in(folder, chosen, factor)


def meet_in(folder: Path, chosen: Settings, factor: float) -> tuple[CellResult, CellResult]:
    for side, its in (("base", 1.0), ("new", factor)):
        (folder / "run" / side).mkdir(parents=True, exist_ok=True)
        (folder / "run" / side / "factor").write_text(str(its))
    cell = PlannedCell(CELL)
    return run_in_turns(PairedRun(chosen, folder / "run", (cell, cell)), (Silent(), Silent()))


pytestmark = pytest.mark.usefixtures("as_declared")


def test_one_computes_at_a_time_and_the_slower_one_is_seen(tmp_path: Path) -> None:
    base, new = met(tmp_path, 1.07, processes=5)
    assert (base.outcome, new.outcome) == ("passed", "passed"), (base.reason, new.reason)
    assert [len(check.series) for check in base.checks] == [5, 5]
    assert {check.settings["heap"] for check in (*base.checks, *new.checks)} == {"keeps what is freed"}
    comparison = compare([base], [new], lambda _: {})
    assert {verdict.verdict for verdict in comparison.verdicts} == {"regressed"}
    assert all(verdict.change == pytest.approx(0.0677, abs=0.01) for verdict in comparison.verdicts)


def test_a_pair_of_which_one_died_does_not_count(tmp_path: Path) -> None:
    second = "(HERE / 'pass-2.jsonl').exists() and not (HERE / 'pass-3.jsonl').exists()"
    die = f"if FACTOR > 1 and {second}: os._exit(3)"
    base, new = met(tmp_path, 1.5, die)
    assert [len(check.series) for side in (base, new) for check in side.checks] == [2, 2, 2, 2]
    assert new.environment.details["processes"] == "process 2 of the benchmarks ended with exit status 3"
    assert base.outcome == new.outcome == "passed"


def test_the_other_side_need_not_wait_for_one_that_failed(tmp_path: Path) -> None:
    base, new = met(tmp_path, 1.5, "assert FACTOR == 1 or precision == 'fp32'", processes=2)
    assert base.outcome == "passed"
    assert new.outcome == "failed"
    (same, other) = compare([base], [new], lambda _: {}).verdicts
    assert (same.verdict, other.verdict) == ("regressed", "missing")


def test_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    chosen = settings(tmp_path, 2)
    (Path(chosen.suite) / repetitions.MODULE).write_text(BENCHMARK.format(body=""))
    meet_in(tmp_path, chosen, 1.0)
    before = [path.read_bytes() for path in sorted(tmp_path.rglob("pass-*.jsonl"))]
    base, _ = meet_in(tmp_path, replace(chosen, processes=3), 1.0)
    after = [path.read_bytes() for path in sorted(tmp_path.rglob("pass-[12].jsonl"))]
    assert before == after
    assert [len(check.series) for check in base.checks] == [3, 3]


def test_a_side_that_cannot_be_made_is_told_of_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samcheck.run.judge.compare", lambda *_: iter(["PyTorch: declared 1, observed 2"]))
    base, new = met(tmp_path, 1.0)
    assert (base.outcome, base.reason) == ("misbuilt", "PyTorch: declared 1, observed 2")
    assert not new.checks


def test_fifos_are_gone_afterwards(tmp_path: Path) -> None:
    met(tmp_path, 1.0, processes=2)
    assert not list(tmp_path.rglob("turns-*"))


def raises(*_: object, **__: object) -> None:
    raise RuntimeError("nobody foresaw this")


@pytest.mark.parametrize(
    "broken",
    ["cell_runner.prepare", "cell_runner.look", "suite_runner.start_pass", "TurnServer", "judge.judge"],
)
def test_what_nobody_foresaw_is_in_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(f"samcheck.analysis.interleave.paired_run.{broken}", raises)
    for side in met(tmp_path, 1.0, processes=2):
        assert side.outcome == "not-run"
        assert "RuntimeError: nobody foresaw this" in side.reason
        assert "Traceback" in next(tmp_path.glob("run/*/error.log")).read_text()


def test_what_nobody_foresaw_on_one_side_does_not_end_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which goes on alone; what it measured before is kept."""
    real = suite_runner.start_pass

    def start(cell_run: CellRun, place: Place, number: int, given: Path, more: tuple[str, ...]) -> Ended:
        if cell_run.folder.name == "new" and number == 2:
            raises()
        return real(cell_run, place, number, given, more)

    monkeypatch.setattr(suite_runner, "start_pass", start)
    base, new = met(tmp_path, 1.0, processes=3)
    assert base.outcome == "passed", base.reason
    assert (new.outcome, "running process 2 of the benchmarks" in new.reason) == ("not-run", True)
    assert [len(check.series) for side in (base, new) for check in side.checks] == [2, 2, 2, 2]
