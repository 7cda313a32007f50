"""Comparison of two whole sets of results (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from samcheck.analysis.compare import (
    exact_bits,
    kernel_changes,
    noise,
    outcome_changes,
    package_differences,
    result_pairs,
    verdicts,
)
from samcheck.analysis.compare.kernel_changes import KernelChange
from samcheck.analysis.compare.measures import Key, Measure, measures
from samcheck.analysis.compare.outcome_changes import OutcomeChange
from samcheck.analysis.compare.package_differences import PackageDifferences
from samcheck.analysis.compare.result_pairs import ResultPair, Trait
from samcheck.analysis.compare.statistics import Noise
from samcheck.analysis.compare.verdicts import MeasurePair, NumberVerdict, Verdict
from samcheck.guest.record import CellResult

#: The noise of a result's benchmarks, by name; empty if no A/A runs are stored.
NoiseLookup = Callable[[CellResult], Mapping[str, Noise]]


@dataclass(frozen=True)
class Comparison:
    """What changed between two sets of results, named `base` and `new`."""

    base: str
    new: str
    pairs: tuple[ResultPair, ...]
    changes: tuple[OutcomeChange, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()
    kernels: tuple[KernelChange, ...] = ()
    packages: tuple[PackageDifferences, ...] = ()

    @property
    def nothing_in_common(self) -> bool:
        """Whether the two sides share no check and no number, so that nothing was compared."""
        one_sided = {NumberVerdict.NEW, NumberVerdict.MISSING}
        return (
            not self.changes
            and all(verdict.verdict in one_sided for verdict in self.verdicts)
            and not any(pair.shares_checks for pair in self.pairs)
        )

    @property
    def worse(self) -> bool:
        """Whether anything got worse for certain."""
        return any(change.bad for change in self.changes) or any(
            verdict.verdict is NumberVerdict.REGRESSED for verdict in self.verdicts
        )


def compare(
    base: Sequence[CellResult],
    new: Sequence[CellResult],
    noise_of: NoiseLookup,
    names: tuple[str, str] = ("base", "new"),
    across: bool = False,
    alpha: float = verdicts.ALPHA,
    others: Sequence[CellResult] = (),
) -> Comparison:
    """Compare outcomes and numbers of all cells, with one false-alarm rate for the whole table.

    Args:
        noise_of: gives the known noise of a cell, from its result in the base.
        across: also compare times of different machines.
        alpha: false-alarm rate: the fraction of unchanged tables in which a change may be reported.
        others: further results, among which may be one of an upgrade installed anew.
    """
    pairs = result_pairs.pair_results(base, new, across)
    measured = [numbers for pair in pairs for numbers in _measure_pairs(pair, noise_of)]
    decided = verdicts.decide(measured, alpha)
    changes = [change for pair in pairs for change in outcome_changes.outcome_changes(pair)]
    notes = dict.fromkeys(_notes(pairs, decided))
    kernels = [change for pair in pairs for change in kernel_changes.kernel_changes(pair)]
    packages = (package_differences.package_differences(pair, (*base, *new, *others)) for pair in pairs)
    return Comparison(
        *names,
        tuple(pairs),
        tuple(changes),
        tuple(decided),
        tuple(notes),
        tuple(kernels),
        tuple(filter(None, packages)),
    )


def _measure_pairs(pair: ResultPair, noise_of: NoiseLookup) -> Iterator[MeasurePair]:
    if pair.base is None or pair.new is None:
        return  # the whole result is missing or new, which is reported once
    before, after = _by_key(pair.base, pair.new), _by_key(pair.new, pair.base)
    by_benchmark = noise_of(pair.base)
    for key in {**before, **after}:
        yield MeasurePair(
            pair.name,
            before.get(key),
            after.get(key),
            noise.lookup(by_benchmark, key),
            pair.incomparable_because,
            pair.in_turns,
        )


def _by_key(result: CellResult, other_run: CellResult) -> dict[Key, Measure]:
    """Return the measures that the other run was asked for too: the rest are not missing there."""
    return {
        measure.key: measure
        for measure in measures(result, other_run)
        if measure.check is None or other_run.asks(measure.check)
    }


def _notes(pairs: Sequence[ResultPair], decided: Sequence[Verdict]) -> Iterator[str]:
    for pair in pairs:
        if pair.incomparable_because:
            differ = pair.incomparable_because
            yield f"{pair.name}: times are not compared since these differ (see --across): {differ}"
        if pair.base and pair.new and pair.base.only != pair.new.only:
            sides = (result.only or "all" for result in (pair.base, pair.new))
            yield f"{pair.name}: only checks asked for in both runs are compared ({' → '.join(sides)})"
    for pair in pairs:
        if exact_bits.compare_bits(pair).unexplained:
            yield (
                f"{pair.name}: the bits differ although no difference between the two is known: one of the "
                "devices may compute wrongly; run both once more, and look at the checks of correctness"
            )
    if any(difference.trait is Trait.SAMCHECK for pair in pairs for difference in pair.differences):
        yield "the two sides were made by different versions of samcheck, whose checks may differ"
    if any(verdict.assumed for verdict in decided):
        yield verdicts.NOISE_ASSUMED
    if any(verdict.launch_bound and verdict.verdict is not NumberVerdict.UNCHANGED for verdict in decided):
        yield verdicts.LAUNCH_BOUND
