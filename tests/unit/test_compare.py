"""Two sets of results: nothing that changed goes unsaid, and noise is not called a change."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from samcheck.analysis.compare import compare, grouping, noise, verdicts
from samcheck.analysis.compare.comparison_text import headline, markdown
from samcheck.analysis.compare.measures import LATENCY, Key, Measure
from samcheck.analysis.compare.statistics import (
    NOTHING_KNOWN,
    Noise,
    Variance,
    between,
    difference,
    moderated,
    significant,
    size,
    within,
)
from samcheck.analysis.compare.verdicts import MeasurePair, NumberVerdict, decide
from samcheck.cells import Cell
from samcheck.commands.compare import compare_command, noise_command
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, Series
from samcheck.storage import results
from tests.unit import made

QUIET = Noise(Variance(0.01**2, 40.0), Variance(0.005**2, 20.0))


def bench(name: str, *medians: float, disturbed: Sequence[str] = (), **fields: object) -> CheckResult:
    series = [
        Series({"wall_ms": [milliseconds] * 3}, 3, 2, "steady", list(disturbed)) for milliseconds in medians
    ]
    part, precision = name.split("-") if "-" in name else (name, "fp32")
    made_of = CheckResult(
        f"test_latency.py::test_{part}[tiny-{precision}]",
        "latency",
        CheckOutcome.PASSED,
        "tiny",
        precision,
        "eager",
    )
    return replace(made_of, series=series, metrics={"median_ms": medians[0]} if medians else {}, **fields)  # type: ignore[arg-type]


def result(*checks: CheckResult, **fields: object) -> CellResult:
    return replace(made.RESULT, checks=list(checks), **fields)  # type: ignore[arg-type]


def words(base: CellResult, new: CellResult, known: Noise | None = QUIET, **options: bool) -> dict[str, str]:
    by_benchmark = {} if known is None else _Everywhere(known)
    comparison = compare([base], [new], lambda _: by_benchmark, **options)  # type: ignore[arg-type]
    return {verdict.key.check.partition("::test_")[2]: verdict.verdict for verdict in comparison.verdicts}


class _Everywhere(dict[str, Noise]):
    def __init__(self, known: Noise) -> None:
        super().__init__(any=known)
        self._known = known

    def get(self, key: str, default: object = None) -> Noise:
        return self._known


STEADY = (10.0, 10.1, 9.9, 10.05, 9.95)


def slowed(size: float) -> tuple[float, ...]:
    return tuple(value * (1 + size) for value in STEADY)


@pytest.mark.parametrize(
    ("size", "word"),
    [(0.1, "regressed"), (-0.1, "improved"), (0.0, "unchanged"), (0.025, "ambiguous")],
)
def test_three_values_and_a_direction(size: float, word: str) -> None:
    assert words(result(bench("encoder", *STEADY)), result(bench("encoder", *slowed(size)))) == {
        "encoder[tiny-fp32]": word
    }


def test_without_noise_small_changes_stay_ambiguous_and_large_ones_do_not() -> None:
    base = result(bench("encoder", *STEADY), bench("decoder", *STEADY))
    new = result(bench("encoder", *slowed(0.05)), bench("decoder", *slowed(0.5)))
    assert words(base, new, None) == {"encoder[tiny-fp32]": "ambiguous", "decoder[tiny-fp32]": "regressed"}


def test_one_process_on_each_side_says_nothing() -> None:
    comparison = compare([result(bench("encoder", 10.0))], [result(bench("encoder", 20.0))], lambda _: {})
    assert [verdict.verdict for verdict in comparison.verdicts] == ["ambiguous"]
    assert "the noise is unknown" in comparison.verdicts[0].reason
    assert any("see `samcheck noise`" in note for note in comparison.notes)
    assert not comparison.worse


def test_disturbed_processes_are_left_out() -> None:
    throttled = bench("encoder", *slowed(0.5), disturbed=["hardware slowdown of the GPU"])
    mixed = replace(throttled, series=[*throttled.series, *bench("encoder", *STEADY).series])
    base = result(bench("encoder", *STEADY))
    assert words(base, result(mixed)) == {"encoder[tiny-fp32]": "unchanged"}
    comparison = compare([base], [result(throttled)], lambda _: _Everywhere(QUIET))
    assert comparison.verdicts[0].verdict == "ambiguous"
    assert "hardware slowdown" in comparison.verdicts[0].reason


def test_other_machine_is_not_compared_unless_asked_for() -> None:
    other = replace(made.SEEN, cpu="Intel Xeon")
    base, new = result(bench("encoder", *STEADY)), result(bench("encoder", *slowed(0.5)), observed=other)
    assert words(base, new) == {"encoder[tiny-fp32]": "not comparable"}
    assert words(base, new, across=True) == {"encoder[tiny-fp32]": "regressed"}


@pytest.mark.parametrize("name", ["threads", "computed_in", "device", "heap", "encode"])
def test_other_conditions_are_not_compared(name: str) -> None:
    base = result(bench("encoder", *STEADY, settings={name: "a"}))
    new = result(bench("encoder", *STEADY, settings={name: "b"}))
    comparison = compare([base], [new], lambda _: _Everywhere(QUIET))
    assert comparison.verdicts[0].verdict == "not comparable"
    assert comparison.verdicts[0].reason == f"{name}: a → b"


def test_missing_and_new_benchmarks_are_told() -> None:
    base, new = result(bench("encoder", *STEADY)), result(bench("decoder", *STEADY))
    assert words(base, new) == {"encoder[tiny-fp32]": "missing", "decoder[tiny-fp32]": "new"}


def quality(**metrics: float) -> CheckResult:
    return replace(bench("matches"), check="test_x.py::test_matches[tiny-fp32]", series=[], metrics=metrics)


@pytest.mark.parametrize(
    ("base", "new", "word"),
    [
        ({"mask_iou": 0.99}, {"mask_iou": 0.95}, "regressed"),
        ({"mask_iou": 0.95}, {"mask_iou": 0.99}, "improved"),
        ({"mask_iou": 0.99}, {"mask_iou": 0.989}, "unchanged"),
        ({"logits_relative_l2": 1e-7}, {"logits_relative_l2": 9e-7}, "unchanged"),
        ({"logits_relative_l2": 0.01}, {"logits_relative_l2": 0.05}, "regressed"),
        ({"encode_allocated_mib": 100.0}, {"encode_allocated_mib": 110.0}, "regressed"),
        ({"encode_held_mib": 100.0}, {"encode_held_mib": 110.0}, "ambiguous"),
        ({"encode_held_mib": 100.0}, {"encode_held_mib": 100.0}, "unchanged"),
    ],
)
def test_accuracy_and_memory_are_compared_too(base: object, new: object, word: str) -> None:
    said = words(result(quality(**base)), result(quality(**new)), None)  # type: ignore[arg-type]
    assert said == {"matches[tiny-fp32]": word}


OUTCOMES = [
    ("passed", "failed", "broken"),
    ("passed", "crashed", "broken"),
    ("skipped", "failed", "broken"),
    ("failed", "timed-out", "other"),
    ("failed", "passed", "mended"),
    ("crashed", "known", "mended"),
    ("passed", "known", "defect met"),
    ("known", "fixed", "defect gone"),
    ("known", "passed", "defect gone"),
    ("passed", "skipped", "no longer tried"),
    ("skipped", "passed", "now tried"),
    ("passed", "intermittent", "intermittent"),
    ("failed", "intermittent", "intermittent"),
    ("intermittent", "failed", "broken"),
    ("intermittent", "passed", "other"),
    ("fixed", "passed", "other"),
]


@pytest.mark.parametrize(("old", "new", "kind"), OUTCOMES)
def test_outcomes_that_changed_come_first(old: str, new: str, kind: str) -> None:
    rows = [
        result(replace(quality(), outcome=CheckOutcome(outcome), reason=f"why {outcome}"))
        for outcome in (old, new)
    ]
    comparison = compare(rows[:1], rows[1:], lambda _: {})
    assert [(change.kind, change.reason) for change in comparison.changes] == [(kind, f"why {new}")]
    assert comparison.worse == (kind in ("broken", "defect met"))
    assert f"- {kind}: " in markdown(comparison)


def test_a_cell_whose_only_failures_are_intermittent_is_not_broken() -> None:
    shaky = replace(quality(), outcome=CheckOutcome.INTERMITTENT, reason="why")
    rows = [result(quality()), result(shaky, outcome=CellOutcome.FAILED, reason="why")]
    comparison = compare(rows[:1], rows[1:], lambda _: {})
    assert {change.kind for change in comparison.changes} == {"intermittent"}
    assert not comparison.worse
    assert "intermittent: 1" in headline(comparison)


def test_an_intermittent_check_does_not_hide_that_a_cell_was_refused() -> None:
    shaky = replace(quality(), outcome=CheckOutcome.INTERMITTENT, reason="why")
    rows = [result(quality()), result(shaky, outcome=CellOutcome.REFUSED, reason="why")]
    comparison = compare(rows[:1], rows[1:], lambda _: {})
    assert comparison.worse


def test_cells_of_one_side_only_and_their_own_outcomes_are_told() -> None:
    other = Cell("2.15.0", "cu132", "3.13").record(())
    base = [result(), result(cell=other)]
    new = [result(outcome="failed", reason="boom"), result(cell=Cell("2.9.0", "cu128", "3.13").record(()))]
    text = markdown(compare(base, new, lambda _: {}))
    assert "torch2.15.0-cu132-py3.13: only in the base" in text
    assert "torch2.9.0-cu128-py3.13: only in the new results" in text
    assert "- broken on torch2.4.1-cu121-py3.11: the cell: passed → failed: boom" in text


def test_another_samcheck_is_told() -> None:
    told = compare([result()], [result(samcheck="0.2.0")], lambda _: {}).notes
    assert any("different versions of samcheck" in note for note in told)
    assert not compare([result()], [result()], lambda _: {}).notes


def test_many_alike_are_one_line() -> None:
    names = ["encoder", "decoder", "end_to_end"]
    base = result(*(bench(f"{n}-{p}", *STEADY) for n in names for p in ("fp32", "fp16")))
    new = result(
        *(bench(f"{n}-{p}", *slowed(0.06 if p == "fp16" else 0)) for n in names for p in ("fp32", "fp16"))
    )
    comparison = compare([base], [new], lambda _: _Everywhere(QUIET))
    lines = grouping.lines(comparison.verdicts, NumberVerdict.REGRESSED)
    assert [(line.what, line.effect) for line in lines] == [
        ("all 3 fp16 latency numbers", "median +6.0% (intervals within +2.7% to +9.4%)")
    ]


def test_hostile_names_stay_text() -> None:
    evil = "<script>alert(1)</script>|`x`"
    row = result(
        replace(quality(), check=f"test_x.py::test_{evil}", outcome=CheckOutcome.FAILED, reason=evil)
    )
    text = markdown(
        compare([result(replace(row.checks[0], outcome=CheckOutcome.PASSED))], [row], lambda _: {})
    )
    assert "<script>" not in text


# Statistics


def test_holm_is_the_published_procedure() -> None:
    assert significant([0.01, 0.04, 0.03, 0.005], 0.05) == [True, False, False, True]
    assert significant([], 0.01) == []


def test_variances_are_those_of_the_textbook() -> None:
    assert within([[1.0, 2.0, 3.0], [5.0, 7.0]]).value == pytest.approx((2 + 2) / 3)
    assert within([[1.0]]).degrees == 0
    assert between([[1.0, 1.0], [3.0, 3.0]]) == Variance(2.0, 1.0)
    assert size([[1.0], [1.0, 2.0]]) == pytest.approx(4 / 3)


def test_few_degrees_are_drawn_to_the_others() -> None:
    random = np.random.default_rng(1)
    truth = 0.01**2
    drawn = [Variance(truth * random.chisquare(4) / 4, 4.0) for _ in range(40)]
    drawn_together = moderated(drawn)
    apart = [abs(math.log(variance.value / truth)) for variance in drawn]
    together = [abs(math.log(variance.value / truth)) for variance in drawn_together]
    assert np.mean(together) < np.mean(apart) / 3


def simulated(tables: int, size: float, seed: int) -> float:
    """The share of tables of 12 benchmarks in which something is called changed, under known noise."""
    random = np.random.default_rng(seed)
    hits = 0
    for _ in range(tables):
        groups = random.normal(0, 0.01, (12, 8, 5)) + random.normal(0, 0.008, (12, 8, 1))
        runs = [
            noise.NoiseRun(str(n), {f"b{b} wall_ms": list(groups[b, n]) for b in range(12)}) for n in range(6)
        ]
        by_benchmark = noise.of_runs(runs)
        pairs = []
        for b in range(12):
            key = Key(f"b{b}", "wall_ms")
            base, new = (
                Measure(key, LATENCY, tuple(groups[b, n] + shift)) for n, shift in ((6, 0), (7, size))
            )
            pairs.append(MeasurePair("row", base, new, noise.lookup(by_benchmark, key)))
        hits += any(verdict.verdict in ("regressed", "improved") for verdict in decide(pairs))
    return hits / tables


def test_false_alarms_stay_under_their_limit() -> None:
    assert simulated(400, 0.0, seed=1) <= 2.5 * verdicts.ALPHA  # 4 alarms expected, over 9 once in 100


def test_slowdown_of_all_is_seen() -> None:
    assert simulated(40, 0.08, seed=2) == 1.0


def test_nothing_known_needs_several_processes() -> None:
    assert difference([[0.0]], [[1.0]], NOTHING_KNOWN) is None
    assert difference([[0.0, 0.01]], [[1.0]], NOTHING_KNOWN) is not None
    only_runs = Noise(Variance(0.0, 0.0), Variance(0.01**2, 5.0))
    assert difference([[0.0]], [[1.0]], only_runs) is not None


# The commands


def stored(folder: Path, *rows: CellResult) -> Path:
    for row in rows:
        results.store(folder, row, "machine")
    return folder


def call(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])  # type: ignore[arg-type]


def test_command_says_it_and_exits_for_ci(tmp_path: Path) -> None:
    base = stored(tmp_path / "base", result(bench("encoder", *STEADY)))
    new = stored(tmp_path / "new", result(bench("encoder", *slowed(0.5))))
    done = call(compare_command, base, new, "--results", tmp_path / "none")
    assert done.exit_code == 1
    assert "numbers regressed: 1" in done.output
    assert "no A/A runs are stored" in done.output
    assert call(compare_command, base, base, "--results", tmp_path / "none").exit_code == 0
    document = json.loads(call(compare_command, base, new, "--json", "--results", tmp_path / "none").output)
    assert document["numbers"][0]["verdict"] == "regressed"
    assert document["numbers"][0]["change"] == pytest.approx(math.log(1.5))


def test_results_with_nothing_in_common_are_not_called_equal(tmp_path: Path) -> None:
    base = stored(tmp_path / "base", result(bench("encoder", *STEADY)))
    other = replace(
        bench("encoder", *STEADY), check="test_latency.py::test_encoder[vit_b-fp32]", variant="vit_b"
    )
    new = stored(tmp_path / "new", result(other, variants=["vit_b"]))
    done = call(compare_command, base, new, "--results", tmp_path / "none")
    assert done.exit_code == 5
    assert "nothing in common: the two sides share no check and no number" in done.output


def test_a_cell_is_found_by_its_id(tmp_path: Path) -> None:
    store = stored(tmp_path / "store", result(bench("encoder", *STEADY)))
    cell = made.RESULT.cell.id
    assert call(compare_command, cell, cell, "--results", store).exit_code == 0
    other = replace(made.SEEN, cpu="another CPU")
    stored(store, result(bench("encoder", *STEADY), observed=other))
    twice = call(compare_command, cell, cell, "--results", store)
    assert isinstance(twice.exception, BadInput)
    assert "2 machines have results of this cell" in str(twice.exception)


def test_noise_is_kept_and_used(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    folders = []
    for run in range(4):
        times = 10 * np.exp(random.normal(0, 0.005, 5))
        row = result(bench("encoder", *times.tolist()), started=f"2026-11-2{run}T12:00:00+00:00")
        folders.append(stored(tmp_path / f"run{run}", row))
    store = tmp_path / "store"
    assert (
        "2 A/A runs, 1 more needed before they are used"
        in call(noise_command, *folders[:2], "--results", store).output
    )
    call(noise_command, *folders, "--results", store)  # the same runs again are no more runs
    known = noise.known_in(store)(results.read(next(folders[0].glob("*/*/*.json"))))
    assert known["test_latency.py::test_encoder[tiny-fp32] wall_ms"].run.degrees >= 3
    assert results.load(store) == ([], [])  # the A/A runs are no results
    done = call(compare_command, folders[0], folders[1], "--results", store)
    assert done.exit_code == 0
    assert "no A/A runs" not in done.output


def test_only_runs_of_the_same_are_kept_as_noise(tmp_path: Path) -> None:
    """And runs of other variants, which measure other numbers, do not count."""
    rows = [
        result(bench("encoder", *STEADY), started="2026-11-21T12:00:00+00:00"),
        result(bench("decoder", *STEADY), started="2026-11-22T12:00:00+00:00", variants=["tiny"]),
        result(bench("encoder", *STEADY), started="2026-11-23T12:00:00+00:00", samcheck="0.2.0"),
    ]
    folders = [stored(tmp_path / f"run{number}", row) for number, row in enumerate(rows)]
    done = call(noise_command, *folders, "--results", tmp_path / "store")
    assert "torch2.4.1-cu121-py3.11: 2 A/A runs, 1 more needed" in done.output
    other = replace(rows[0], started="2026-11-24T12:00:00+00:00", observed=replace(made.SEEN, numpy="2.0.2"))
    done = call(noise_command, *folders, stored(tmp_path / "other", other), "--results", tmp_path / "none")
    assert "differ: NumPy none → 2.0.2" in str(done.exception)
    assert not (tmp_path / "none").exists()


def test_bad_input_is_one_sentence(tmp_path: Path) -> None:
    assert "empty source" in str(call(compare_command, "", "HEAD").exception)
    empty = tmp_path / "empty"
    empty.mkdir()
    done = call(compare_command, empty, empty)
    assert "has no results" in str(done.exception)
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "cpu-amd-epyc--none.json").write_text("{")
    base = stored(tmp_path / "base", result(bench("encoder", *STEADY)))
    assert "not a file of A/A runs" in str(call(compare_command, base, base, "--results", tmp_path).exception)


def test_headline_is_one_sentence() -> None:
    comparison = compare([result()], [result()], lambda _: {})
    assert headline(comparison) == "nothing got worse; no numbers to compare"


def test_what_a_run_was_not_asked_for_is_not_missing() -> None:
    """One of latency only beside a whole one: neither its other checks nor its outcome are a change."""
    quality = replace(
        bench("encoder", *STEADY), check="test_quality.py::test_found[tiny-fp32]", group="quality"
    )
    whole = result(
        bench("encoder", *STEADY), bench("decoder", *STEADY), quality, outcome="failed", reason="x"
    )
    part = result(bench("encoder", *slowed(0.1)), groups=["latency"])
    assert words(whole, part) == {"encoder[tiny-fp32]": "regressed", "decoder[tiny-fp32]": "missing"}
    comparison = compare([whole], [part], lambda _: {})
    assert not comparison.changes
    assert any(
        "only checks asked for in both runs are compared (all → group latency)" in note
        for note in comparison.notes
    )
    assert words(whole, result(variants=["vit_b"])) == {}
