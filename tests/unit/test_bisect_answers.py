"""What a bisect's answer rests on: stored results of usual NumPys, builds out of reach, what else differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from samcheck import facts, paths, version
from samcheck.analysis.bisect import bisection_text, candidate_values, confounders, unreachable_builds
from samcheck.analysis.bisect.bisection import (
    Bisection,
    BisectionQuestion,
    CheckRun,
    run_bisection,
    stored_observations,
)
from samcheck.analysis.bisect.boundary_search import Boundary, WrongEnd
from samcheck.analysis.bisect.candidate_values import BisectionRequest, Candidate
from samcheck.cells import Cell
from samcheck.commands import bisect
from samcheck.environments import machine
from samcheck.errors import BadInput
from samcheck.facts import requirements
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, EnvironmentRecord
from samcheck.storage import results
from tests.unit.made import RESULT, SEEN

FACTS = facts.load()
CHECK = "test_dtype.py::test_it"


def result(cell: Cell, outcome: str = "passed", reason: str = "", **packages: str) -> CellResult:
    seen = replace(SEEN, numpy=packages.get("numpy"), packages=packages)
    check = CheckResult(CHECK, "dtype", CheckOutcome(outcome), reason=reason)
    return replace(RESULT, cell=cell.record(()), checks=[check], observed=seen)


def over(axis: str, good: str, bad: str, **held: str) -> tuple[Candidate, ...]:
    return tuple(candidate_values.candidates(BisectionRequest(axis, good, bad, **held), FACTS)[0])  # type: ignore[arg-type]


def known(question: BisectionQuestion, kept: Sequence[CellResult], end: Boundary | WrongEnd) -> Bisection:
    return Bisection(question, stored_observations(question, kept), end=end)


def test_numpy_that_a_cell_has_anyway_is_its_stored_result() -> None:
    candidates = over("numpy", "1.26.4", "2.2.6", torch="2.2.2", python="3.10")
    (usual,) = requirements.resolve(candidates[0].cell, FACTS).numpy
    assert usual == "numpy==1.26.4"
    assert [candidate.cell.numpy for candidate in candidates] == ["", "2.0.2", "2.1.3", "2.2.6"]
    question = BisectionQuestion(CHECK, "numpy", candidates)
    assert set(stored_observations(question, [result(candidates[0].cell, numpy="1.26.4")])) == {0}
    assert not stored_observations(
        question, [result(candidates[0].cell, numpy="1.26.3")]
    )  # what was usual once


def test_python_that_is_here_is_taken_among_equals() -> None:
    for python in ("3.12", "3.11"):
        asked = BisectionRequest("torch", "2.8.0", "2.9.1", present=(python, "3.8"))
        candidates, _ = candidate_values.candidates(asked, FACTS)
        assert {candidate.cell.python for candidate in candidates} == {python}


def test_what_could_not_be_built_was_not_ready() -> None:
    candidates = over("torch", "2.8.0", "2.9.0", python="3.10")
    gone = replace(
        RESULT,
        cell=candidates[0].cell.record(()),
        outcome=CellOutcome.BUILD_FAILED,
        reason="no Python",
        checks=[],
    )

    def probe(candidate: Candidate, _: int) -> CheckRun:
        return CheckRun(gone)

    said = "\n".join(
        bisection_text.conclusion(run_bisection(BisectionQuestion(CHECK, "torch", candidates), {}, probe))
    )
    assert "0 environments built, 1 could not be built, 0 reused; 1 run of the check" in said


def test_held_numpy_is_named_only_where_it_is_not_the_usual_one() -> None:
    candidates = over("torch", "2.2.2", "2.4.1", python="3.10", numpy="1.26.4")
    assert candidates[0].cell.numpy == ""
    assert candidates[-1].cell.numpy == "1.26.4"
    assert {candidate.numpy for candidate in candidates} == {"1.26.4"}


OUTCOMES = ("passed", "", "failed", "failed")


def nothing_is_run(candidate: Candidate, _: int) -> CheckRun:
    raise AssertionError(f"{candidate.value} was run")


def test_builds_out_of_reach_are_known_to_be_untestable() -> None:
    candidates = over("cuda", "cpu", "cu130", torch="2.9.1", python="3.11")
    ends = {candidates[0].cell, candidates[-1].cell}
    missing = unreachable_builds.unreachable(candidates, FACTS, ready=ends.__contains__)
    assert [candidates[at].value for at in missing] == ["cu126"]  # cu128 is what a plain installation takes
    assert "which cannot be reached" in missing[1][0].reason
    question = BisectionQuestion(CHECK, "cuda", candidates, repeat=1)
    kept = [
        result(candidate.cell, outcome)
        for candidate, outcome in zip(candidates, OUTCOMES, strict=True)
        if outcome
    ]
    done = run_bisection(question, {**missing, **stored_observations(question, kept)}, nothing_is_run)
    assert done.end == Boundary(0, 2, (1,))
    assert "undecided: cu126" in "\n".join(bisection_text.conclusion(done))
    with pytest.raises(BadInput, match=r"--good cpu: the cpu build of PyTorch 2.9.1 .* is only at https"):
        unreachable_builds.unreachable(candidates, FACTS, ready=lambda cell: False)


def test_command_refuses_an_end_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(version, "version", lambda: "0.1.0")
    monkeypatch.setattr(machine, "device_name", lambda: "cpu AMD EPYC")
    monkeypatch.setattr(machine, "look", lambda: NO_GPU)
    monkeypatch.setattr(machine, "pytorch_index_answers", lambda: False)
    monkeypatch.setattr(machine, "interpreter", lambda python: "it" if python == "3.11" else "")
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path))
    ends = (
        "--good",
        "cu126",
        "--bad",
        "cu128",
        "--axis",
        "cuda",
        "--torch",
        "2.9.1",
        "--environment",
        "venv",
    )
    store = ("--results", str(tmp_path / "results"))
    command = ("--check", "test_dtype.py::test_naive_cast[tiny-box-half]", *ends, *store)
    done = CliRunner().invoke(bisect.bisect_command, command)
    assert isinstance(done.exception, BadInput)
    assert "--good cu126: the cu126 build" in str(done.exception)
    assert not (tmp_path / "runs").exists()
    for build in ("cu126", "cu128"):  # what is stored needs no build
        cell = Cell("2.9.1", build, "3.11")
        outcome = "passed" if build == "cu126" else "failed"
        check = CheckResult(command[1], "dtype", CheckOutcome(outcome))
        results.store(
            tmp_path / "results", replace(result(cell), outcome=CellOutcome(outcome), checks=[check]), "x"
        )
    done = CliRunner().invoke(bisect.bisect_command, (*command, "--repeat", "1"))
    assert "first bad: cuda cu128 (failed), last good: cu126 (passed)" in done.output


def test_packages_that_differ_at_the_boundary_are_told() -> None:
    candidates = over("torch", "2.2.2", "2.3.0", python="3.10")
    question = BisectionQuestion(CHECK, "torch", candidates)
    kept = [
        result(candidates[0].cell, numpy="1.26.4", torch="2.2.2", nvidia_x="1", pillow="12", setuptools="8"),
        result(candidates[-1].cell, "failed", numpy="2.2.6", torch="2.3.0", nvidia_x="2", pillow="12"),
    ]
    done = known(question, kept, Boundary(0, len(candidates) - 1))
    assert confounders.packages(done, Boundary(0, 1)) == {
        "numpy": "(1.26.4, 2.2.6)",
        "setuptools": "(8, none)",
    }
    said = "\n".join(bisection_text.conclusion(done))
    assert "these two also differ in numpy (1.26.4, 2.2.6) and setuptools (8, none): that may be" in said
    assert "the cause instead; --numpy 1.26.4 keeps NumPy fixed" in said
    many = {f"p{number}": "1" for number in range(6)}
    kept[1] = result(candidates[-1].cell, "failed", numpy="2.2.6", **many)
    done = known(question, kept, Boundary(0, len(candidates) - 1))
    assert "p0 (none, 1), p1 (none, 1), p2" not in confounders.describe(
        done, Boundary(0, len(candidates) - 1)
    )
    assert confounders.describe(done, Boundary(0, len(candidates) - 1)).endswith(" and 5 more packages")


def test_failures_that_count_as_good_are_told() -> None:
    candidates = over("python", "3.8", "3.12", torch="2.2.2")
    outcomes = ("failed", "passed", "passed", "passed", "skipped")
    kept = [
        result(candidate.cell, outcome, "boom")
        for candidate, outcome in zip(candidates, outcomes, strict=True)
    ]
    done = known(BisectionQuestion(CHECK, "python", candidates, bad=("skipped",)), kept, Boundary(3, 4))
    said = "\n".join(bisection_text.conclusion(done))
    assert "counted as good although it failed, since only skipped is bad: 3.8" in said
    assert "failed (stored): boom → GOOD" in bisection_text.value_line(done, 0)
    done = known(BisectionQuestion(CHECK, "python", candidates), kept, Boundary(0, 1))
    assert "counted as good" not in "\n".join(bisection_text.conclusion(done))  # the answer itself says it


def test_what_the_axis_is_about_is_no_other_cause() -> None:
    candidates = over("numpy", "1.26.4", "2.0.2", torch="2.2.2", python="3.10")
    kept = [result(candidates[0].cell, numpy="1.26.4"), result(candidates[1].cell, "failed", numpy="2.0.2")]
    done = known(BisectionQuestion(CHECK, "numpy", candidates), kept, Boundary(0, 1))
    assert not confounders.describe(done, Boundary(0, 1))
    assert "also differ" not in "\n".join(bisection_text.conclusion(done))


def test_another_kind_of_environment_is_told() -> None:
    candidates = over("torch", "2.8.0", "2.9.0", python="3.10")
    kept = [result(candidates[0].cell), result(candidates[1].cell, "failed")]
    kept[1] = replace(kept[1], environment=EnvironmentRecord("docker"))
    done = known(BisectionQuestion(CHECK, "torch", candidates, environment="docker"), kept, Boundary(0, 1))
    assert "another kind of environment: venv" in "\n".join(bisection_text.conclusion(done))


def test_reason_is_that_of_the_run_that_told_it() -> None:
    candidates = over("torch", "2.8.0", "2.9.0", python="3.10")
    kept = [result(candidates[0].cell), result(candidates[1].cell, "failed", "it is wrong")]
    question = BisectionQuestion(CHECK, "torch", candidates)
    seen = stored_observations(question, kept)
    gone = replace(kept[1], outcome=CellOutcome.BUILD_FAILED, reason="no wheel", checks=[])
    seen[1] += [replace(seen[1][0], outcome=None, reason=f"{gone.outcome}: {gone.reason}")]
    said = "\n".join(bisection_text.conclusion(Bisection(question, seen, end=Boundary(0, 1))))
    assert "first bad: torch 2.9.0 (failed), last good: 2.8.0 (passed)" in said
    assert "  failed: it is wrong" in said


@pytest.mark.parametrize(
    ("outcomes", "end", "hint"),
    [
        (("passed", "skipped"), WrongEnd(1, "untestable"), "--bad-outcome skipped"),
        (("passed", "passed"), WrongEnd(1, "good"), "the check is passed at both ends"),
    ],
)
def test_what_to_do_when_there_is_nothing_to_bisect(
    outcomes: tuple[str, str], end: WrongEnd, hint: str
) -> None:
    candidates = over("torch", "2.8.0", "2.9.0", python="3.10")
    question = BisectionQuestion(CHECK, "torch", candidates)
    seen = stored_observations(question, [result(candidate.cell) for candidate in candidates])
    seen = {at: [replace(runs[0], outcome=CheckOutcome(outcomes[at]))] for at, runs in seen.items()}
    assert hint in "\n".join(bisection_text.conclusion(Bisection(question, seen, end=end)))


def test_any_python_is_nothing_for_the_axis_python() -> None:
    command = ["--check", CHECK, "--axis", "python", "--good", "3.9", "--bad", "3.12", "--torch", "2.4.1"]
    done = CliRunner().invoke(bisect.bisect_command, [*command, "--any-python"])
    assert isinstance(done.exception, BadInput)
    assert "--any-python: Python is the axis" in str(done.exception)
