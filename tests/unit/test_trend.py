from __future__ import annotations

import math
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from samcheck.analysis.compare import git_history
from samcheck.analysis.compare.measures import LATENCY, OVERLAP
from samcheck.analysis.compare.statistics import Noise, Variance
from samcheck.analysis.compare.trend import levels, trends
from samcheck.commands.history import history_command
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from tests.unit.made import RESULT, SEEN

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


def test_what_runs_of_the_same_differ_by_is_no_change() -> None:
    """Some neighbours may be alike by chance; A/A runs know better."""
    values = [0.0, 0.001, 0.3, 0.299, 0.3]
    assert len(levels(values, LATENCY)) == 2
    assert len(levels(values, LATENCY, deviation=0.3)) == 1


def test_what_does_not_matter_is_no_change() -> None:
    assert len(levels([0.99, 0.99, 0.9899, 0.9899, 0.9899], OVERLAP)) == 1


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=30))
def test_levels_cover_every_result_once(values: list[float]) -> None:
    parts = levels(values, LATENCY)
    assert [n for level in parts for n in range(level.first, level.last + 1)] == list(range(len(values)))


def measured(day: int, iou: float, weights: str = "trained", gpu: str = "A100") -> CellResult:
    check = CheckResult("test_x.py::test_it", "some", CheckOutcome.PASSED, "tiny", metrics={"mask_iou": iou})
    seen = replace(SEEN, device="cuda", gpu=gpu)
    started = f"2026-11-{day:02}T12:00:00+00:00"
    return replace(RESULT, checks=[check], weights={"tiny": weights}, started=started, observed=seen)


def test_other_weights_are_another_number() -> None:
    rows = [measured(day, 0.5, "random") for day in range(1, 5)] + [measured(day, 0.9) for day in range(5, 9)]
    (trend,) = trends(rows)
    assert len(trend.points) == 4
    assert len(trend.levels) == 1
    assert not trends(rows[:6])  # two of the present weights are no history


def test_each_device_has_its_own_history() -> None:
    rows = [measured(day, 0.9) for day in range(1, 5)] + [measured(day, 0.5, gpu="T4") for day in range(5, 9)]
    histories = trends(rows)
    assert [(trend.cell, len(trend.levels)) for trend in histories] == [
        (f"{RESULT.cell.id} on A100", 1),
        (f"{RESULT.cell.id} on T4", 1),
    ]


def timed(day: int, ms: float) -> CellResult:
    check = CheckResult(
        "test_latency.py::test_it", "latency", CheckOutcome.PASSED, "tiny", metrics={"median_ms": ms}
    )
    return replace(RESULT, checks=[check], started=f"2026-11-{day:02}T12:00:00+00:00", observed=SEEN)


def test_history_knows_the_noise_of_its_own_cell_and_number() -> None:
    rows = [timed(day, ms) for day, ms in enumerate((10.0, 10.01, 13.0, 13.01, 13.0), start=1)]
    loud = Noise(Variance(0.0, 0.0), Variance(0.3**2, 10.0), size=1.0)
    known = {"test_latency.py::test_it wall_ms": loud}
    assert [len(trend.levels) for trend in trends(rows)] == [2]
    assert [len(trend.levels) for trend in trends(rows, lambda _: known)] == [1]
    assert [len(trend.levels) for trend in trends(rows, lambda _: {"other": loud})] == [2]


def test_nothing_changed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [measured(day, 0.9) for day in range(1, 5)]
    monkeypatch.setattr(git_history, "versions", lambda store, commits: rows)
    said = CliRunner().invoke(history_command, ["--changed"]).output
    assert said == "none of 1 numbers changed level\n"
