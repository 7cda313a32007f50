"""Results out of git: a revision to compare with, and how the numbers of a cell went."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from samcheck.analysis.compare import git_history
from samcheck.cells import Cell
from samcheck.commands.compare import compare_command
from samcheck.commands.history import history_command
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, EnvironmentRecord, Series
from samcheck.storage import results

NAME = "test_latency.py::test_encoder[tiny-fp32]"
TIMES = (10.0, 10.1, 9.9, 10.05, 13.0, 13.1, 12.9)


def result(day: int, time: float) -> CellResult:
    series = [Series({"wall_ms": [time * (1 + 0.001 * n)]}, 1, 2, "steady") for n in range(3)]
    check = CheckResult(NAME, "latency", CheckOutcome.PASSED, "tiny", "fp32", "eager", series=series)
    cell, when = Cell("2.4.1", "cu121", "3.11").record(()), f"2026-11-{day:02}T12:00:00+00:00"
    made = CellResult(2, cell, CellOutcome.PASSED, "", EnvironmentRecord("venv"), "fast", when, when, "0.1.0")
    return replace(made, checks=[check])


def git(folder: Path, *arguments: str) -> None:
    named = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(folder), *named, *arguments], check=True, capture_output=True)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A repository with a result a day in `TIMES`; the last is not committed."""
    store = tmp_path / "repository" / "below" / "results"
    store.mkdir(parents=True)
    git(store, "init", "-q", str(tmp_path / "repository"))
    for day, time in enumerate(TIMES, start=1):
        results.store(store, result(day, time), "machine")
        if day < len(TIMES):
            git(store, "add", ".")
            git(store, "commit", "-qm", f"day {day}")
    return store


def call(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])  # type: ignore[arg-type]


def test_every_version_is_found_once(store: Path) -> None:
    versions = git_history.versions(store, 100)
    assert sorted(result.started[8:10] for result in versions) == [f"{day:02}" for day in range(1, 8)]
    assert len(git_history.versions(store, 2)) == 3


def test_levels_are_told_and_drawn(store: Path, tmp_path: Path) -> None:
    done = call(history_command, "--results", store, "--changed")
    assert done.exit_code == 0
    assert "7 results, 2 levels" in done.output
    assert "2026-11-01 to 2026-11-04, 4 results: 9." in done.output
    assert "2026-11-05 to 2026-11-07, 3 results: 12." in done.output
    assert "ms; regressed +29.8% (interval +" in done.output
    drawn = call(history_command, "--results", store, "--plots", tmp_path / "plots")
    (plot,) = (tmp_path / "plots").glob("*.svg")
    assert str(plot) in drawn.output
    assert plot.read_text().lstrip().startswith("<?xml")


def test_a_revision_can_be_compared_with(store: Path) -> None:
    done = call(compare_command, "HEAD~2", store, "--results", store)
    assert done.exit_code == 1
    assert "numbers regressed: 1" in done.output
    inside = call(compare_command, f"HEAD~2:{store.name}", "HEAD~3", "--results", store)
    assert inside.exit_code == 0


@pytest.mark.parametrize(("base", "said"), [("HEAD~99", "HEAD~99"), ("HEAD:nowhere", "nowhere")])
def test_what_git_does_not_have_is_said(store: Path, base: str, said: str) -> None:
    problem = str(call(compare_command, base, store, "--results", store).exception)
    assert "not a file, a folder, or a git revision with" in problem
    assert said in problem


def test_no_repository_and_no_history_are_said(tmp_path: Path) -> None:
    assert "not a git repository" in str(call(history_command, "--results", tmp_path).exception)
    git(tmp_path, "init", "-q", str(tmp_path))
    git(tmp_path, "commit", "-qm", "nothing", "--allow-empty")
    assert "has 3 comparable results" in str(call(history_command, "--results", tmp_path).exception)
