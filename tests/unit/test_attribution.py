"""A planted rule is found, nothing smaller is missed, and what the data cannot tell is said."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import assume, given
from hypothesis import strategies as st

from samcheck import facts
from samcheck.analysis.attribute import attribution_text, cases, causes, conjunction_search, literals
from samcheck.analysis.attribute.distinguishing_cell import distinguishing_cell
from samcheck.analysis.attribute.literals import Literal
from samcheck.cells import Cell
from samcheck.commands.attribute import attribute_command
from samcheck.errors import BadInput, EmptySelection
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.storage import results
from samcheck.storage.results import Stored
from tests.unit.made import RESULT, SEEN

FACTS = facts.load()
AXES = {
    "torch": ("1.13.1", "2.0.1", "2.4.1", "2.9.0", "2.11.0"),
    "python": ("3.8", "3.9", "3.10", "3.11"),
    "backend": ("eager", "onnxruntime", "compile"),
}
SPACE = [dict(zip(AXES, row, strict=True)) for row in product(*AXES.values())]
POSSIBLE = literals.literals(SPACE, AXES)


Rows = list[dict[str, str]]
Planted = tuple[conjunction_search.Conjunction, Rows]


@st.composite
def planted(draw: st.DrawFn) -> Planted:
    """A rule of one to three conditions, and rows among which it is sometimes true."""
    rule = tuple(draw(st.lists(st.sampled_from(POSSIBLE), min_size=1, max_size=3, unique=True)))
    return rule, draw(st.lists(st.sampled_from(SPACE), min_size=2, max_size=len(SPACE), unique_by=repr))


def split(rule: conjunction_search.Conjunction, rows: Rows) -> tuple[Rows, Rows]:
    inside = [row for row in rows if conjunction_search.holds(rule, row)]
    return inside, [row for row in rows if row not in inside]


@given(planted())
def test_planted_rule_is_explained_by_nothing_larger(given: Planted) -> None:
    rule, rows = given
    inside, outside = split(rule, rows)
    assume(inside and outside)
    explanation = conjunction_search.explain(inside, outside, tuple(AXES))
    assert explanation.exact
    assert len({len(exact) for exact in explanation.exact}) == 1
    assert len(explanation.exact[0]) <= len(rule)
    for exact in explanation.exact:
        assert split(exact, rows) == (inside, outside)


@given(planted())
def test_no_smaller_rule_was_missed(given: Planted) -> None:
    rule, rows = given
    inside, outside = split(rule, rows)
    assume(inside and outside)
    rules = conjunction_search.explain(inside, outside, tuple(AXES)).exact
    every = literals.literals(rows, AXES)
    smaller = (shorter for size in range(len(rules[0])) for shorter in combinations(every, size))
    assert not any(split(shorter, rows) == (inside, outside) for shorter in smaller)


@given(st.lists(st.sampled_from(POSSIBLE), min_size=1, max_size=2, unique=True))
def test_planted_rule_itself_is_found_where_all_was_run(rule: list[Literal]) -> None:
    inside, outside = split(tuple(rule), SPACE)
    assume(inside and outside)
    # Without a part that says nothing beside the others, which no smallest rule has.
    assume(all(split((part,), SPACE)[0] != inside for part in rule) or len(rule) == 1)
    rules = conjunction_search.explain(inside, outside, tuple(AXES)).exact
    assert {frozenset(exact) for exact in rules} == {frozenset(rule)}


def test_union_where_no_rule_is_exact() -> None:
    one, other = Literal("backend", "=", "compile"), Literal("torch", "<", "2.0.1")
    inside = [row for row in SPACE if one.holds(row) or other.holds(row)]
    explanation = conjunction_search.explain(inside, [row for row in SPACE if row not in inside], tuple(AXES))
    assert not explanation.exact
    assert {rule.literals for rule in explanation.union} == {(one,), (other,)}
    assert not any(rule.wrong for rule in explanation.union)
    assert not explanation.unexplained


def test_rows_that_contradict_each_other_are_counted() -> None:
    same = SPACE[0]
    explanation = conjunction_search.explain([same], [same, SPACE[-1]], tuple(AXES))
    assert not explanation.exact
    assert explanation.unexplained == (0,)


def test_exceptions_of_a_rule_are_counted() -> None:
    """One of the twenty rows also was without the outcome."""
    inside = [row for row in SPACE if row["backend"] == "compile"]
    outside = [row for row in SPACE if row not in inside]
    explanation = conjunction_search.explain(inside, [*outside, dict(inside[7])], tuple(AXES))
    assert not explanation.exact
    (rule,) = explanation.union
    assert rule == conjunction_search.Rule((Literal("backend", "=", "compile"),), len(inside), 1)
    assert not explanation.unexplained


def test_a_rule_for_each_row_is_no_explanation() -> None:
    """Three conditions describe either of two rows, in opposite corners, and none describes both."""
    one = {"torch": "1.13.1", "python": "3.8", "backend": "compile"}
    other = {"torch": "2.11.0", "python": "3.11", "backend": "eager"}
    outside = [row for row in SPACE if row not in (one, other)]
    explanation = conjunction_search.explain([one, other], outside, tuple(AXES))
    assert not explanation.exact
    assert not explanation.union
    assert explanation.unexplained == (0, 1)


@pytest.mark.parametrize(
    ("axis", "low", "high"),
    [
        ("cuda", "cu118", "cu121"),
        ("cuda", "cpu", "cu102"),
        ("python", "3.9", "3.10"),
        ("torch", "2.9.1", "2.10.0"),
        ("driver", "470.57.02", "535-104-05"),
    ],
)
def test_versions_are_ordered_as_versions(axis: str, low: str, high: str) -> None:
    assert Literal(axis, "<", high).holds({axis: low})
    assert Literal(axis, ">=", high).holds({axis: high})
    assert not Literal(axis, ">=", high).holds({axis: low})
    assert not Literal(axis, "<", high).holds({axis: "none"})
    assert not Literal(axis, "<", high).holds({})


def stored(cell: Cell, outcomes: dict[str, str], numpy: str = "1.26.4", **fields: object) -> Stored:
    checks = [
        CheckResult(name, "some", CheckOutcome(outcome), backend=name.partition("-")[2] or None)
        for name, outcome in outcomes.items()
    ]
    bad = any(outcome == "failed" for outcome in outcomes.values())
    result = replace(
        RESULT,
        cell=cell.record(()),
        checks=checks,
        outcome=CellOutcome.FAILED if bad else CellOutcome.PASSED,
        observed=replace(SEEN, numpy=numpy),
    )
    return Stored("cpu-x", "none", replace(result, **fields))  # type: ignore[arg-type]


def attributed(rows: list[Stored], outcome: str = "failed") -> list[causes.Cause]:
    known = cases.cases(rows, FACTS)
    every = frozenset(name for row in known for name in row.checks)
    return causes.attribute(known, cases.outcomes(outcome), every, FACTS)


def test_checks_of_one_cause_are_one_group() -> None:
    """Eighty checks on one backend fail from a PyTorch on; one of them was skipped elsewhere."""
    rows = []
    for torch, python in product(("2.4.1", "2.8.0", "2.9.1", "2.11.0"), ("3.10", "3.11", "3.12")):
        new = torch in ("2.9.1", "2.11.0")
        outcomes = {f"a{at}-onnxruntime": "failed" if new else "passed" for at in range(80)}
        outcomes["a0-onnxruntime"] = "failed" if new else "skipped"
        outcomes |= {f"b{at}-eager": "passed" for at in range(20)}
        rows.append(stored(Cell(torch, "cu118", python), outcomes))
    (one,) = attributed(rows)
    assert len(one.checks) == 80
    assert one.explanation.exact == ((Literal("torch", ">=", "2.9.1"),),)
    assert dict(one.nearest) == {Literal("torch", ">=", "2.9.1"): "2.8.0"}
    assert one.common_traits == ((Literal("backend", "=", "onnxruntime"),),)
    said = "\n".join(attribution_text.lines([one], "failed", len(rows)))
    assert "80 checks of 100 tried there" in said
    assert "exactly: torch >= 2.9.1 (2.8.0 is not affected)" in said
    assert (
        'narrow it down: samcheck bisect --check "a0-onnxruntime" --good 2.8.0 --bad 2.9.1 --python 3.10\n'
        in said
    )
    # Of itself a bisect takes what was skipped for what it cannot tell.
    said = "\n".join(attribution_text.lines([one], "skipped", len(rows)))
    assert "--bad 2.9.1 --python 3.10 --bad-outcome skipped" in said


NUMPY = [
    (Cell("2.2.2", "cu121", "3.10", "2.2.6"), "2.2.6", "failed"),
    (Cell("2.2.2", "cu121", "3.10"), "1.26.4", "passed"),
    (Cell("2.4.1", "cu121", "3.10"), "2.2.6", "passed"),
]


def test_a_cause_of_two_axes_is_named_with_its_bisections() -> None:
    (group,) = attributed([stored(cell, {"a": outcome}, numpy) for cell, numpy, outcome in NUMPY])
    said = {attribution_text.words(rule) for rule in group.explanation.exact}
    assert said == {"torch < 2.4.1 and numpy >= 2.2.6"}
    held = ("--python", "3.10", "--numpy", "2.2.6")
    assert group.bisections == (
        ("--good", "2.4.1", "--bad", "2.2.2", *held),
        ("--axis", "numpy", "--torch", "2.2.2", "--good", "1.26.4", "--bad", "2.2.6", "--python", "3.10"),
    )
    rows = [(Cell("2.4.0", "cu121", "3.10"), "failed"), (Cell("2.4.1", "cu121", "3.10"), "passed")]
    (group,) = attributed([stored(cell, {"a": outcome}) for cell, outcome in rows])
    assert not group.bisections  # these two are neighbours


def test_what_cannot_be_told_apart_is_said_with_a_cell_that_would_tell() -> None:
    rows = [
        stored(Cell("2.4.1", "cpu", "3.12"), {"a": "passed"}),
        stored(Cell("2.9.1", "cpu", "3.13"), {"a": "failed"}),
    ]
    (group,) = attributed(rows)
    said = {attribution_text.words(rule) for rule in group.explanation.exact}
    assert said == {"torch >= 2.9.1", "python >= 3.13"}
    telling = group.distinguishing_cell
    assert telling is not None
    assert telling.cell == Cell("2.9.1", "cpu", "3.12")  # PyTorch 2.4.1 has no wheel for Python 3.13
    assert sorted(telling.expected) == [False, True]
    # Run it, and there is one explanation left.
    (group,) = attributed([*rows, stored(telling.cell, {"a": "failed"})])
    assert group.explanation.exact == ((Literal("torch", ">=", "2.9.1"),),)
    assert group.distinguishing_cell is None


def test_a_cell_that_is_known_not_to_work_tells_little() -> None:
    """Old PyTorch under NumPy 2 fails anyhow; new PyTorch under NumPy 1 tells."""
    rows = [
        stored(Cell("2.2.2", "cpu", "3.10"), {"a": "passed"}, "1.26.4"),
        stored(Cell("2.4.1", "cpu", "3.10", "2.2.6"), {"a": "failed"}, "2.2.6"),
        stored(Cell("2.2.1", "cpu", "3.10", "1.26.4"), {"a": "passed"}, "1.26.4"),
    ]
    (group,) = attributed(rows)
    assert group.distinguishing_cell is not None
    assert group.distinguishing_cell.cell == Cell("2.4.1", "cpu", "3.10", "1.26.4")


def test_a_cell_that_cannot_exist_tells_nothing() -> None:
    """There is no PyTorch before 2.9 for Python 3.14."""
    rules = (
        (Literal("python", ">=", "3.14"),),
        (Literal("python", ">=", "3.14"), Literal("torch", ">=", "2.9.0")),
    )
    cells = [Cell("2.8.0", "cpu", "3.12"), Cell("2.9.1", "cpu", "3.14")]
    rows = cases.cases([stored(cell, {}) for cell in cells], FACTS)
    assert distinguishing_cell(rules, rows, FACTS).cell is None


def test_what_only_another_cell_can_tell_apart_is_named_with_that_cell() -> None:
    rows = [stored(Cell("2.8.0", "cu128", "3.12"), {"a": "passed"})]
    rows.append(replace(stored(Cell("2.9.1", "cu128", "3.12"), {"a": "failed"}), device="a-gpu"))
    (group,) = attributed(rows)
    said = {attribution_text.words(rule) for rule in group.explanation.exact}
    assert said == {"torch >= 2.9.1", "device = a-gpu"}
    assert group.distinguishing_cell is not None
    assert (group.distinguishing_cell.cell, group.distinguishing_cell.device) in (
        (Cell("2.8.0", "cu128", "3.12"), "a-gpu"),
        (Cell("2.9.1", "cu128", "3.12"), "cpu-x"),
    )


def test_nothing_can_tell_what_only_a_value_that_was_never_run_would() -> None:
    """The two differ on another SAM only, and no other is known."""
    rules = ((Literal("python", ">=", "3.14"),), (Literal("python", ">=", "3.14"), Literal("sam", "=", "x")))
    rows = cases.cases(
        [stored(Cell("2.9.1", "cu128", python, sam="x"), {}) for python in ("3.10", "3.14")], FACTS
    )
    assert distinguishing_cell(rules, rows, FACTS).cell is None


def test_known_is_not_gone_where_the_check_failed() -> None:
    rows = [
        stored(Cell(torch, "cu121", "3.10"), {"a": outcome})
        for torch, outcome in (("2.2.2", "failed"), ("2.4.1", "known"), ("2.4.0", "passed"))
    ]
    (group,) = attributed(rows, "known")
    assert {case.cell.torch for case in group.outside} == {"2.4.0"}


def test_cells_that_could_not_be_made() -> None:
    rows = [stored(Cell(torch, "cu121", "3.10"), {"a": "passed"}) for torch in ("2.2.2", "2.4.0")]
    rows.append(
        stored(Cell("2.4.1", "cu121", "3.10"), {}, outcome="build-failed", reason="no", observed=None)
    )
    (group,) = attributed(rows)
    assert group.checks == (cases.ENVIRONMENT.check,)
    assert {attribution_text.words(rule) for rule in group.explanation.exact} == {
        "torch >= 2.4.1",
        "numpy >= 2.2.6",
    }


def command(tmp_path: Path, *arguments: str) -> Result:
    for cell, numpy, outcome in NUMPY:
        result: CellResult = stored(cell, {"test_x.py::test_y[a-b]": outcome}, numpy).result
        results.store(tmp_path, result, "x")
    return CliRunner().invoke(attribute_command, [str(tmp_path), *arguments])


def test_the_command_names_the_cause(tmp_path: Path) -> None:
    done = command(tmp_path)
    assert done.exit_code == 0, done.output
    assert (
        "exactly: torch < 2.4.1 (2.2.2 is affected) and numpy >= 2.2.6 (1.26.4 is not affected)"
        in done.output
    )
    (row,) = json.loads(command(tmp_path, "--json", "--check", "test_x.py::test_y[a-b]").output)
    assert row["exact"] == [["torch < 2.4.1", "numpy >= 2.2.6"]]
    assert "no check is known in 3 results" in command(tmp_path, "--outcome", "known").output
    assert isinstance(command(tmp_path, "--group", "else").exception, EmptySelection)
    assert isinstance(command(tmp_path, "--outcome", "green").exception, BadInput)
    (tmp_path / "cpu-amd-epyc" / "none" / "torn.json").write_text("{")
    assert command(tmp_path).exit_code == 2
