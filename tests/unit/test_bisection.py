"""The search finds the first bad value in few probes, past what cannot be tried, and says what is flaky."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck import facts
from samcheck.analysis.bisect import bisection_text, boundary_search, candidate_values, observations
from samcheck.analysis.bisect.bisection import (
    Bisection,
    BisectionQuestion,
    CheckRun,
    run_bisection,
    stored_observations,
)
from samcheck.analysis.bisect.boundary_search import Boundary, Probe, Verdict, WrongEnd
from samcheck.analysis.bisect.candidate_values import BisectionRequest, Candidate
from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.matrix import LeftOut
from tests.unit.made import RESULT

FACTS = facts.load()
CHECK = "test_some.py::test_it"


def play(
    count: int,
    of: Callable[[int, int], Verdict],
    repeat: int = 1,
    known: dict[int, list[Verdict]] | None = None,
) -> tuple[Boundary | WrongEnd, list[int]]:
    """Search to the end; `of` gives the verdict of a value's n-th run."""
    runs: dict[int, list[Verdict]] = defaultdict(
        list, {at: list(verdicts) for at, verdicts in (known or {}).items()}
    )
    probes: list[int] = []
    while isinstance(step := boundary_search.next_step(count, runs, repeat), Probe):
        runs[step.at].append(of(step.at, probes.count(step.at)))
        probes.append(step.at)
        assert len(probes) <= count * repeat + 2, "it does not end"
    return step, probes


@st.composite
def boundaries(draw: st.DrawFn) -> tuple[int, int]:
    count = draw(st.integers(2, 300))
    return count, draw(st.integers(1, count - 1))


@given(boundaries())
def test_first_bad_is_found_in_few_probes(given: tuple[int, int]) -> None:
    count, first = given
    end, probes = play(count, lambda at, _: "bad" if at >= first else "good")
    assert end == Boundary(first - 1, first)
    assert len(probes) == len(set(probes)) <= boundary_search.bound(count)


@given(boundaries(), st.data())
def test_what_cannot_be_tried_is_passed_over(given: tuple[int, int], data: st.DataObject) -> None:
    count, first = given
    skipped = data.draw(st.sets(st.integers(1, count - 2), max_size=8)) if count > 2 else set()

    def of(at: int, _: int) -> Verdict:
        return "untestable" if at in skipped else "bad" if at >= first else "good"

    end, probes = play(count, of)
    told = [at for at in range(count) if at not in skipped]
    good, bad = max(at for at in told if at < first), min(at for at in told if at >= first)
    assert end == Boundary(good, bad, tuple(range(good + 1, bad)))
    assert set(end.between) <= skipped
    assert len(probes) <= boundary_search.bound(count) + len(skipped)


@given(boundaries(), st.data())
def test_flaky_neighbour_is_never_the_answer(given: tuple[int, int], data: st.DataObject) -> None:
    """Each flaky value goes one way at first and the other way when it is run again."""
    count, first = given
    flaky = data.draw(st.sets(st.integers(1, count - 2), max_size=5)) if count > 2 else set()

    def of(at: int, run: int) -> Verdict:
        return "bad" if (at >= first) ^ (at in flaky and run > 0) else "good"

    end, _ = play(count, of, repeat=2)
    assert isinstance(end, Boundary)
    assert end.good < first <= end.bad
    assert not {end.good, end.bad} & flaky
    assert set(end.between) <= flaky


@given(boundaries(), st.data())
def test_what_is_known_is_not_tried_again(given: tuple[int, int], data: st.DataObject) -> None:
    count, first = given
    of: list[Verdict] = ["bad" if at >= first else "good" for at in range(count)]
    known = {at: [of[at]] for at in data.draw(st.sets(st.integers(0, count - 1)))}
    end, probes = play(count, lambda at, _: of[at], known=known)
    assert end == Boundary(first - 1, first)
    assert not set(probes) & set(known)


def test_verdicts_next_to_the_boundary_are_repeated() -> None:
    _, probes = play(10, lambda at, _: "bad" if at >= 4 else "good", repeat=3)
    assert [probes.count(at) for at in (3, 4)] == [3, 3]
    assert all(probes.count(at) <= 1 for at in range(10) if at not in (3, 4))


@pytest.mark.parametrize(
    ("known", "end"),
    [
        ({0: ["bad"]}, WrongEnd(0, "bad")),
        ({0: ["untestable"]}, WrongEnd(0, "untestable")),
        ({0: ["good"], 4: ["good"]}, WrongEnd(4, "good")),
        ({0: ["good", "bad"]}, WrongEnd(0, "flaky")),
        ({0: ["good"], 1: ["bad"], 3: ["good"], 4: ["bad"]}, Boundary(0, 1, (), (3,))),
        (
            {0: ["good"], 1: ["good", "bad"], 2: ["untestable"], 3: ["bad"], 4: ["bad"]},
            Boundary(0, 3, (1, 2)),
        ),
    ],
)
def test_ends_that_are_no_answer_or_a_vague_one(known: dict[int, list[Verdict]], end: object) -> None:
    assert boundary_search.next_step(5, known, repeat=1) == end


def cell_result(cell: Cell, outcome: str, defect: str | None = None, reason: str = "") -> CellResult:
    check = CheckResult(CHECK, "some", CheckOutcome(outcome), reason=reason, defect=defect)
    return replace(RESULT, cell=cell.record(()), checks=[check])


def observed(outcome: str, defect: str = "") -> observations.Observation:
    return observations.Observation(CheckOutcome(outcome) if outcome else None, defect, "", False, "0")


@pytest.mark.parametrize(
    ("seen", "bad", "expected"),
    [
        (observed("passed"), (), "good"),
        (observed("known", "x"), (), "bad"),
        (observed("failed"), ("bad",), "bad"),
        (observed("known", "x"), ("bad",), "good"),
        (observed("known", "x"), ("known",), "bad"),
        (observed("known", "x"), ("known:x",), "bad"),
        (observed("known", "y"), ("known:x",), "good"),
        (observed("skipped"), (), "untestable"),
        (observed("skipped"), ("skipped",), "bad"),
        (observed("not-run"), ("bad",), "untestable"),
        (observed(""), ("bad",), "untestable"),
    ],
)
def test_an_observation_is_good_bad_or_untestable(
    seen: observations.Observation, bad: tuple[str, ...], expected: str
) -> None:
    assert observations.verdict(seen, observed("passed"), bad) == expected


def test_another_defect_is_another_outcome() -> None:
    assert observations.verdict(observed("known", "x"), observed("known", "y"), ()) == "bad"


def test_why_a_check_is_absent() -> None:
    cell = Cell("2.4.1", "cu121", "3.11")
    failed = replace(
        cell_result(cell, "passed"), outcome=CellOutcome.BUILD_FAILED, reason="no wheel", checks=[]
    )
    assert observations.observe(failed, CHECK, False).reason == "build-failed: no wheel"
    broken = replace(
        failed, checks=[CheckResult("test_some.py", "some", CheckOutcome.FAILED, reason="no module x")]
    )
    assert observations.observe(broken, CHECK, False).reason == "no module x"
    other = replace(failed, checks=[CheckResult("test_other.py::test", "other", CheckOutcome.PASSED)])
    assert "not among this cell's 1 checks" in observations.observe(other, CHECK, False).reason


def candidates(**fields: object) -> tuple[list[Candidate], list[LeftOut]]:
    return candidate_values.candidates(BisectionRequest(**fields), FACTS)  # type: ignore[arg-type]


def test_candidates_of_torch_hold_the_python() -> None:
    chosen, left_out = candidates(axis="torch", good="2.4.1", bad="2.15.0")
    assert [candidate.value for candidate in chosen][:3] == ["2.4.1", "2.5.0", "2.5.1"]
    assert chosen[-1].cell.cuda == "cu132"
    assert len({candidate.cell.python for candidate in chosen}) == 1
    assert not left_out
    assert not any(candidate.moved for candidate in chosen)


def test_python_moves_where_there_is_no_wheel_and_that_is_said() -> None:
    chosen, _ = candidates(axis="torch", good="2.15.0", bad="2.4.1", python="3.10")
    assert chosen[0].cell.python == "3.11"
    assert chosen[0].moved.startswith("Python 3.11 instead of 3.10: PyTorch 2.15.0 with torchvision")
    assert not any(candidate.moved for candidate in chosen[1:])
    assert chosen[-1].value == "2.4.1"


def test_build_moves_where_a_release_has_none_such() -> None:
    chosen, _ = candidates(axis="torch", good="2.4.1", bad="2.9.1", python="3.11", cuda="cu118")
    by_value = {candidate.value: candidate for candidate in chosen}
    assert by_value["2.7.1"].cell.cuda == "cu118"
    assert by_value["2.9.1"].cell.cuda == "cu128"
    assert "build cu128 instead of cu118" in by_value["2.9.1"].moved


def test_releases_of_a_package_are_in_order() -> None:
    ends = {"good": "transformers==5.23.0", "bad": "transformers==4.46.3"}
    tried, left_out = candidates(axis="sam", torch="2.15.0", python="3.11", **ends)
    assert [candidate.value for candidate in tried] == [
        "transformers==5.23.0",
        "transformers==5.20.2",
        "transformers==4.57.6",
        "transformers==4.46.3",
    ]
    assert not left_out
    old, left_out = candidates(
        axis="sam", torch="2.4.1", good="transformers==4.46.3", bad="transformers==4.57.6"
    )
    assert len(old) == 2
    with pytest.raises(
        BadInput, match=r"--good transformers==5\.23\.0: .* needs PyTorch >=2\.6, not 2\.4\.1"
    ):
        candidates(axis="sam", torch="2.4.1", **ends)


def test_two_packages_have_nothing_between_them() -> None:
    tried, _ = candidates(axis="sam", torch="2.15.0", good="segment-anything==1.0", bad="sam2==1.1.0")
    assert [candidate.cell.sam for candidate in tried] == ["segment-anything==1.0", "sam2==1.1.0"]
    with pytest.raises(BadInput, match=r"unknown sam 'sam2==9\.9'; did you mean sam2==1\.1\.0\?"):
        candidates(axis="sam", torch="2.15.0", good="segment-anything==1.0", bad="sam2==9.9")


def test_python_of_most_stored_results_is_taken_among_equals() -> None:
    cell = Cell("2.9.1", "cu128", "3.11")
    chosen, _ = candidates(axis="torch", good="2.5.0", bad="2.10.0", stored=[cell])
    assert {candidate.cell.python for candidate in chosen} == {"3.11"}


def test_stored_results_of_another_python_are_used_if_wanted() -> None:
    cell = Cell("2.11.0", "cu130", "3.12")
    asked = {"axis": "torch", "good": "2.8.0", "bad": "2.11.0", "python": "3.10", "stored": [cell]}
    assert candidates(**asked)[0][-1].cell.python == "3.10"
    last = candidates(**asked, any_python=True)[0][-1]
    assert last.cell == cell
    assert last.moved == "Python 3.12 from a stored result instead of 3.10"


def test_each_axis_has_its_candidates() -> None:
    pythons, left_out = candidates(axis="python", good="3.10", bad="3.14", torch="2.9.1")
    assert [candidate.value for candidate in pythons] == ["3.10", "3.11", "3.12", "3.13", "3.14"]
    numpys, _ = candidates(axis="numpy", good="1.26.4", bad="2.2.6", torch="2.2.2", python="3.10")
    assert [candidate.value for candidate in numpys] == [
        "1.26.4",
        "2.0.2",
        "2.1.3",
        "2.2.6",
    ]  # it cannot work: it is tried
    builds, left_out = candidates(axis="cuda", good="cpu", bad="cu130", torch="2.9.1", python="3.11")
    assert [candidate.value for candidate in builds] == ["cpu", "cu126", "cu128", "cu130"]
    assert any(row.id == "cu118" for row in left_out)
    listed, _ = candidates(
        axis="sam", good="a==1", bad="a==3", values=("a==1", "a==2", "a==3"), torch="2.9.1"
    )
    assert [candidate.cell.sam for candidate in listed] == ["a==1", "a==2", "a==3"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"axis": "torch", "good": "2.4.9", "bad": "2.15.0"}, "--good: unknown torch '2.4.9'"),
        ({"axis": "torch", "good": "2.4.1", "bad": "2.4.1"}, "both 2.4.1"),
        (
            {"axis": "python", "good": "3.7", "bad": "3.12", "torch": "2.4.1"},
            "--good 3.7: .* wheels .* not 3.7",
        ),
        (
            {"axis": "python", "good": "3.7", "bad": "3.8", "torch": "1.13.1"},
            "tools have no release for Python",
        ),
        ({"axis": "python", "good": "3.8", "bad": "3.12", "torch": "2.9.1"}, "--good 3.8: .* not 3.8"),
    ],
)
def test_ends_that_cannot_be_are_refused(fields: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        candidates(**fields)


def question(count: int = 8, **fields: object) -> BisectionQuestion:
    chosen, _ = candidates(axis="torch", good="2.4.1", bad=FACTS.releases[-1].version, python="3.12")
    return BisectionQuestion(CHECK, "torch", tuple(chosen[:count]), **fields)  # type: ignore[arg-type]


def prober(first: int, asked: BisectionQuestion, log: list[str]) -> Callable[[Candidate, int], CheckRun]:
    """Outcomes as if the check failed from the `first` candidate on."""

    def probe(candidate: Candidate, number: int) -> CheckRun:
        log.append(f"{candidate.value}#{number}")
        bad = asked.candidates.index(candidate) >= first
        return CheckRun(
            cell_result(candidate.cell, "failed" if bad else "passed", reason="why"), built=number == 1
        )

    return probe


def test_hunt_uses_what_is_stored_and_counts() -> None:
    asked = question()
    log: list[str] = []
    kept = [cell_result(asked.candidates[at].cell, "passed" if at < 5 else "failed") for at in (0, 3, 6, 7)]
    kept.append(cell_result(asked.candidates[4].cell, "skipped"))  # tells nothing
    done = run_bisection(asked, stored_observations(asked, kept), prober(5, asked, log))
    assert isinstance(done.end, Boundary)
    assert (done.end.good, done.end.bad) == (4, 5)
    four, five = asked.candidates[4].value, asked.candidates[5].value
    assert sorted(log) == sorted([f"{four}#1", f"{five}#1", f"{four}#2", f"{five}#2"])
    assert (done.built, done.reused) == (2, 4)
    said = "\n".join(bisection_text.conclusion(done))
    assert f"first bad: torch {five} (failed), last good: {four} (passed)" in said
    assert "2 environments built" in said
    assert bisection_text.as_json(done)["answer"]["first_bad"] == five


def test_what_weakens_the_answer_is_said() -> None:
    asked = question(3, repeat=1, samcheck="new")
    moved = replace(asked.candidates[1], cell=replace(asked.candidates[1].cell, python="3.9"))
    asked = replace(asked, candidates=(asked.candidates[0], moved, asked.candidates[2]))
    kept = [
        cell_result(candidate.cell, outcome)
        for candidate, outcome in zip(asked.candidates, ("passed", "failed", "passed"), strict=True)
    ]
    done = run_bisection(asked, stored_observations(asked, kept), prober(1, asked, []))
    assert isinstance(done.end, WrongEnd)  # the bad end is good
    done = Bisection(
        asked, stored_observations(asked, [*kept[:2], cell_result(asked.candidates[2].cell, "failed")])
    )
    done.end = Boundary(0, 1, (), (2,))
    said = "\n".join(bisection_text.conclusion(done))
    assert "also differ in" in said
    assert "python (3.12, 3.9)" in said
    assert "results of another samcheck version: 0.1.0" in said
    assert "changes more than once" in said


def test_a_flaky_check_is_said_to_be_one() -> None:
    asked = question(4)
    calls: dict[str, int] = defaultdict(int)

    def probe(candidate: Candidate, _: int) -> CheckRun:
        at = asked.candidates.index(candidate)
        calls[candidate.value] += 1
        flips = at == 2 and calls[candidate.value] > 1
        return CheckRun(cell_result(candidate.cell, "failed" if at >= 2 and not flips else "passed"))

    done = run_bisection(asked, {}, probe)
    assert done.end == Boundary(1, 3, (2,))
    said = "\n".join(bisection_text.conclusion(done))
    assert "cannot be narrowed further" in said
    assert f"undecided: {asked.candidates[2].value}" in said
    assert "FLAKY" in said
