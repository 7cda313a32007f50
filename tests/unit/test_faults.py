"""The machinery of seeded faults: seeding, verdicts, the table."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from samcheck import paths
from samcheck.environments import Ended
from samcheck.errors import EmptySelection
from samcheck.guest.journal import EventWriter
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.run.records import Attempt, Journal
from samcheck.storage import results
from tests.faults import patching, runs, seed, table, trial, verdict
from tests.faults.__main__ import select
from tests.faults.catalogue import FAULTS
from tests.faults.evidence import EVIDENCE
from tests.faults.fault import Fault
from tests.faults.table import CleanRun, Outcome, Report
from tests.faults.verdict import Verdict

FOLDER = Path(table.__file__).parent
CLEAN = {"a": "passed", "b": "known", "c": "skipped"}


def attempt(exit_status: int | None = 0, running: str = "", **outcomes: str) -> Attempt:
    journal = Journal(exit_status=exit_status)
    for check in (*outcomes, "a", "b", "c"):
        journal.collected.setdefault(check, CheckResult(check, "group", CheckOutcome.NOT_RUN))
    for check, outcome in outcomes.items():
        journal.finished[check] = CheckResult(check, "group", CheckOutcome(outcome), reason=f"why {check}")
    if running:
        journal.running = (running, 0.0)
    ended = Ended(exit_status) if exit_status is not None else Ended(None, "SIGSEGV")
    return Attempt(journal, ended, 1.0, "end")


def test_first_failed_check_catches() -> None:
    seen = verdict.judge(CLEAN, attempt(1, a="passed", b="failed", c="failed"), 9.0)
    assert seen == Verdict(True, "b", "failed", "why b", also=1)


@pytest.mark.parametrize("outcome", ["skipped", "known", "fixed", "passed"])
def test_green_is_not_caught(outcome: str) -> None:
    seen = verdict.judge(CLEAN, attempt(0, a=outcome, b="known", c="skipped"), 9.0)
    assert not seen.caught
    assert ("1 from passed to" in seen.reason) is (outcome != "passed")


def test_checks_behind_the_first_do_not_count() -> None:
    """With -x they are not run, which says nothing."""
    seen = verdict.judge(CLEAN, attempt(1, a="failed"), 9.0)
    assert (seen.check, seen.also) == ("a", 0)


def test_death_in_a_check_catches() -> None:
    seen = verdict.judge(CLEAN, attempt(None, running="b", a="passed"), 9.0)
    assert (seen.caught, seen.check, seen.outcome) == (True, "b", "crashed")


def test_module_that_cannot_be_imported_catches() -> None:
    run = attempt(1, a="failed")
    run.journal.broken.append(CheckResult("test_x.py", "x", CheckOutcome.FAILED, reason="no module"))
    assert verdict.judge(CLEAN, run, 9.0).check == "test_x.py"


@pytest.mark.parametrize("status", [None, 2, 5])
def test_suite_that_does_not_end_in_order_catches(status: int | None) -> None:
    seen = verdict.judge(CLEAN, attempt(status, a="passed", b="known", c="skipped"), 9.0)
    assert seen.caught
    assert "ended outside of a check" in seen.reason


def test_what_failed_before_does_not_catch() -> None:
    seen = verdict.judge({**CLEAN, "a": "failed"}, attempt(0, a="failed", b="known", c="skipped"), 9.0)
    assert not seen.caught


def test_baseline_must_be_green() -> None:
    assert verdict.not_green(attempt(0, a="passed", b="known", c="skipped"), 9.0) == []
    assert verdict.not_green(attempt(1, a="failed", b="known", c="skipped"), 9.0) == ["a: failed: why a"]
    assert verdict.not_green(attempt(5), 9.0)


def test_faults_are_selected_by_kind_or_id() -> None:
    assert {fault.kind for fault in select(["precision"])} == {"precision"}
    assert len(select(["normalisation-*"])) >= 3
    by_family = [len(select([], family)) for family in runs.VARIANTS]
    assert sum(by_family) == len(FAULTS)
    assert by_family[0] >= 45
    theirs = select([], "sam2")
    assert len(theirs) >= 30
    assert {fault.family for fault in theirs} == {"sam2"}
    with pytest.raises(EmptySelection, match="no fault fits nothing-like-it"):
        select(["nothing-like-it"])


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.id)
def test_every_fault_says_what_it_is(fault: Fault) -> None:
    assert fault.title.endswith(".")
    assert fault.origin
    assert fault.evidence in EVIDENCE


def test_suite_knows_of_no_fault() -> None:
    for folder in ("samcheck", "tests/suite"):
        for path in (paths.ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not any(word in text for word in ("tests.faults", "tests/faults", seed.VARIABLE)), path


@pytest.mark.parametrize(
    "path",
    [
        *(
            FOLDER / f"{name}.py"
            for name in ("__init__", "fault", "forks", "launch", "order", "patching", "seed")
        ),
        *sorted(FOLDER.glob("catalogue/*.py")),
        *sorted(FOLDER.glob("evidence/*.py")),
    ],
    ids=lambda path: path.name,
)
def test_guest_half_is_python_3_8(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


MODULE = """\
class Thing:
    @staticmethod
    def double(x):
        return x * 2

def half(x):
    return x / 2
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that is not imported yet."""
    name = f"example_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    return name


def test_edit_changes_a_function_for_all(module: str) -> None:
    half = importlib.import_module(module).half
    patching.edit(f"{module}:half", "x / 2", "x / 4")
    patching.edit(f"{module}:half", "/ 4", "/ 8")
    assert half(8) == 1
    patching.edit(f"{module}:Thing.double", "x * 2", "x * 3")
    assert importlib.import_module(module).Thing.double(1) == 3


def test_edit_refuses_what_is_not_there(module: str) -> None:
    with pytest.raises(patching.DoesNotFit, match="0 times, not 1"):
        patching.edit(f"{module}:half", "x / 3", "x")


def test_fault_is_applied_behind_the_import(module: str) -> None:
    applied: list[bool] = []
    sys.meta_path.insert(
        0, seed.Waiting(module, lambda: applied.append(hasattr(sys.modules[module], "half")))
    )
    importlib.util.find_spec(module)  # as a family looks for its modules
    assert not applied
    assert importlib.import_module(module).half(2) == 1
    assert applied == [True]


def test_fault_of_an_imported_module_is_applied_at_once(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork has what its parent imported."""
    half = importlib.import_module(module).half
    apply = partial(patching.edit, f"{module}:half", "x / 2", "x / 4")
    monkeypatch.setitem(FAULTS, "quarter", Fault("quarter", "It.", "x", "x", "x", module, apply))
    before = list(sys.meta_path)
    seed.install("quarter")
    assert (half(8), sys.meta_path) == (2, before)


@pytest.mark.parametrize(
    ("status", "ended"), [("256", Ended(1)), ("9", Ended(None, "SIGKILL")), (None, Ended(None, "no status"))]
)
def test_fork_is_read_back(tmp_path: Path, status: str | None, ended: Ended) -> None:
    journal = EventWriter(str(tmp_path / "x.jsonl"))
    check = CheckResult("test_video.py::test_x", "video", CheckOutcome.NOT_RUN)
    journal.collected([check])
    journal.started(check.check)
    if status is not None:
        (tmp_path / "x.status").write_text(status)
        journal.finished(replace(check, outcome=CheckOutcome.FAILED, reason="why"))
    seen = runs.of_fork(tmp_path, "x")
    assert seen.ended == ended
    judged = verdict.judge({check.check: "passed"}, seen, 9.0)
    assert judged.caught
    assert judged.outcome == ("failed" if status is not None else "crashed")


def outcome(id: str, kind: str = "encoder", **fields: object) -> Outcome:
    return Outcome(id, "It is broken.", kind, "somewhere", **fields)  # type: ignore[arg-type]


FACTS = dict.fromkeys(("python", "torch", "torchvision", "numpy", "device", "cpu"), "1")


def test_table_counts_what_was_missed() -> None:
    caught = outcome("one", fast=Verdict(True, "test_x.py::test_y", "crashed", "why | so"))
    late = outcome("two", fast=Verdict(False), full=Verdict(True, "test_z", "failed", "late"))
    missed = outcome("three", kind="memory", fast=Verdict(False, reason="1 from passed to skipped"))
    unseeded = outcome("four", not_seeded="changes nothing")
    every = {fault.id: fault for fault in (caught, late, missed, unseeded)}
    report = Report(FACTS, "code", "2026-01-01", {"passed": 3}, every, [CleanRun(1, 1, 1, (), 10.0)])
    text = table.markdown(report)
    assert "fast tier: 1 of 3 faults caught (33%)" in text
    assert "full tier: 2 of 3 (67%)" in text
    assert "false alarms: 0 of 1 runs" in text
    assert "| `one` | It is broken. | `test_x.py::test_y` (crashed) | why \\| so | 0 |" in text
    assert text.count("**missed**") == 2  # under its own heading, and among its kind
    assert "`four`: changes nothing" in text
    assert not trial.good(report)


def test_report_is_read_back(tmp_path: Path) -> None:
    report = Report(FACTS, "code", "2026-01-01", {}, {"one": outcome("one", fast=Verdict(True, "x"))})
    folder = tmp_path / "faults"
    table.write(folder, report)
    assert table.read(folder / "faults.json") == report
    assert results.load(tmp_path) == ([], [])  # it stands beside the results of cells
    (folder / "faults.json").write_text("{")
    assert table.read(folder / "faults.json") is None
    assert trial.good(report)


def test_telling_modules_come_first() -> None:
    names = [Path(name).stem for name in runs.modules()]
    assert names[0] == "test_correctness"
    assert names[-1] == "test_latency"
    assert sorted(runs.modules(shuffle=3)) == sorted(runs.modules())
    assert runs.modules(shuffle=3) != runs.modules()


def test_modules_of_chosen_groups_run_alone() -> None:
    names = [Path(name).stem for name in runs.modules(groups=("memory", "leaks"))]
    assert names == ["test_keeping", "test_memory", "test_leaks"]


def test_clean_runs_differ_in_threads_order_and_hashes() -> None:
    settings = runs.clean_settings(4, cpus=2)
    assert {setting.threads for setting in settings} == {1, 2}
    assert (
        len({setting.hash_seed for setting in settings})
        == len({setting.shuffle for setting in settings})
        == 4
    )
    assert {setting.fault for setting in settings} == {seed.CONTROL}
