"""Every possible pair is covered, no chosen cell breaks a rule, every pair that is left out has a reason."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samcheck import facts
from samcheck.errors import BadInput
from samcheck.facts import compatibility
from samcheck.facts.compatibility import Constraint, Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.matrix import covering, pair_coverage
from samcheck.matrix.space import Pair, Space

NO = Obstacle("some-rule", ObstacleKind.INSTALL, "these two do not go together", ("somewhere",))


def forbidding(axes: tuple[str, ...], rows: set[tuple[str, ...]]) -> Constraint:
    def obstacle(*values: str) -> Obstacle | None:
        return NO if values in rows else None

    return Constraint(axes, obstacle)


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Two to four axes with up to four values, and up to three constraints between two or three of them."""
    names = "abcd"[: draw(st.integers(2, 4))]
    axes = {name: tuple(f"{name}{at}" for at in range(draw(st.integers(1, 4)))) for name in names}
    constraints = []
    for _ in range(draw(st.integers(0, 3))):
        count = draw(st.integers(2, min(3, len(names))))
        about = tuple(draw(st.permutations(list(names)))[:count])
        rows = list(product(*(axes[name] for name in about)))
        constraints.append(forbidding(about, set(draw(st.lists(st.sampled_from(rows), max_size=8)))))
    return Space(axes, tuple(constraints))


def possible(space: Space) -> list[dict[str, str]]:
    """All valid combinations, the slow way: nothing of it is shared with the code under test."""
    rows = [dict(zip(space.axes, values, strict=True)) for values in product(*space.axes.values())]
    return [
        row
        for row in rows
        if not any(
            constraint.obstacle(*(row[axis] for axis in constraint.axes)) for constraint in space.constraints
        )
    ]


def pairs(rows: list[dict[str, str]]) -> set[Pair]:
    return {pair for row in rows for pair in combinations(row.items(), 2)}


@settings(max_examples=150)
@given(spaces())
def test_pairwise_covers_every_possible_pair(space: Space) -> None:
    chosen = covering.choose(space, "pairwise")
    assert all(row in possible(space) for row in chosen)
    assert pairs(chosen) == pairs(possible(space))


@settings(max_examples=100)
@given(spaces())
def test_each_once_covers_every_possible_value(space: Space) -> None:
    chosen = covering.choose(space, "each-once")
    assert all(row in possible(space) for row in chosen)
    assert {value for row in chosen for value in row.values()} == {
        value for row in possible(space) for value in row.values()
    }


@settings(max_examples=100)
@given(spaces())
def test_the_strategy_all_takes_every_possible_cell(space: Space) -> None:
    key: Callable[[dict[str, str]], list[str]] = lambda row: list(row.values())  # noqa: E731
    assert sorted(covering.choose(space, "all"), key=key) == sorted(possible(space), key=key)


@settings(max_examples=100)
@given(spaces(), st.data())
def test_every_pair_is_covered_or_has_a_reason(space: Space, data: st.DataObject) -> None:
    everything = covering.choose(space, "pairwise")
    chosen = [row for row in everything if data.draw(st.booleans())]
    seen = pair_coverage.measure(space, chosen)
    assert set(seen.covered) == pairs(chosen)
    assert set(seen.uncovered) == pairs(possible(space)) - pairs(chosen)
    assert set(seen.impossible) == set(space.pairs()) - pairs(possible(space))
    assert all(obstacle.text for obstacle in seen.impossible.values())


@settings(max_examples=50)
@given(spaces(), st.data())
def test_given_cells_need_not_be_covered_again(space: Space, data: st.DataObject) -> None:
    rows = possible(space)
    taken = data.draw(st.lists(st.sampled_from(rows), max_size=3)) if rows else []
    chosen = covering.choose(space, "pairwise", taken)
    assert pairs([*chosen, *taken]) == pairs(rows)


def real(python: str = "") -> Space:
    """The facts' own axes, times two that nothing constrains: 10^6 combinations."""
    world = facts.load()
    torch = tuple(row.version for row in world.releases)
    builds = tuple(sorted({build.tag for row in world.releases for build in row.builds}))
    pythons = tuple(sorted({python for row in world.releases for python in row.pythons}))
    axes = {
        "torch": torch,
        "cuda": (*builds, "cpu"),
        "python": pythons,
        "numpy": tuple(row.newest for row in world.numpy),
        "tier": tuple(f"tier{at}" for at in range(3)),
        "backend": tuple(f"backend{at}" for at in range(8)),
    }
    return Space(axes, compatibility.constraints(world))


def test_pairs_of_a_million_combinations_need_hardly_more_cells_than_the_bound() -> None:
    space = real()
    assert space.raw >= 10**6
    chosen = covering.choose(space, "pairwise")
    seen = pair_coverage.measure(space, chosen)
    assert not seen.uncovered
    # No fewer cells can do than there are possible pairs of any two axes.
    by_axes: dict[tuple[str, str], int] = {}
    for (one, _), (other, _) in seen.covered:
        by_axes[one, other] = by_axes.get((one, other), 0) + 1
    assert len(chosen) <= 1.3 * max(by_axes.values())


def test_the_strategy_all_is_refused_for_too_many() -> None:
    with pytest.raises(BadInput, match="use pairwise"):
        covering.choose(real(), "all")


def test_an_empty_axis_chooses_nothing() -> None:
    assert covering.choose(Space({"a": ("1",), "b": ()}, ()), "pairwise") == []
    assert covering.choose(Space({}, ()), "pairwise") == []


def test_the_strategy_ends_takes_the_ends_of_each_axis() -> None:
    axes = {"torch": ("3", "2", "1"), "cuda": ("new", "old"), "python": ("b", "a")}
    not_new = forbidding(("torch", "cuda"), {("1", "new"), ("3", "old")})
    chosen = covering.choose(Space(axes, (not_new,)), "ends")
    assert [(row["torch"], row["cuda"]) for row in chosen] == [
        ("3", "new"),
        ("2", "new"),
        ("2", "old"),
        ("1", "old"),
    ]
    assert {row["python"] for row in chosen} == {"b"}  # the preferred one
