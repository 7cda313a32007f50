"""The interval of a ratio holds the ratio of the next measurement, and is not known from a few rounds."""

from __future__ import annotations

import numpy as np
import pytest

from samcheck.guest.benchmark.intervals import BETWEEN_PROCESSES, interval


def test_a_few_rounds_say_nothing() -> None:
    assert interval([]) is None
    assert interval([1.0] * 5) is None
    assert interval([1.0] * 6) == (1 / BETWEEN_PROCESSES, BETWEEN_PROCESSES)


@pytest.mark.parametrize(("count", "outside"), [(6, 0), (8, 0), (9, 1), (12, 2), (15, 3)])
def test_ends_are_order_statistics(count: int, outside: int) -> None:
    """As tables of the sign test have them, for 95 %."""
    limits = interval([float(number + 1) for number in range(count)])
    assert limits is not None
    assert limits[0] * BETWEEN_PROCESSES == pytest.approx(outside + 1)
    assert limits[1] / BETWEEN_PROCESSES == pytest.approx(count - outside)


def test_one_disturbed_round_moves_no_end() -> None:
    steady = [1.0 + number / 1000 for number in range(15)]
    calm, disturbed = interval(steady), interval([*steady[:-1], 40.0])
    assert calm == disturbed


def test_the_next_measurement_lies_in_it() -> None:
    """Of skewed noise, as a busy machine makes it, in processes that differ by up to a tenth."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        first, second = (
            random.uniform(1 / 1.05, 1.05) * np.exp(random.gamma(1.0, 0.1, 15) - random.gamma(1.0, 0.1, 15))
            for _ in range(2)
        )
        limits = interval(first.tolist())
        assert limits is not None
        held += limits[0] <= np.median(second) <= limits[1]
    assert held >= 0.95 * 400
