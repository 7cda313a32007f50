"""Two measures of one number → a verdict, with false alarms controlled over the whole table (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean

from samcheck.analysis.compare import statistics
from samcheck.analysis.compare.measures import Family, Key, Measure
from samcheck.analysis.compare.statistics import Difference, Noise, difference, significant
from samcheck.measurable import UNMEASURABLE

#: Maximum fraction of unchanged tables in which any number may be called changed.
ALPHA = 0.01
NOISE_ASSUMED = (
    "no A/A runs are stored for some of these: their noise was assumed conservatively or is unknown, "
    "so only large changes are called regressed or improved; run the base three times and see "
    "`samcheck noise`"
)
LAUNCH_BOUND = (
    "in a launch-bound step the GPU waits for the host to start its kernels, so that its time depends on "
    "the host too"
)
NOISE_UNKNOWN = "one process on each side and no A/A runs: the noise is unknown"


class NumberVerdict(StrEnum):
    """How a number changed, in the order of reporting."""

    REGRESSED = "regressed"  # worse, by more than noise
    IMPROVED = "improved"  # better, by more than noise
    AMBIGUOUS = "ambiguous"  # indistinguishable from noise, in either direction
    MISSING = "missing"  # measured in the base only
    NEW = "new"  # measured in the new results only
    NOT_COMPARABLE = "not comparable"  # measured under other conditions
    UNCHANGED = "unchanged"  # certainly changed by less than the margin

    @property
    def is_change(self) -> bool:
        return self in (NumberVerdict.REGRESSED, NumberVerdict.IMPROVED)


@dataclass(frozen=True)
class Verdict:
    """The verdict on one number.

    Attributes:
        row: name of the pair of results.
        reason: for the verdict, if the numbers do not show it.
        change: new minus base on the family's scale; None if they were not compared.
        interval: confidence interval at `1 - ALPHA` for all numbers of the table together; for a number that
            changed, at the confidence at which that was tested, so that it excludes 0.
        assumed: whether the noise between runs was assumed because there are no A/A runs.
        launch_bound: whether the GPU waited for the host, in the base or in the new results.
    """

    row: str
    key: Key
    family: Family
    verdict: NumberVerdict
    reason: str = ""
    change: float | None = None
    interval: tuple[float, float] | None = None
    assumed: bool = False
    variant: str = ""
    precision: str = ""
    backend: str = ""
    launch_bound: bool = False

    @property
    def is_measured(self) -> bool:
        """Whether the change may be shown: exact, or with an interval that is narrow enough."""
        if self.interval is None:
            return self.family.exact and self.change is not None
        return self.family.between(*self.interval) != UNMEASURABLE


@dataclass(frozen=True)
class MeasurePair:
    """The same number in the base and in the new results; None if one of them lacks it."""

    row: str
    base: Measure | None
    new: Measure | None
    noise: Noise
    #: Why the times of these two results are incomparable, if they are.
    incomparable_because: str = ""
    #: Whether the two results were measured in turns.
    in_turns: bool = False

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ratios of processes that took turns with each other; empty if they did not."""
        if not self.in_turns or self.base is None or self.new is None:
            return ()
        return statistics.ratios(self.base.turns, self.new.turns)

    @property
    def either(self) -> Measure:
        measure = self.base or self.new
        assert measure is not None
        return measure


def decide(pairs: Sequence[MeasurePair], alpha: float = ALPHA) -> list[Verdict]:
    """Return a verdict for each pair, in order."""
    in_turns = _in_turns(pairs)
    weighed = [_comparable(pair, in_turns.get(number)) for number, pair in enumerate(pairs)]
    tested = [number for number, result in enumerate(weighed) if isinstance(result, Difference)]
    ps = [result.p for result in weighed if isinstance(result, Difference)]
    real = dict(zip(tested, significant(ps, alpha), strict=True))
    confidences = dict(zip(tested, _confidences(ps, alpha), strict=True))
    confidence = 1 - alpha / max(len(tested), 1)
    verdicts = []
    for number, (pair, result) in enumerate(zip(pairs, weighed, strict=True)):
        if isinstance(result, Verdict):
            verdicts.append(result)
        else:
            sure = confidences[number] if real[number] else None
            verdicts.append(_judged(pair, result, confidence, sure))
    return verdicts


def _confidences(ps: Sequence[float], alpha: float) -> list[float]:
    """Return the confidence at which Holm's procedure tests each: a real change's interval excludes 0."""
    ranks = {number: rank for rank, number in enumerate(sorted(range(len(ps)), key=ps.__getitem__))}
    return [1 - alpha / (len(ps) - ranks[number]) for number in range(len(ps))]


def _in_turns(pairs: Sequence[MeasurePair]) -> dict[int, Difference]:
    """Return the differences of the pairs whose processes took turns, by index."""
    ratios = {number: pair_ratios for number, pair in enumerate(pairs) if len(pair_ratios := pair.ratios) > 1}
    return dict(zip(ratios, statistics.in_turns([*ratios.values()]), strict=True))


def _comparable(pair: MeasurePair, in_turns: Difference | None) -> Difference | Verdict:
    """Return the difference of a pair if it can be tested against noise, else its verdict."""
    base, new = pair.base, pair.new
    if base is None or new is None:
        return _verdict(pair, NumberVerdict.NEW if base is None else NumberVerdict.MISSING)
    reason = _incomparable_because(pair, base, new)
    if reason:
        return _verdict(pair, NumberVerdict.NOT_COMPARABLE, reason)
    if in_turns:
        return in_turns
    for side, measure in (("base", base), ("new results", new)):
        if not measure.values:
            marks = "; ".join(measure.disturbed)
            reason = f"every process of the {side} was disturbed: {marks}"
            return _verdict(pair, NumberVerdict.AMBIGUOUS, reason)
    change = fmean(new.values) - fmean(base.values)
    if base.family.exact or base.values == new.values:
        return _exact(pair, change)
    return difference(base.by_run, new.by_run, pair.noise) or replace(
        _verdict(pair, NumberVerdict.AMBIGUOUS, NOISE_UNKNOWN, change), assumed=True
    )


def _incomparable_because(pair: MeasurePair, base: Measure, new: Measure) -> str:
    """Return why the two numbers are incomparable, else empty."""
    if pair.incomparable_because and not base.family.exact:
        return pair.incomparable_because
    return other_conditions(base, new)


def other_conditions(base: Measure, new: Measure) -> str:
    """Return the conditions in which the measurements of a number differ, else empty."""
    before, after = dict(base.conditions), dict(new.conditions)
    names = dict.fromkeys([*before, *after])
    return "; ".join(
        f"{name}: {before.get(name, 'unknown')} → {after.get(name, 'unknown')}"
        for name in names
        if before.get(name) != after.get(name)
    )


def _exact(pair: MeasurePair, change: float) -> Verdict:
    """Judge a number without noise: any change beyond the margin is real."""
    family = pair.either.family
    if abs(change) <= family.scaled_margin:
        return _verdict(pair, NumberVerdict.UNCHANGED, change=change)
    return _verdict(pair, _direction(family, change), change=change)


def _direction(family: Family, change: float) -> NumberVerdict:
    return NumberVerdict.REGRESSED if change * family.worse > 0 else NumberVerdict.IMPROVED


def _judged(pair: MeasurePair, weighed: Difference, confidence: float, real: float | None) -> Verdict:
    """Judge a number as changed, as unchanged within the margin, or as ambiguous.

    `real`: the confidence that there is a change; None if it is too low.
    """
    family = pair.either.family
    low, high = weighed.interval(confidence)
    inside = -family.scaled_margin <= low and high <= family.scaled_margin
    if real is not None and not inside:
        verdict, reason = _direction(family, weighed.change), ""
        low, high = weighed.interval(real)
    elif inside:
        verdict, reason = NumberVerdict.UNCHANGED, ""
    else:
        verdict = NumberVerdict.AMBIGUOUS
        reason = family.between(low, high)
    judged = _verdict(pair, verdict, reason, change=weighed.change)
    return replace(judged, interval=(low, high), assumed=pair.noise.assumed and not pair.in_turns)


def _verdict(
    pair: MeasurePair, verdict: NumberVerdict, reason: str = "", change: float | None = None
) -> Verdict:
    measure = pair.either
    check = measure.check
    return Verdict(
        pair.row,
        measure.key,
        measure.family,
        verdict,
        reason,
        change,
        variant=(check and check.variant) or "",
        precision=(check and check.precision) or "",
        backend=(check and check.backend) or "",
        launch_bound=any(side.launch_bound for side in (pair.base, pair.new) if side),
    )
