from __future__ import annotations

import math
import random
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck.guest.benchmark import sampling


def test_warm_up_ends_when_times_no_longer_fall() -> None:
    assert not sampling.stable([5.0, 3.0, 2.0, 1.5, 1.2])
    assert not sampling.stable([9.0, 5.0, 3.0, 2.0, 1.5, 1.2])
    assert sampling.stable([9.0, 5.0, 1.01, 1.0, 1.02, 1.0, 0.99])


def test_warm_up_keeps_to_its_time() -> None:
    calls = []
    times = sampling.warm_up(lambda: calls.append(0), seconds=0.0)
    assert len(times) == len(calls) >= 2


@pytest.mark.parametrize(
    ("noise", "seconds", "rounds"),
    [
        (0.0, 10.0, 2 * sampling.PILOT),  # steady: the fewest that have a spread
        (0.05, 10.0, 20),  # (0.05 * sqrt(0.8) / 0.01) squared
        (0.05, 0.015, 15),  # no time for more
        (0.05, 1e-6, sampling.FEWEST),
        (50.0, 1e9, sampling.MOST),
    ],
)
def test_rounds_are_what_noise_and_time_ask_for(noise: float, seconds: float, rounds: int) -> None:
    pilot = [0.001 * (1 + noise * deviation) for deviation in (-1.0, 1.0, 0.0, 1.0, -1.0)]
    assert sampling.rounds_for(pilot, seconds) == pytest.approx(rounds, abs=1)


def test_target_is_met_where_noise_is_as_in_the_pilot() -> None:
    drawn = random.Random(1)

    def sample() -> float:
        return drawn.gauss(1.0, 0.05)

    errors = []
    for _ in range(200):
        pilot = [sample() for _ in range(sampling.PILOT)]
        errors.append(sampling.relative_error([sample() for _ in range(sampling.rounds_for(pilot, 1e9))]))
    assert mean(errors) == pytest.approx(sampling.TARGET, rel=0.6)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=500))
def test_thinning_keeps_order_and_ends_of_time(samples: list[float]) -> None:
    kept = sampling.thinned(samples)
    assert len(kept) == min(len(samples), sampling.KEPT)
    assert kept[0] == samples[0]
    rest = iter(samples)
    assert all(seconds in rest for seconds in kept)  # a subsequence


def test_summary_says_no_quantile_that_rounds_do_not_reach() -> None:
    assert "p90_ms" not in sampling.summary([1.0] * 9)
    summary = sampling.summary([float(n) for n in range(1, 101)])
    assert summary["median_ms"] == pytest.approx(50.5)
    assert summary["p90_ms"] == pytest.approx(90.1)
    assert summary["p99_ms"] == pytest.approx(99.01)
    assert summary["stddev_ms"] == pytest.approx(stdev(range(1, 101)))
    assert "p99_ms" not in sampling.summary([1.0] * 99)


def test_one_sample_has_no_error() -> None:
    assert math.isinf(sampling.relative_error([1.0]))
