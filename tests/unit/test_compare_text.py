"""What `compare` says of accuracy and memory, and that a flood of uncertain numbers is few lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from samcheck.analysis.compare import compare, grouping, noise
from samcheck.analysis.compare.comparison_text import markdown
from samcheck.analysis.compare.measures import Key
from samcheck.analysis.compare.statistics import Noise, Variance
from samcheck.analysis.compare.verdicts import NumberVerdict
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from tests.unit.made import RESULT, SEEN


def nothing_known(_: CellResult) -> dict[str, Noise]:
    """No A/A runs."""
    return {}


def check(name: str, outcome: str = "passed", precision: str | None = None, **metrics: float) -> CheckResult:
    return CheckResult(
        f"test_x.py::test_{name}", "some", CheckOutcome(outcome), "tiny", precision, metrics=metrics
    )


def result(*checks: CheckResult, **fields: object) -> CellResult:
    return replace(RESULT, checks=list(checks), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("precision", "base", "new", "word"),
    [
        ("fp32", 4e-7, 9e-7, "unchanged"),  # rounding
        ("fp32", 5e-7, 3e-6, "regressed"),  # passes its check, and was six times better
        ("fp32", 3e-6, 5e-7, "improved"),
        ("fp16", 5e-5, 9e-5, "unchanged"),
        ("fp16", 3e-4, 9e-4, "regressed"),
        ("bf16", 3e-4, 9e-4, "unchanged"),
        ("bf16", 2e-3, 5e-3, "regressed"),
        (None, 3e-4, 9e-4, "unchanged"),
    ],
)
def test_error_counts_from_what_the_precision_rounds(
    precision: str | None, base: float, new: float, word: str
) -> None:
    rows = [result(check("a", precision=precision, logits_relative_l2=error)) for error in (base, new)]
    (verdict,) = compare(rows[:1], rows[1:], nothing_known).verdicts
    assert verdict.verdict == word


def test_a_block_more_or_less_is_no_change_of_need() -> None:
    rows = [result(check("a", need_mib=mib)) for mib in (2.008, 3.012)]
    (verdict,) = compare(rows[:1], rows[1:], nothing_known).verdicts
    assert verdict.verdict == "unchanged"


@pytest.fixture
def shaky_times() -> dict[str, Noise]:
    """A/A runs of a machine on which times vary by a quarter, and memory by half a hundredth."""
    random = np.random.default_rng(0)
    runs = []
    for number in range(3):
        values = {f"test_latency.py::test_{name} wall_ms": 0.25 for name in "abcdef"}
        values |= {f"test_peaks.py::test_{name} encode_held_mib": 0.005 for name in "abcdef"}
        runs.append(
            noise.NoiseRun(str(number), {name: [random.normal(3, sd)] for name, sd in values.items()})
        )
    return noise.of_runs(runs)


def test_memory_is_weighed_against_the_noise_of_memory(shaky_times: dict[str, Noise]) -> None:
    for size, expected in ((1.1, "regressed"), (1.001, "unchanged"), (0.9, "improved")):
        row = check("a", encode_held_mib=100.0), check("a", encode_held_mib=100.0 * size)
        sides = [result(replace(check, check="test_peaks.py::test_a")) for check in row]
        (verdict,) = compare(sides[:1], sides[1:], lambda _: shaky_times).verdicts
        assert verdict.verdict == expected
    never_run_twice = Key("test_peaks.py::test_z", "encode_held_mib")
    assert noise.lookup(shaky_times, never_run_twice).run.value < 0.01**2
    assert noise.lookup(shaky_times, Key("test_latency.py::test_z", "wall_ms")).run.value > 0.1**2


def test_what_nobody_can_act_on_is_a_line_for_each_kind() -> None:
    names = [f"n{number}" for number in range(12)]
    base = result(*(check(name, held_mib=1, encode_held_mib=100.0) for name in names))
    slower = [check(name, encode_held_mib=100.0 + 2 * at) for at, name in enumerate(names)]
    comparison = compare([base], [result(*slower)], nothing_known)
    (line,) = grouping.lines(comparison.verdicts, NumberVerdict.AMBIGUOUS, grouping.MOST)
    where = "on torch2.4.1-cu121-py3.11, such as test_x.py::test_n1 encode_held_mib"
    assert line.what == f"11 resident memory numbers {where}"
    assert line.effect == ""  # no number without an interval
    assert "the noise is unknown" in line.reason
    assert len(grouping.lines(comparison.verdicts, NumberVerdict.AMBIGUOUS)) == 11
    few, whole = markdown(comparison), markdown(comparison, everything=True)
    assert (few.count("? ambiguous"), whole.count("? ambiguous")) == (1, 11)


def test_a_flood_of_what_got_worse_is_a_line_for_each_cell() -> None:
    names = [f"n{number}" for number in range(12)]
    same = check("same", a_allocated_mib=1.0)
    before = result(*(check(name, a_allocated_mib=100.0) for name in names), same)
    after = result(*(check(name, a_allocated_mib=110.0) for name in names), same)
    cells = [replace(RESULT.cell, id=name) for name in ("one", "other")]
    base, new = ([replace(side, cell=cell) for cell in cells] for side in (before, after))
    comparison = compare(base, new, nothing_known)
    text = markdown(comparison)
    assert text.count("✗ regressed: 12 allocated memory numbers on ") == 2
    assert markdown(comparison, everything=True).count("✗ regressed") == 24


def on(device: str, *checks: CheckResult, **fields: object) -> CellResult:
    return result(*checks, observed=replace(SEEN, device="cuda", gpu=device), **fields)


def test_cells_of_several_devices_are_compared_each_with_its_own() -> None:
    fine, broken = check("a"), replace(check("a"), outcome=CheckOutcome.FAILED, reason="boom")
    base = [on("A100", fine), on("H100", fine, finished="2026-11-23T00:00:00+00:00")]
    comparison = compare(base, [on("A100", broken), on("H100", fine)], nothing_known)
    cell = RESULT.cell.id
    assert [row.name for row in comparison.pairs] == [f"{cell} on A100", f"{cell} on H100"]
    assert [change.row for change in comparison.changes] == [f"{cell} on A100"]
    lone = compare(
        [on("A100", fine), result(cell=replace(RESULT.cell, id="x"))], [on("H100", broken)], nothing_known
    )
    assert [(row.name, bool(row.base), bool(row.new)) for row in lone.pairs] == [
        (cell, True, True),  # from one machine to another
        ("x", True, False),
    ]
    gone = compare(base, [on("A100", fine)], nothing_known).pairs
    assert [(row.name, row.new is None) for row in gone] == [
        (f"{cell} on A100", False),
        (f"{cell} on H100", True),
    ]


def test_old_reason_is_called_old() -> None:
    base = result(check("a", "skipped"), check("b", "known"))
    checks = [replace(check, reason="no wheel") for check in base.checks]
    new = result(check("a"), replace(check("b", "fixed"), reason="gone"))
    text = markdown(compare([replace(base, checks=checks)], [new], nothing_known), everything=True)
    assert "skipped → passed: before: no wheel" in text
    assert "known → fixed: gone" in text


@example([0.3, 0.234])  # the second is real only because the first is
@given(st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=20))
def test_interval_of_what_changed_holds_no_0(sizes: list[float]) -> None:
    known = Noise(Variance(0.01**2, 20.0), Variance(0.02**2, 3.0))
    names = [f"n{number}" for number in range(len(sizes))]
    base = result(*(check(name, encode_held_mib=100.0) for name in names))
    changed = [
        check(name, encode_held_mib=100.0 * (1 + size)) for name, size in zip(names, sizes, strict=True)
    ]
    by_name = {f"test_x.py::test_{name} encode_held_mib": known for name in names}
    for verdict in compare([base], [result(*changed)], lambda _: by_name).verdicts:
        if verdict.interval and verdict.verdict in ("regressed", "improved"):
            low, high = verdict.interval
            assert low * high > 0
            assert low <= (verdict.change or 0) <= high
