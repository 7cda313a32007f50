"""The command around a bisect: options, stored results of this device, resuming, what is printed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from samcheck import paths, version
from samcheck.analysis.bisect import state_file
from samcheck.analysis.bisect.bisection import Bisection, BisectionQuestion, CheckRun, run_bisection
from samcheck.analysis.bisect.bisection_text import as_json
from samcheck.analysis.bisect.boundary_search import Boundary
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.check_prober import CheckProber
from samcheck.cells import Cell
from samcheck.commands import bisect
from samcheck.environments import machine
from samcheck.errors import BadInput
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.storage import results, runs
from tests.unit.made import RESULT, SEEN

CHECK = "test_dtype.py::test_bfloat16_to_numpy"
ENDS = ("--check", CHECK, "--good", "2.8.0", "--bad", "2.10.0", "--python", "3.12", "--environment", "venv")
#: From good to bad.
OUTCOMES = {"2.8.0": "passed", "2.9.0": "passed", "2.9.1": "failed", "2.10.0": "failed"}


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(version, "version", lambda: "0.1.0")
    monkeypatch.setattr(machine, "device_name", lambda: "cpu AMD EPYC")
    monkeypatch.setattr(machine, "look", lambda: NO_GPU)


def made(torch: str, outcome: str, cpu: str = "AMD EPYC", python: str = "3.12") -> CellResult:
    return replace(
        RESULT,
        cell=Cell(torch, "cu128", python).record(()),
        outcome=CellOutcome.FAILED if CheckOutcome(outcome).is_bad else CellOutcome.PASSED,
        checks=[CheckResult(CHECK, "dtype", CheckOutcome(outcome), reason="why")],
        observed=replace(SEEN, cpu=cpu),
    )


def command(store: Path, *arguments: str) -> Result:
    return CliRunner().invoke(bisect.bisect_command, [*arguments, "--results", str(store)])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for torch, outcome in OUTCOMES.items():
        results.store(tmp_path / "results", made(torch, outcome), "x")
    return tmp_path / "results"


def test_everything_stored_builds_nothing(store: Path) -> None:
    before = {path: path.read_bytes() for path in store.rglob("*.json")}
    done = command(store, *ENDS, "--repeat", "1")
    assert done.exit_code == 0, done.output
    assert "first bad: torch 2.9.1 (failed), last good: 2.9.0 (passed)" in done.output
    assert "0 environments built, 0 reused; 0 runs of the check, 4 more taken" in done.output
    assert {path: path.read_bytes() for path in store.rglob("*.json")} == before
    (kept,) = paths.RUNS.glob("bisect-*/bisect.json")
    assert json.loads(kept.read_bytes())["answer"]["first_bad"] == "2.9.1"


def test_json_is_all_of_the_output(store: Path) -> None:
    done = command(store, *ENDS, "--repeat", "1", "--json")
    assert json.loads(done.stdout)["answer"]["last_good"] == "2.9.0"


def test_results_of_other_devices_are_not_used(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = played(monkeypatch)
    results.store(store, made("2.9.1", "failed", cpu="another"), "x")
    monkeypatch.setattr(machine, "device_name", lambda: "cpu another")
    done = command(store, *ENDS, "--repeat", "1")
    assert "first bad: torch 2.9.1 (failed), last good: 2.9.0 (passed)" in done.output
    assert tried == ["2.8.0#1", "2.10.0#1", "2.9.0#1"]


def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cells are not run, but have the outcomes of `OUTCOMES`."""
    tried: list[str] = []

    def call(_: CheckProber, candidate: Candidate, number: int) -> CheckRun:
        tried.append(f"{candidate.value}#{number}")
        return CheckRun(made(candidate.value, OUTCOMES[candidate.value]), built=number == 1)

    monkeypatch.setattr(CheckProber, "__call__", call)
    return tried


def test_without_stored_results_the_ends_are_built_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = played(monkeypatch)
    done = command(tmp_path / "none", *ENDS)
    assert done.exit_code == 0, done.output
    assert tried[:2] == ["2.8.0#1", "2.10.0#1"]
    assert {"2.9.0#2", "2.9.1#2"} <= set(tried)
    assert "4 environments built" in done.output


def test_what_cannot_be_told_ends_with_1(store: Path) -> None:
    done = command(store, *ENDS, "--repeat", "1", "--bad-outcome", "known")
    assert done.exit_code == 1
    assert "nothing to bisect: the bad end is good" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--check", "test_dtype.py"), "is not like test_dtype.py::"),
        (("--check", "test_none.py::test_x"), "is not like test_dtype.py::"),
        (("--axis", "python"), "--python: that is the axis to bisect"),
        (("--axis", "numpy"), "give the PyTorch"),
        (("--bad-outcome", "red"), "'red' is not one of passed"),
        (("--good", "2.8.7"), "unknown torch '2.8.7'"),
        (("--environment", "here"), "one cell only"),
        (("--resume",), "nothing to resume"),
    ],
)
def test_bad_input_is_said_and_starts_no_run(store: Path, arguments: tuple[str, ...], said: str) -> None:
    done = command(store, *ENDS, *arguments)
    assert isinstance(done.exception, BadInput)
    assert said in str(done.exception)
    assert not list(paths.RUNS.glob("*"))


def test_check_that_nothing_has_is_told_before_anything_is_built(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played(monkeypatch)
    done = command(store, *ENDS, "--repeat", "1", "--check", "test_dtype.py::test_bfloat16_to_nunpy")
    assert (
        f"none of 4 stored results has test_dtype.py::test_bfloat16_to_nunpy; similar: {CHECK}" in done.output
    )
    assert "similar:" not in command(store, *ENDS, "--repeat", "1").output


def test_check_is_named_as_results_have_it(store: Path) -> None:
    done = command(store, *ENDS, "--repeat", "1", "--check", f"tests/suite/{CHECK}")
    assert f"bisect {CHECK} over 4 values" in done.output


def question(check: str) -> BisectionQuestion:
    cells = [Candidate(python, Cell("2.9.1", "cu128", python)) for python in ("3.10", "3.11")]
    return BisectionQuestion(check, "python", tuple(cells))


def test_only_the_same_unfinished_bisect_is_resumed(tmp_path: Path) -> None:
    folder = state_file.open_folder(tmp_path, question("a"), resume=False)
    (tmp_path / "bisect-9999").mkdir()
    (tmp_path / "bisect-9999" / runs.BISECT_FILE).write_text("[")
    assert state_file.open_folder(tmp_path, question("a"), resume=True) == folder
    with pytest.raises(BadInput, match="no unfinished bisect of b"):
        state_file.open_folder(tmp_path, question("b"), resume=True)
    done = Bisection(question("a"))
    done.end = Boundary(0, 1)
    done.observations = hunt_of_two()
    state_file.note(folder, as_json(done))
    with pytest.raises(BadInput, match="nothing to resume"):
        state_file.open_folder(tmp_path, question("a"), resume=True)


def hunt_of_two() -> Any:
    def probe(candidate: Candidate, _: int) -> CheckRun:
        return CheckRun(made("2.9.1", "failed" if candidate.value == "3.11" else "passed"))

    return run_bisection(replace(question(CHECK), repeat=1), {}, probe).observations


def test_suite_is_where_the_command_looks() -> None:
    assert (paths.ROOT / "tests" / "suite" / CHECK.partition("::")[0]).is_file()
