from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from samcheck import facts
from samcheck.cells import Cell
from samcheck.guest.outcomes import CellOutcome
from samcheck.matrix import ranking, run_history
from samcheck.matrix.ranking import Budget
from samcheck.matrix.run_history import NONE, History
from tests.unit import made

FACTS = facts.load()
CELLS = [
    Cell(row.version, row.default_build.tag, python) for row in FACTS.releases[-8:] for python in row.pythons
]


def test_failures_then_new_releases_then_new_pairs() -> None:
    old = Cell("2.4.1", "cu121", "3.11")
    others = [Cell("2.8.0", "cu128", "3.11"), Cell("2.15.0", "cu132", "3.13"), old]
    order = ranking.rank(others, History(failed=frozenset({old.id})), FACTS)
    assert [row.cell.torch for row in order] == ["2.4.1", "2.15.0", "2.8.0"]
    assert order[0].why.startswith("failed before")
    assert order[1].why.startswith("newest PyTorch, ")
    assert order[2].why == "7 of its 10 pairs are new"


def test_what_was_tried_is_worth_less() -> None:
    one, other = Cell("2.8.0", "cu128", "3.11"), Cell("2.8.0", "cu128", "3.12")
    tried = ranking.rank([one], NONE, FACTS)[0]
    assert tried.worth == 1
    from samcheck.facts.compatibility import AXES, fields
    from samcheck.matrix.pair_coverage import pairs_of

    seen = History(tried=pairs_of(fields(one), AXES))
    assert [row.cell for row in ranking.rank([one, other], seen, FACTS)] == [other, one]


def test_a_run_of_a_part_tells_nothing_about_a_whole_cell() -> None:
    """A run of one variant does not tell how long a cell takes, one of some groups not that it was tried."""
    whole = replace(made.RESULT, phases={"run": 120.0})
    assert (run_history.of([whole]).run_minutes, bool(run_history.of([whole]).tried)) == (
        {(whole.cell.id, "fast"): 2.0},
        True,
    )
    for part in (replace(whole, variants=["tiny"]), replace(whole, groups=["peaks"])):
        told = run_history.of([part])
        assert (told.run_minutes, bool(told.tried)) == ({}, not part.groups)
    bad = replace(whole, groups=["peaks"], outcome=CellOutcome.FAILED, reason="x")
    assert run_history.of([bad]).failed == {bad.cell.id}


@given(st.lists(st.sampled_from(CELLS), unique=True), st.randoms())
def test_every_cell_once_and_in_falling_worth(cells: list[Cell], random: st.Random) -> None:  # type: ignore[name-defined]
    order = ranking.rank(cells, NONE, FACTS)
    assert sorted(row.cell for row in order) == sorted(cells)
    worth = [row.worth for row in order]
    assert worth == sorted(worth, reverse=True)


@given(st.lists(st.floats(0, 100), max_size=30), st.integers(1, 40), st.integers(1, 40), st.integers(1, 3000))
def test_a_larger_budget_takes_all_of_a_smaller(
    minutes: list[float], one: int, other: int, most: int
) -> None:
    small, large = sorted((one, other))
    for smaller, larger in (
        (Budget(cells=small), Budget(cells=large)),
        (Budget(minutes=small), Budget(minutes=large)),
        (Budget(small, most), Budget(large, most)),
    ):
        less, more = list(smaller.within(minutes)), list(larger.within(minutes))
        assert all(inside or not taken for taken, inside in zip(less, more, strict=True))


def test_a_budget_in_words() -> None:
    assert str(Budget(cells=3)) == "3 cells"
    assert str(Budget(3, 40)) == "3 cells and 40 minutes"
    assert not Budget()
