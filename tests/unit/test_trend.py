from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from samcheck.analysis.compare import compare, git_history
from samcheck.analysis.compare.measures import LATENCY, OVERLAP
from samcheck.analysis.compare.statistics import Noise, Variance
from samcheck.analysis.compare.trend import levels, trends
from samcheck.commands.history import history_command, lines
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, EnvironmentRecord, Series
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
    assert [end for _, end in levels(series(*runs), LATENCY)] == ends


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
    assert [n for part in parts for n in range(*part)] == list(range(len(values)))


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


def timed(day: int, *times: float, disturbed: int = 0, **fields: object) -> CellResult:
    """A result with a process for each time, of which the last `disturbed` were disturbed."""
    marks: list[list[str]] = [[]] * (len(times) - disturbed) + [["busy"]] * disturbed
    processes = [
        Series({"wall_ms": [ms]}, 1, 2, "steady", mark) for ms, mark in zip(times, marks, strict=True)
    ]
    name = "test_latency.py::test_it"
    check = CheckResult(name, "latency", CheckOutcome.PASSED, "tiny", series=processes)
    made = replace(RESULT, checks=[check], started=f"2026-11-{day:02}T12:00:00+00:00", observed=SEEN)
    return replace(made, **fields)  # type: ignore[arg-type]


def steady(day: int, ms: float, **fields: object) -> CellResult:
    return replace(timed(day, ms, ms * 1.004, ms * 0.997, ms * 1.001), **fields)  # type: ignore[arg-type]


def told(*results: CellResult) -> list[str]:
    (trend,) = trends(results)
    return [*lines(trend)]


def test_history_knows_the_noise_of_its_own_cell_and_number() -> None:
    rows = [timed(day, ms) for day, ms in enumerate((10.0, 10.01, 13.0, 13.01, 13.0), start=1)]
    quiet = Noise(Variance(0.0, 0.0), Variance(0.01**2, 10.0), size=1.0)
    loud = replace(quiet, run=Variance(0.3**2, 10.0))
    name = "test_latency.py::test_it wall_ms"

    def words(known: dict[str, Noise]) -> list[str]:
        return [verdict.verdict for trend in trends(rows, lambda _: known) for verdict in trend.verdicts]

    assert words({name: quiet}) == ["regressed"]
    assert words({name: loud}) == []
    assert words({"other": loud}) == ["ambiguous"]


@pytest.mark.parametrize(
    ("make", "factor", "word"),
    [
        (timed, 1.84, "ambiguous"),  # one process, and nobody knows how much they differ
        (steady, 1.84, "regressed"),
        (steady, 0.5, "improved"),
        (steady, 1.07, "ambiguous"),
    ],
)
def test_history_says_what_compare_says(
    make: Callable[[int, float], CellResult], factor: float, word: str
) -> None:
    before = [make(day, 10.0 + day / 1000) for day in (1, 2, 3)]
    after = [make(day, 10.0 * factor + day / 1000) for day in (4, 5, 6)]
    (trend,) = trends([*before, *after])
    (compared,) = compare([before[-1]], [after[0]], lambda _: {}).verdicts
    assert [verdict.verdict for verdict in trend.verdicts] == [compared.verdict] == [word]


def test_levels_and_changes_have_intervals() -> None:
    _, first, second = told(*(steady(day, 10.0 if day < 4 else 15.0) for day in range(1, 7)))
    assert re.fullmatch(r"  2026-11-01 to 2026-11-03, 3 results: 9\.\d+ to 10\.\d+ ms", first)
    change = r"to 15\.\d+ ms; regressed \+50\.0% \(interval \+[1-4]\d\.\d% to \+[5-8]\d\.\d%\)$"
    assert re.search(change, second)


def test_no_level_is_a_bare_number() -> None:
    """Not where nobody knows how sure it is, nor where the machine was too busy to say."""
    _, single = told(*(timed(day, 10.0) for day in (1, 2, 3)))
    assert single.endswith("3 results: no interval: one process in each result and no A/A runs")
    _, busy = told(*(timed(day, 10.0, 20.0) for day in (1, 2, 3)))
    assert busy.endswith("3 results: not measurable on this machine")


def test_results_of_a_level_that_differ_widen_its_interval() -> None:
    (calm,) = trends([steady(day, 11.0) for day in range(1, 7)])
    (uneven,) = trends([steady(day, 11.0 + (-1) ** day) for day in range(1, 7)])
    wide, narrow = (
        level.interval[1] - level.interval[0]
        for trend in (uneven, calm)
        for level in trend.levels
        if level.interval
    )
    assert wide > 2 * narrow


def test_a_change_of_unknown_size_has_no_number() -> None:
    rows = [timed(day, ms, ms * 1.4, ms) for day, ms in enumerate((10.0, 10.0, 80.0, 80.0), start=1)]
    assert told(*rows)[-1].endswith("; regressed (how much is not measurable on this machine)")


def test_disturbed_processes_are_left_out_and_counted() -> None:
    rows = [timed(day, 10.0, 10.01, 90.0, disturbed=1) for day in (1, 2, 3)]
    head, left_out, level = told(*rows, timed(4, 90.0, disturbed=1))
    assert head.endswith("3 results, 1 level")
    assert left_out == "  left out: 4 disturbed processes"
    assert "3 results: 9." in level


def test_what_is_not_comparable_is_left_out_and_counted() -> None:
    """As `compare` has it: not of another machine, nor of another kind of environment."""
    elsewhere = [steady(day, 50.0, environment=EnvironmentRecord("docker")) for day in (1, 2)]
    faster = steady(3, 50.0, observed=replace(SEEN, cpu_count=64))
    head, left_out, _ = told(*elsewhere, faster, *(steady(day, 10.0) for day in (4, 5, 6)))
    assert head.endswith("3 results, 1 level")
    assert left_out == (
        "  left out: 3 results under other conditions (environment docker → venv or cores 64 → 2)"
    )


def noisy(day: int, drawn: random.Random) -> CellResult:
    """A result of six benchmarks that never change, each of three processes."""
    checks = []
    for number in range(6):
        of_run = drawn.gauss(0, 0.02)
        times = [10.0 * math.exp(of_run + drawn.gauss(0, 0.02)) for _ in range(3)]
        checks.append(replace(timed(day, *times).checks[0], check=f"test_latency.py::test_{number}"))
    return replace(timed(day), checks=checks)


def test_histories_of_noise_have_no_change_but_for_the_false_alarms() -> None:
    """Of 200 tables, about 2 may have one; the interval of a proportion goes to 7."""
    drawn = random.Random(1)
    known = Noise(Variance(0.02**2, 40.0), Variance(0.02**2 + 0.02**2 / 3, 20.0), size=3.0)
    noises = {f"test_latency.py::test_{number} wall_ms": known for number in range(6)}
    tables = ([noisy(day, drawn) for day in range(1, 9)] for _ in range(200))
    alarms = sum(any(trend.changed for trend in trends(table, lambda _: noises)) for table in tables)
    assert alarms <= 7


def test_nothing_changed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [measured(day, 0.9) for day in range(1, 5)]
    monkeypatch.setattr(git_history, "versions", lambda store, commits: rows)
    said = CliRunner().invoke(history_command, ["--changed"]).output
    assert said == "no level of 1 number regressed or improved\n"
