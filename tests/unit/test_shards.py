from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck.errors import BadInput
from samcheck.matrix.fanout import shards

IDS = st.text("abcdefgh0123456789.-", min_size=1, max_size=6)
COSTS = st.dictionaries(IDS, st.integers(0, 1000), max_size=40)
# Small enough to try every way to split them.
FEW = st.lists(st.integers(1, 30), min_size=1, max_size=7)


def heaviest(costs: dict[str, int], parts: tuple[tuple[str, ...], ...]) -> int:
    return max(sum(costs[id] for id in part) for part in parts)


def best_possible(costs: list[int], count: int) -> int:
    """By trying everything."""
    ways = itertools.product(range(count), repeat=len(costs))
    return min(
        max(
            sum(cost for cost, mine in zip(costs, way, strict=True) if mine == shard)
            for shard in range(count)
        )
        for way in ways
    )


@given(COSTS, st.integers(1, 60))
def test_every_cell_is_in_exactly_one_shard(costs: dict[str, int], count: int) -> None:
    parts = shards.split(costs, count)
    assert sorted(itertools.chain.from_iterable(parts)) == sorted(costs)
    assert len(parts) == min(count, len(costs))
    assert all(parts)


@given(FEW, st.integers(1, 3))
def test_no_shard_takes_a_third_longer_than_it_must(minutes: list[int], count: int) -> None:
    costs = {f"cell{index}": cost for index, cost in enumerate(minutes)}
    assert 3 * heaviest(costs, shards.split(costs, count)) <= 4 * best_possible(minutes, count)


@given(COSTS.filter(bool), st.integers(1, 60))
def test_many_cells_spread_evenly(costs: dict[str, int], count: int) -> None:
    parts = shards.split(costs, count)
    even = sum(costs.values()) / len(parts)
    assert heaviest(costs, parts) <= even + max(costs.values()) * (1 - 1 / len(parts)) + 1e-9


@given(COSTS, st.integers(1, 60), st.randoms())
def test_the_order_of_the_cells_does_not_matter(
    costs: dict[str, int], count: int, chance: random.Random
) -> None:
    shuffled = list(costs.items())
    chance.shuffle(shuffled)
    assert shards.split(dict(shuffled), count) == shards.split(costs, count)


@given(COSTS, st.integers(1, 60))
def test_the_picks_of_all_jobs_are_the_split(costs: dict[str, int], count: int) -> None:
    picked = [shards.pick(costs, f"{index}/{count}") for index in range(1, count + 1)]
    assert tuple(ids for ids in picked if ids) == shards.split(costs, count)


def test_a_split_by_hand() -> None:
    costs = {"a": 8, "b": 7, "c": 6, "d": 5, "e": 4}
    assert shards.split(costs, 2) == (("a", "d", "e"), ("b", "c"))  # 17 and 13; 15 and 15 is possible
    assert shards.split(dict.fromkeys("dcba", 1.0), 2) == (("a", "c"), ("b", "d"))
    assert shards.split({}, 3) == ()


def test_cells_that_cost_nothing_are_spread_too() -> None:
    assert shards.split({"a": 1, "b": 0, "c": 0, "d": 0}, 4) == (("a",), ("b",), ("c",), ("d",))


def test_a_shard_beyond_the_cells_is_empty() -> None:
    assert shards.pick({"a": 1, "b": 2}, "2/7") == ("a",)
    assert shards.pick({"a": 1, "b": 2}, "3/7") == ()


@pytest.mark.parametrize(
    ("text", "expected"), [("1/1", (1, 1)), ("3/7", (3, 7)), ("12/999999", (12, 999999))]
)
def test_shards_that_are_understood(text: str, expected: tuple[int, int]) -> None:
    assert shards.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "1", "1/", "/2", "0/2", "1/0", "-1/2", "+1/2", "1/2/3", " 1/2", "1/2\n", "1 /2"),
        *(
            "01/2",
            "1.0/2",
            "1e0/2",
            "1_0/20",
            "one/2",
            "1/1000000",
            "٣/٧",
            "٣/7",
            "1٣/70",
            "1/1٣",
            "１/２",
            "1⁄2",
            "9" * 5000 + "/1",
        ),
    ],
)
def test_shards_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is not of the form i/n"):
        shards.parse(text)


def test_a_shard_that_there_cannot_be_is_refused() -> None:
    with pytest.raises(BadInput, match="no shard 8 of 7: give one from 1/7 to 7/7"):
        shards.pick({"a": 1}, "8/7")


@pytest.mark.parametrize("cost", [-1.0, float("nan"), float("inf")])
def test_impossible_costs_are_refused(cost: float) -> None:
    with pytest.raises(ValueError, match="a costs"):
        shards.split({"a": cost}, 2)
    with pytest.raises(ValueError, match="at least 1"):
        shards.split({"a": 1}, 0)
