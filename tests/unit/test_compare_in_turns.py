"""Results whose processes took turns: what the machine did to both cancels out, and only that."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from samcheck.analysis.compare import compare, verdicts
from samcheck.analysis.compare.measures import Family, Key, Measure
from samcheck.analysis.compare.statistics import NOTHING_KNOWN
from samcheck.analysis.interleave.turns_table import times
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, EnvironmentRecord, Series
from tests.unit import made

TURNS = 12


def machine(drawn: random.Random) -> list[float]:
    """How slow it is at each turn: in a good phase, a bad one, or on the way."""
    phase = drawn.choice([1.0, 1.38])
    return [phase if drawn.random() < 0.8 else drawn.uniform(1.0, 3.0) for _ in range(TURNS)]


def sides(
    factors: Sequence[float], pairs: int = 7, noise: float = 0.01, words: tuple[str, str] = ("m", "m")
) -> tuple[CellResult, CellResult]:
    """Base and new, with a benchmark for each of `factors`, by which the new one is slower."""
    drawn = random.Random(1)
    measured: list[list[CheckResult]] = [[], []]
    for number, factor in enumerate(factors):
        series: list[list[Series]] = [[], []]
        for _ in range(pairs):
            phases = machine(drawn)
            for side, its in enumerate((1.0, factor)):
                own = drawn.gauss(1, noise)
                times = [10 * its * own * phase * drawn.gauss(1, 0.01) for phase in phases]
                series[side].append(Series({"wall_ms": times, "turn_ms": times}, TURNS, 3, "budget"))
        check = f"test_latency.py::test_encoder[tiny-{number}]"
        for side in range(2):
            measured[side].append(
                CheckResult(
                    check, "latency", CheckOutcome.PASSED, "tiny", "fp32", "eager", series=series[side]
                )
            )
    base, new = (
        replace(made.RESULT, checks=checks, environment=EnvironmentRecord("venv"), turns=word)
        for checks, word in zip(measured, words, strict=True)
    )
    return base, new


def said(base: CellResult, new: CellResult) -> list[str]:
    return [verdict.verdict for verdict in compare([base], [new], lambda _: {}).verdicts]


@pytest.mark.parametrize(("factor", "word"), [(1.05, "regressed"), (0.95, "improved"), (1.0, "unchanged")])
def test_five_per_cent_are_seen_on_a_machine_that_varies_by_a_third(factor: float, word: str) -> None:
    base, new = sides([1.0, factor, 1.0, 1.0])
    assert said(base, new) == ["unchanged", word, "unchanged", "unchanged"]


def test_the_same_numbers_are_ambiguous_where_nobody_took_turns() -> None:
    assert set(said(*sides([1.0, 1.05], words=("one", "other")))) == {"ambiguous"}
    base, new = sides([1.0, 1.05])
    alone = replace(base, turns=None)
    assert set(said(alone, new)) == set(said(alone, replace(new, turns=None))) == {"ambiguous"}


def test_a_pair_of_processes_is_one_number_however_many_turns_it_took() -> None:
    """Processes differ by 10 %: two hundred turns of a pair say no more of that than one."""
    assert said(*sides([1.05] * 3, pairs=4, noise=0.1)) == ["ambiguous"] * 3


def test_a_single_pair_says_nothing() -> None:
    assert said(*sides([1.3, 1.0], pairs=1)) == ["ambiguous"] * 2


def test_turns_that_only_one_side_took_are_left_out() -> None:
    base, new = sides([1.0])
    (check,) = new.checks
    shorter = [
        replace(series, samples={**series.samples, "turn_ms": series.samples["turn_ms"][:5]})
        for series in check.series
    ]
    assert said(base, replace(new, checks=[replace(check, series=shorter)])) == ["unchanged"]


def test_false_alarms_are_as_rare_as_promised() -> None:
    """Of 300 tables of noise, about 3 may have one; the interval of a proportion goes to 9."""
    drawn = random.Random(2)
    alarms = 0
    for _ in range(300):
        ratios = [[drawn.gauss(0, 0.03) for _ in range(7)] for _ in range(9)]
        pairs = [
            verdicts.MeasurePair("", *_measures(sizes), NOTHING_KNOWN, in_turns=True) for sizes in ratios
        ]
        words = {verdict.verdict for verdict in verdicts.decide(pairs)}
        alarms += bool(words & {"regressed", "improved"})
    assert alarms <= 9


def _measures(ratios: list[float]) -> tuple[Measure, Measure]:
    key = Key("test_latency.py::test_encoder[tiny-fp32]", "wall_ms")
    base = tuple((1.0,) for _ in ratios)
    new = tuple((1.0 + ratio,) for ratio in ratios)
    family = Family("latency", ratio=True, worse=1, margin=0.03)
    return Measure(key, family, (1.0,), turns=base), Measure(key, family, (1.0,), turns=new)


def test_a_ratio_in_the_table_has_an_interval_or_no_number() -> None:
    """Seven pairs of a quiet machine, and two that nothing can be said from."""
    measured, noisy = (
        times(compare([base], [new], lambda _: {}))[2]
        for base, new in (sides([1.2]), sides([1.2], pairs=2, noise=0.3))
    )
    limits = r"\| \+\d+\.\d% \| \+\d+\.\d% to \+\d+\.\d% \| regressed \|$"
    assert re.search(limits, measured)
    assert noisy.endswith("| not measurable on this machine | – | ambiguous |")
