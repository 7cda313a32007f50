"""A verdict about two measures of one number, and about all numbers of a table together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck.analysis.compare.measures import Family, Key, Measure
from samcheck.analysis.compare.statistics import NOTHING_KNOWN, Noise, Variance, difference
from samcheck.analysis.compare.verdicts import ALPHA, MeasurePair, NumberVerdict, Verdict, decide
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult

KEY = Key("test_latency.py::test_encoder[tiny-fp32]", "wall_ms")
#: Plain numbers, of which more is worse, and a change of a quarter matters.
TIME = Family("time", ratio=False, worse=1, margin=0.25)
COUNT = replace(TIME, name="count", exact=True)
QUIET = Noise(Variance(0.01**2, 40.0), Variance(0.01**2, 40.0))


def measure(*values: float, family: Family = TIME, **fields: object) -> Measure:
    return Measure(KEY, family, values, **fields)  # type: ignore[arg-type]


def pair(base: Measure | None, new: Measure | None, noise: Noise = QUIET, **fields: object) -> MeasurePair:
    return MeasurePair("a row", base, new, noise, **fields)  # type: ignore[arg-type]


def decided(base: Measure | None, new: Measure | None, noise: Noise = QUIET, **fields: object) -> Verdict:
    (verdict,) = decide([pair(base, new, noise, **fields)])
    return verdict


@pytest.mark.parametrize(("base", "new", "word"), [(True, False, "missing"), (False, True, "new")])
def test_a_number_of_one_side_only_is_told_with_what_is_known_of_it(base: bool, new: bool, word: str) -> None:
    check = CheckResult(KEY.check, "latency", CheckOutcome.PASSED, "tiny", "fp32", "eager")
    only = measure(1.0, check=check)
    assert decided(only if base else None, only if new else None) == Verdict(
        "a row", KEY, TIME, NumberVerdict(word), variant="tiny", precision="fp32", backend="eager"
    )


@pytest.mark.parametrize("check", [None, CheckResult(KEY.check, "latency", CheckOutcome.PASSED)])
def test_what_a_number_was_measured_with_is_empty_where_nobody_said_it(check: CheckResult | None) -> None:
    assert decided(measure(1.0, check=check), None) == Verdict("a row", KEY, TIME, NumberVerdict.MISSING)


@pytest.mark.parametrize(
    ("new", "word"),
    [(1.0, "unchanged"), (1.25, "unchanged"), (0.75, "unchanged"), (1.5, "regressed"), (0.5, "improved")],
)
def test_a_number_without_noise_has_changed_where_it_did_by_more_than_matters(new: float, word: str) -> None:
    verdict = decided(measure(1.0, family=COUNT), measure(new, family=COUNT))
    assert (verdict.verdict, verdict.change, verdict.interval) == (word, new - 1.0, None)


def test_less_is_worse_where_the_family_says_so() -> None:
    overlap = replace(COUNT, worse=-1)
    assert decided(measure(1.0, family=overlap), measure(0.5, family=overlap)).verdict == "regressed"
    assert decided(measure(1.0, family=overlap), measure(1.5, family=overlap)).verdict == "improved"


def test_the_very_same_values_are_unchanged_whatever_the_noise() -> None:
    assert decided(measure(1.0), measure(1.0), NOTHING_KNOWN).verdict == "unchanged"


def test_one_process_on_each_side_is_ambiguous_where_nothing_is_known_of_the_noise() -> None:
    verdict = decided(measure(1.0), measure(9.0), NOTHING_KNOWN)
    assert (verdict.verdict, verdict.change, verdict.assumed) == ("ambiguous", 8.0, True)
    assert verdict.reason == "one process on each side and no A/A runs: the noise is unknown"


def test_conditions_that_differ_are_named_one_by_one() -> None:
    base = measure(1.0, conditions=(("threads", "1"), ("device", "cpu"), ("heap", "a")))
    new = measure(1.0, conditions=(("device", "cpu"), ("heap", "b"), ("weights", "w")))
    verdict = decided(base, new)
    assert verdict.verdict == "not comparable"
    assert verdict.reason == "threads: 1 → unknown; heap: a → b; weights: unknown → w"


def test_what_another_machine_makes_incomparable_are_times_and_not_exact_numbers() -> None:
    assert decided(measure(1.0), measure(9.0), incomparable_because="CPU a → b") == Verdict(
        "a row", KEY, TIME, NumberVerdict.NOT_COMPARABLE, "CPU a → b"
    )
    counts = measure(1.0, family=COUNT), measure(9.0, family=COUNT)
    assert decided(*counts, incomparable_because="CPU a → b").verdict == "regressed"


@pytest.mark.parametrize(("base", "new", "side"), [((), (1.0,), "base"), ((1.0,), (), "new results")])
def test_a_side_whose_processes_were_all_disturbed_is_named(
    base: tuple[float, ...], new: tuple[float, ...], side: str
) -> None:
    marks = ("it was hot", "somebody else was there")
    verdict = decided(measure(*base, disturbed=marks), measure(*new, disturbed=marks))
    assert verdict.verdict == "ambiguous"
    assert verdict.reason == (
        f"every process of the {side} was disturbed: it was hot; somebody else was there"
    )


BEFORE = measure(1.0, 1.01, 0.99)
UNSURE = measure(0.5, 1.9, 1.2)


def test_what_is_no_certain_change_and_may_be_one_that_matters_is_ambiguous() -> None:
    verdict = decided(BEFORE, UNSURE)
    assert verdict.verdict == "ambiguous"
    assert verdict.interval is not None
    low, high = verdict.interval
    assert verdict.reason == f"between {TIME.shown(low)} and {TIME.shown(high)}"
    assert low < 0.25 < high


def interval_of(base: Measure, new: Measure, confidence: float) -> tuple[float, float]:
    weighed = difference(base.by_run, new.by_run, QUIET)
    assert weighed is not None
    return weighed.interval(confidence)


def test_the_interval_of_one_number_holds_its_change_with_the_confidence_of_the_table() -> None:
    new = measure(1.1, 1.11, 1.09)
    verdict = decided(BEFORE, new)
    assert (verdict.verdict, verdict.reason) == ("unchanged", "")
    assert verdict.interval == interval_of(BEFORE, new, 1 - ALPHA)


def test_intervals_that_hold_together_are_wider_the_more_numbers_there_are() -> None:
    """Numbers that are not weighed against noise do not count."""
    new = measure(1.1, 1.11, 1.09)
    pairs = [pair(BEFORE, new), pair(None, BEFORE), *[pair(BEFORE, measure(1.2, 1.1, 1.0))] * 9]
    verdict = decide(pairs)[0]
    assert verdict.interval == interval_of(BEFORE, new, 1 - ALPHA / 10)


def test_the_interval_of_a_change_has_the_confidence_at_which_holm_tests_it() -> None:
    """So that what is called a change does not seem to be none by its interval."""
    changed = [measure(2.0, 2.01, 1.99), measure(4.0, 4.01, 3.99), measure(3.0, 3.01, 2.99)]
    verdicts = decide([pair(BEFORE, new) for new in changed])
    assert [verdict.verdict for verdict in verdicts] == ["regressed"] * 3
    assert [verdict.reason for verdict in verdicts] == [""] * 3
    confidences = [1 - ALPHA, 1 - ALPHA / 3, 1 - ALPHA / 2]  # the surest is tested first
    for verdict, new, confidence in zip(verdicts, changed, confidences, strict=True):
        assert verdict.interval == pytest.approx(interval_of(BEFORE, new, confidence))


def test_verdicts_stand_in_the_order_of_their_pairs() -> None:
    pairs = [pair(None, BEFORE), pair(BEFORE, measure(9.0, 9.0)), pair(BEFORE, None), pair(BEFORE, UNSURE)]
    assert [verdict.verdict for verdict in decide(pairs)] == ["new", "regressed", "missing", "ambiguous"]


def test_a_table_without_numbers_has_no_verdicts() -> None:
    assert decide([]) == []


def in_turns(*ratios: float, took_turns: bool = True) -> Verdict:
    """Of pairs of processes that took turns, by how much the new one of each was slower."""
    base = measure(1.0, 1.3, turns=tuple((1.0, 2.0) for _ in ratios))
    new = measure(1.5, 1.1, turns=tuple((1.0 + ratio, 2.0 + ratio) for ratio in ratios))
    return decided(base, new, NOTHING_KNOWN, in_turns=took_turns)


def test_two_pairs_of_processes_that_took_turns_say_what_their_medians_do_not() -> None:
    verdict = in_turns(1.0, 1.1)
    assert verdict.verdict == "ambiguous"
    assert verdict.change == pytest.approx(1.05)
    assert in_turns(*[1.0, 1.1] * 3).verdict == "regressed"


def test_a_single_pair_of_processes_or_pairs_that_took_no_turns_say_no_more_than_others() -> None:
    for verdict in (in_turns(1.0), in_turns(1.0, 1.0, took_turns=False)):
        assert verdict.verdict == "ambiguous"
        assert verdict.change == pytest.approx(0.15)


def test_a_noise_that_was_assumed_is_told_unless_the_processes_took_turns() -> None:
    assert not in_turns(1.0, 1.1).assumed
    assert in_turns(1.0, 1.1, took_turns=False).assumed
    assert not decided(BEFORE, UNSURE).assumed


TIMES = st.lists(st.floats(0.5, 2.0), min_size=1, max_size=4)


@given(st.lists(st.tuples(TIMES, TIMES), max_size=6))
def test_a_verdict_agrees_with_its_interval(table: list[tuple[list[float], list[float]]]) -> None:
    """Of what changed, it lies on one side of 0; of what did not, between the least changes that matter."""
    for verdict in decide([pair(measure(*base), measure(*new)) for base, new in table]):
        if verdict.interval is None:
            assert (verdict.verdict, verdict.change) == ("unchanged", 0.0), "the very same values"
            continue
        low, high = verdict.interval
        assert verdict.change is not None
        assert low <= verdict.change <= high
        expected = {
            "regressed": low > 0,
            "improved": high < 0,
            "unchanged": -TIME.margin <= low and high <= TIME.margin,
            "ambiguous": low < -TIME.margin or high > TIME.margin,
        }
        assert expected[verdict.verdict]
