"""A time is shown with its interval over several undisturbed processes, or not at all."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from samcheck.analysis.compare import statistics
from samcheck.analysis.compare.statistics import NOTHING_KNOWN
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult, Series
from samcheck.measurable import MOST_SPREAD, is_measurable, is_time, limits, step_time

CHECK = CheckResult("test_latency.py::test_it", "latency", CheckOutcome.PASSED)


def timed(*times: float, disturbed: int = 0) -> CheckResult:
    """A check with a process for each time, of which the last `disturbed` were disturbed."""
    return replace(
        CHECK,
        series=[
            Series({"wall_ms": [ms]}, 1, 1, "steady", ["busy"] * (len(times) - number <= disturbed))
            for number, ms in enumerate(times)
        ],
    )


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (timed(10.0, 10.0), "9.119 to 10.97 ms (2 processes)"),
        (timed(10.0, 10.0, 10.0, 99.0, disturbed=1), "9.119 to 10.97 ms (3 processes, 1 disturbed left out)"),
        (timed(10.0, 10.0, 99.0, disturbed=1), "not measurable on this machine"),
        (timed(10.0, 20.0), "not measurable on this machine"),
        (timed(10.0), "no interval: one process only (--processes 5 measures it in five)"),
        (timed(10.0, 10.0, disturbed=1), "no interval: only one of 2 processes was undisturbed"),
        (timed(10.0, disturbed=1), "no interval: the only process was disturbed"),
        (
            replace(CHECK, metrics={"median_ms": 10.0}),
            "no interval: one process only (--processes 5 measures",
        ),
    ],
)
def test_a_time_has_an_interval_or_no_number(check: CheckResult, text: str) -> None:
    assert str(step_time(check)).startswith(text)


def test_what_times_nothing_has_no_time() -> None:
    assert step_time(CHECK) is None
    assert step_time(replace(CHECK, group="dtype", metrics={"median_ms": 1.0})) is None


def test_the_interval_is_that_of_compare_and_history() -> None:
    times = (10.0, 10.4, 9.9)
    level = statistics.level([[math.log(ms) for ms in times]], NOTHING_KNOWN)
    found = step_time(timed(*times))
    assert level is not None
    assert found is not None
    assert found.limits == pytest.approx(np.exp(level.interval(0.95)), rel=1e-3)


def test_an_interval_is_measurable_up_to_a_spread() -> None:
    assert is_measurable(1.0, MOST_SPREAD)
    assert not is_measurable(1.0, MOST_SPREAD + 0.01)
    assert not is_measurable(0.0, 1.0)
    assert not is_measurable(1.1, 1.0)


def test_times_are_known_by_their_names() -> None:
    times = ("median_ms", "seconds", "images_per_s", "time_ratio", "encoder_share", "share_of_matrix_rate")
    assert all(map(is_time, times))
    others = ("claimed_time_ratio", "memory_ratio", "rounds", "mask_iou", "encode_held_mib", "masks_ratio")
    assert not any(map(is_time, others))


def test_limits_stand_beside_their_number() -> None:
    metrics = {"time_ratio": 1.0, "time_ratio_low": 0.9, "time_ratio_high": 1.1, "iou_low": 1.0}
    assert limits(metrics, "time_ratio") == (0.9, 1.1)
    assert limits(metrics, "iou") is None
