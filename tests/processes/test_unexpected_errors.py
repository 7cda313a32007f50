"""Whatever is raised while one cell is in hand is that cell's outcome; the others run, and all is told."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from samcheck import files, paths, report
from samcheck.cells import Cell
from samcheck.environments import DiskNeed, Ended, GuestJob, Place, machine
from samcheck.errors import BuildFailed
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import CellResult
from samcheck.matrix import Plan
from samcheck.run import judge, session
from samcheck.run.context import Settings
from samcheck.storage import results
from tests.processes import orchestrator
from tests.processes.rig import Rig, write_suite

#: The cell in which something is raised, of `orchestrator.cells(2)`.
BAD = "torchabsent-cpu-py3.11-numpy1.0"
GOOD = "torchabsent-cpu-py3.11-numpy0.0"


class Unforeseen(Exception):
    """Nobody has heard of it."""


class Unsayable(Exception):
    """Its message cannot be had."""

    def __str__(self) -> str:
        raise Unforeseen


@dataclass(frozen=True)
class Spoilt(orchestrator.StandIn):
    """A stand-in that calls `spoil` with the name of each of its steps for the bad cell."""

    spoil: Callable[[str], None] = lambda _: None

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        if cell.id == BAD:
            self.spoil("need")
        return super().need(cell, requirements)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        if cell.id == BAD:
            self.spoil("prepare")
        place = super().prepare(cell, requirements, log)
        return SpoiltPlace(place, self.spoil) if cell.id == BAD else place


@dataclass(frozen=True)
class SpoiltPlace:
    place: Place
    spoil: Callable[[str], None]
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, str]:
        return {}

    def run(self, job: GuestJob) -> Ended:
        probe = "samcheck.guest.fingerprint" in job.arguments
        self.spoil("probe" if probe else "run")
        ended = self.place.run(job)
        self.spoil("probed" if probe else "ran")
        return ended


def raising(step: str, error: BaseException) -> Callable[[str], None]:
    def spoil(name: str) -> None:
        if name == step:
            raise error

    return spoil


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    write_suite(tmp_path / "suite", "def test_a(variant): pass\ndef test_b(variant): pass\n")
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    return Rig(tmp_path, cells=2)


def run(rig: Rig, spoil: Callable[[str], None] = lambda _: None, resume: bool = False) -> tuple[int, str]:
    """A run of a good cell and of one in which something is raised: exit code, and what was said."""
    said = io.StringIO()
    settings = Settings(
        "fast",
        Spoilt(rig.folder, "", spoil=spoil),
        "a test",
        60.0,
        suite=str(rig.folder / "suite"),
        version="0+test",
    )
    plan = Plan("stand-in", "fast", orchestrator.cells(2))
    code = session.run(Console(file=said, width=100), plan, settings, resume, rig.folder / "results")
    return code, said.getvalue()


def resumed(rig: Rig) -> None:
    """The cause is gone: --resume makes a whole run of it."""
    code, said = run(rig, resume=True)
    assert code == 0, said
    assert {name: result.outcome for name, result in rig.results().items()} == {GOOD: "passed", BAD: "passed"}
    assert not rig.unfinished


@pytest.mark.parametrize(
    ("step", "error", "words"),
    [
        (
            "prepare",
            Unforeseen("no wheel [red]for\x1b[31m that"),
            r"Unforeseen: no wheel \[red\]for\\x1b\[31m",
        ),
        (
            "prepare",
            OSError(errno.ENOSPC, "No space left on device", "/x/y"),
            "No space left on device at /x/y",
        ),
        ("prepare", SystemExit(0), "SystemExit: 0"),  # or all would be green
        ("prepare", Unsayable(), "Unsayable: "),
        ("probe", KeyError("version"), "KeyError: 'version'"),
        ("probed", PermissionError(errno.EACCES, "Permission denied", b"/\xff"), "Permission denied at /"),
        ("run", RecursionError("too deep"), "RecursionError: too deep"),
        ("run", OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        ("ran", MemoryError(), "MemoryError"),
        ("ran", UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed"), "UnicodeEncodeError"),
    ],
)
def test_what_is_raised_is_the_cells(rig: Rig, step: str, error: BaseException, words: str) -> None:
    code, said = run(rig, raising(step, error))
    assert code == 1
    stored = rig.results()
    assert stored[GOOD].outcome == "passed"
    bad = stored[BAD]
    assert bad.outcome.is_retried
    assert re.search(words, bad.reason), bad.reason
    assert "--resume" in bad.reason
    assert bad.reason.replace("<checkout>", "") in said.replace("<checkout>", "")
    if step == "ran":  # the checks that are finished are in the result
        assert len(bad.checks) == 2
    (log,) = rig.folder.glob(f"runs/*/{BAD}/error.log")
    assert "Traceback" in log.read_text()
    assert str(log) in bad.reason
    assert f"`{BAD}`" in rig.table
    assert rig.unfinished
    resumed(rig)


def test_the_place_of_a_fault_of_samchecks_own_is_named(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of one in judging: type, message, and the line of samcheck that it came from."""
    real = judge.compare

    def broken(cell: Cell, *others: Any) -> Any:
        return real(cell, *others) if cell.id == GOOD else iter([1 // (cell.cuda == "cu")])

    monkeypatch.setattr(judge, "compare", broken)
    assert run(rig)[0] == 1
    reason = rig.results()[BAD].reason
    assert re.search(
        r"in step probe, with ZeroDivisionError: .* \(samcheck/run/cell_runner\.py:\d+, in look\)", reason
    )
    monkeypatch.undo()
    monkeypatch.setattr(paths, "RUNS", rig.folder / "runs")
    resumed(rig)


def test_what_cannot_be_announced_is_run_all_the_same(rig: Rig) -> None:
    """`need` is asked before the run, and again when the cell is made."""
    times: list[str] = []

    def spoil(step: str) -> None:
        times.append(step)
        if step == "need" and times.count("need") == 1:
            raise Unforeseen("the engine says no\x1b[2J")

    code, said = run(rig, spoil)
    assert code == 0
    assert f"{BAD}: unknown requirements: the engine says no\\x1b[2J" in said


def test_how_much_disk_is_free_need_not_be_known(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: Path) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(machine, "free_mib", unknown)
    said = io.StringIO()
    settings = Settings("fast", Spoilt(rig.folder, "", installs=True), "a test", 60.0, version="0+test")
    plan = Plan("stand-in", "fast", orchestrator.cells(2))
    session.announce(Console(file=said, width=100), plan, settings, rig.folder)
    assert "free space unknown" in said.getvalue()


def no_room(bad: Callable[..., Any], wrong: Callable[..., bool]) -> Callable[..., Any]:
    """`bad`, but the disk is full where the arguments are `wrong`."""

    def full(*arguments: Any) -> Any:
        if wrong(*arguments):
            raise OSError(errno.ENOSPC, "No space left on device", "/the/disk")
        return bad(*arguments)

    return full


def test_a_result_that_cannot_be_stored(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on; the end says of which cell, where its result lies, and what to do."""
    store = no_room(results.store, lambda _, result, __: result.cell.id == GOOD)
    monkeypatch.setattr(results, "store", store)
    code, said = run(rig)
    assert code == 1
    assert list(rig.results()) == [BAD]
    (kept,) = rig.folder.glob(f"runs/*/{GOOD}/result.json")
    last = said.strip().splitlines()[-1]
    assert "No space left on device at /the/disk" in last
    assert f"while storing the result of {GOOD}, which is kept in {kept}" in last
    assert "--resume" in last
    before = kept.stat().st_mtime_ns
    monkeypatch.undo()
    monkeypatch.setattr(paths, "RUNS", rig.folder / "runs")
    resumed(rig)
    assert kept.stat().st_mtime_ns == before  # it did not run again


def test_a_result_that_cannot_be_kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stored all the same; and once more when the run is resumed."""
    write = no_room(files.write_atomically, lambda path, _: path.parts[-2:] == (GOOD, "result.json"))
    monkeypatch.setattr(files, "write_atomically", write)
    code, said = run(rig)
    assert code == 1
    assert rig.results()[GOOD].outcome == "passed"
    assert f"keeping the result of {GOOD} in the folder of the run" in said
    assert rig.unfinished
    monkeypatch.undo()
    monkeypatch.setattr(paths, "RUNS", rig.folder / "runs")
    resumed(rig)


def test_a_result_that_is_no_json(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = results.to_json

    def to_json(result: CellResult) -> bytes:
        if result.cell.id == BAD and result.checks:
            raise TypeError("a set is no JSON")
        return real(result)

    monkeypatch.setattr(results, "to_json", to_json)
    assert run(rig)[0] == 1
    stored = rig.results()
    assert stored[GOOD].outcome == "passed"
    assert "while converting its result to JSON, with TypeError: a set is no JSON" in stored[BAD].reason
    monkeypatch.undo()
    monkeypatch.setattr(paths, "RUNS", rig.folder / "runs")
    resumed(rig)


@pytest.mark.parametrize("error", [OSError(errno.EROFS, "Read-only file system", "/t"), KeyError("x")])
def test_a_table_that_cannot_be_written(rig: Rig, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(*_: object) -> Path:
        raise error

    monkeypatch.setattr(report, "write", broken)
    code, said = run(rig)
    assert code == 1
    assert len(rig.results()) == 2
    assert "`samcheck table`" in said.strip().splitlines()[-1]
    monkeypatch.undo()
    monkeypatch.setattr(paths, "RUNS", rig.folder / "runs")
    resumed(rig)


def test_a_display_that_fails_costs_no_result(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(result: CellResult) -> str:
        raise Unforeseen

    monkeypatch.setattr("samcheck.run.progress.summary", broken)
    assert run(rig)[0] == 1
    assert {result.outcome for result in rig.results().values()} == {"passed"}


def test_a_folder_that_is_a_file(rig: Rig) -> None:
    """Of one cell, made by somebody while the run goes on: its own `work`, and then its own folder."""
    run(rig, raising("prepare", BuildFailed(FailureCause.INSTALLER, "x")))
    (own,) = rig.folder.glob(f"runs/*/{BAD}")
    own.rename(own.with_name("aside"))
    own.write_text("no folder")
    code, said = run(rig, resume=True)
    assert code == 1
    assert "while this cell was about to start" in rig.results()[BAD].reason
    assert "keeping the result of" in said
    own.unlink()
    resumed(rig)


def test_a_spare_cell_costs_only_itself(rig: Rig) -> None:
    first, second, third = orchestrator.cells(3)
    plan = Plan(
        "stand-in", "fast", (first, replace(second, spare=True), replace(third, spare=True)), wanted=2
    )
    said = io.StringIO()
    spoil = raising("prepare", Unforeseen("x"))
    settings = Settings(
        "fast", Spoilt(rig.folder, "", spoil=spoil), "", 60.0, suite=str(rig.folder / "suite")
    )
    code = session.run(Console(file=said), plan, settings, False, rig.folder / "results")
    assert code == 1
    outcomes = {name: result.outcome for name, result in rig.results().items()}
    assert outcomes == {GOOD: "passed", BAD: "not-run", third.cell.id: "passed"}
    assert os.path.exists(rig.folder / "results" / report.TABLE)
