from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck.compare.measures import LATENCY, OVERLAP
from samcheck.compare.trend import levels

WOBBLE = (0.0, 0.004, -0.003, 0.002, -0.004, 0.001)


def series(*runs: tuple[float, int]) -> list[float]:
    """Runs of a value in ms, so many results each, on latency's scale and with noise."""
    plain = [value for value, count in runs for _ in range(count)]
    return [math.log(value) + WOBBLE[number % 6] for number, value in enumerate(plain)]


@pytest.mark.parametrize(
    ("runs", "ends"),
    [
        (((10.0, 12),), [12]),
        (((10.0, 6), (12.0, 6)), [6, 12]),
        (((10.0, 6), (12.0, 6), (10.0, 6)), [6, 12, 18]),
        (((10.0, 5), (11.0, 1)), [5, 6]),
    ],
)
def test_levels_end_where_they_were_made_to(runs: tuple[tuple[float, int], ...], ends: list[int]) -> None:
    assert [level.last + 1 for level in levels(series(*runs), LATENCY)] == ends


def test_change_is_that_of_the_levels() -> None:
    first, second = levels(series((10.0, 6), (12.0, 6)), LATENCY)
    assert first.change == 0
    assert math.expm1(second.change) == pytest.approx(0.2, abs=0.01)


def test_what_does_not_matter_is_no_change() -> None:
    assert len(levels([0.99, 0.99, 0.9899, 0.9899, 0.9899], OVERLAP)) == 1


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=30))
def test_levels_cover_every_result_once(values: list[float]) -> None:
    found = levels(values, LATENCY)
    assert [n for level in found for n in range(level.first, level.last + 1)] == list(range(len(values)))
