"""A result that the facts do not expect is found, whichever of the two is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from samcheck import facts
from samcheck.analysis.contradictions import contradictions
from samcheck.cells import Cell
from samcheck.commands.facts import facts_command
from samcheck.facts import Facts
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.guest.outcomes import CellOutcome, CheckOutcome, FailureCause
from samcheck.guest.record import CheckResult
from samcheck.storage import results
from samcheck.storage.results import Stored
from tests.unit import made

FACTS = facts.load()
CELL = Cell("2.4.1", "cu121", "3.11")
GOOD = CheckResult("test_imports.py::test_versions", "imports", CheckOutcome.PASSED)
BAD = CheckResult(
    "test_imports.py::test_numpy_bridge", "imports", CheckOutcome.FAILED, reason="Numpy is not available"
)
SLOW = CheckResult("test_latency.py::test_encoder", "latency", CheckOutcome.FAILED, reason="too slow")
SEEN = replace(made.SEEN, torch=None, torch_cuda="12.1")


def stored(
    outcome: str,
    *checks: CheckResult,
    cell: Cell = CELL,
    reason: str = "",
    archs: tuple[str, ...] = (),
    cause: FailureCause | None = None,
) -> Stored:
    result = replace(
        made.RESULT,
        cell=cell.record(()),
        outcome=CellOutcome(outcome),
        reason=reason,
        observed=replace(SEEN, arch_list=list(archs)),
        checks=list(checks),
        cause=cause,
    )
    return Stored("nvidia-t4", "550.54.15", result)


def against(kind: str) -> Callable[[Cell, Facts], tuple[Obstacle, ...]]:
    def obstacles(cell: Cell, known: Facts) -> tuple[Obstacle, ...]:
        return (Obstacle("some-rule", ObstacleKind(kind), "it cannot be", ("relmd",)),) if kind else ()

    return obstacles


@pytest.mark.parametrize(
    ("kind", "row", "seen"),
    [
        ("install", stored("passed", GOOD), "it was installed and imported (outcome: passed)"),
        ("install", stored("failed", GOOD, SLOW), "it was installed and imported (outcome: failed)"),
        ("install", stored("failed", GOOD, BAD), ""),
        ("install", stored("build-failed", reason="no such wheel"), ""),
        ("install", stored("failed"), ""),
        ("run", stored("passed", GOOD), "it passed"),
        ("run", stored("failed", GOOD, SLOW), ""),
        ("host", stored("passed", GOOD), ""),
        ("soft", stored("passed", GOOD), ""),
        ("doubt", stored("build-failed", reason="no such wheel"), ""),
        ("", stored("passed", GOOD), ""),
        ("", stored("failed", GOOD, SLOW), ""),
        (
            "",
            stored("failed", GOOD, BAD),
            "test_imports.py::test_numpy_bridge failed: Numpy is not available",
        ),
        (
            "",
            stored(
                "build-failed", reason="the package index has no matching wheel", cause=FailureCause.NO_WHEEL
            ),
            "it was build-failed: the",
        ),
        ("", stored("misbuilt", reason="torch is 2.4.0"), "it was misbuilt: torch is 2.4.0"),
        ("", stored("refused", reason="x", cause=FailureCause.DRIVER), "it was refused: x"),
        ("", stored("refused", reason="x", cause=FailureCause.GPU), ""),
        ("", stored("build-failed", reason="x", cause=FailureCause.NETWORK), ""),
        ("", stored("build-failed", reason="x", cause=FailureCause.DISK), ""),
        ("", stored("not-run"), ""),
    ],
)
def test_what_contradicts_the_facts_is_said_with_its_source(kind: str, row: Stored, seen: str) -> None:
    contradicting = contradictions(FACTS, [row], against(kind))
    if not seen:
        assert not contradicting
        return
    (one,) = contradicting
    assert one.observed.startswith(seen)
    assert one.source
    assert (one.cell, one.device, one.driver) == (CELL.id, "nvidia-t4", "550.54.15")
    assert seen in str(one)


def test_a_build_that_names_other_gpus_than_the_facts() -> None:
    build = FACTS.releases[-1].default_build
    cell = Cell(FACTS.releases[-1].version, build.tag, "3.12")
    names = tuple(f"sm_{arch.replace('.', '')}" for arch in build.archs)

    def rules(*archs: str) -> list[str]:
        row = stored("passed", GOOD, cell=cell, archs=archs)
        observed = replace(row.result.observed or SEEN, torch_cuda=build.cuda)
        row = replace(row, result=replace(row.result, observed=observed))
        return [contradiction.rule for contradiction in contradictions(FACTS, [row])]

    assert not rules(*names)
    assert not rules()  # a build that does not say
    assert rules(*names[:-1]) == ["gpu-no-kernel"]
    assert rules(*names, "compute_120") == ["gpu-no-kernel"]


@given(
    st.sampled_from(CellOutcome),
    st.lists(st.sampled_from([GOOD, BAD, SLOW])),
    st.sampled_from(["", "install", "run"]),
)
def test_a_result_contradicts_the_facts_in_one_way_at_most(
    outcome: str, checks: list[CheckResult], kind: str
) -> None:
    contradicting = contradictions(FACTS, [stored(outcome, *checks, reason="r")], against(kind))
    assert len(contradicting) <= 1
    assert not contradicting or bool(contradicting[0].rule) == bool(kind)


def test_the_real_rules_are_asked() -> None:
    cell = Cell("2.0.1", "cu117", "3.13")
    (one,) = contradictions(FACTS, [stored("passed", GOOD, cell=cell)])
    assert one.rule in {row.id for row in FACTS.rules}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_command_fails_where_something_contradicts(tmp_path: Path, form: list[str]) -> None:
    good, bad = stored("passed", GOOD), stored("passed", GOOD, cell=Cell("2.0.1", "cu117", "3.13"))
    results.store(tmp_path, good.result, "cpu")
    arguments = ["--against", str(tmp_path), *form]
    assert CliRunner().invoke(facts_command, arguments).exit_code == 0
    results.store(tmp_path, bad.result, "cpu")
    done = CliRunner().invoke(facts_command, arguments)
    assert done.exit_code == 1
    if form:
        assert [row["cell"] for row in json.loads(done.output)] == [bad.result.cell.id]
    else:
        assert "2 results, 1 contradict the facts" in done.output
