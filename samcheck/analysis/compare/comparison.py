"""Two sets of results, compared as a whole (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from samcheck.analysis.compare import noise, outcome_changes, result_pairs, verdicts
from samcheck.analysis.compare.measures import Key, Measure, measures
from samcheck.analysis.compare.outcome_changes import OutcomeChange
from samcheck.analysis.compare.result_pairs import ResultPair, Trait
from samcheck.analysis.compare.statistics import Noise
from samcheck.analysis.compare.verdicts import MeasurePair, Verdict
from samcheck.guest.record import CellResult

#: The noise of a result's benchmarks, by their names; empty where no A/A runs are stored.
NoiseLookup = Callable[[CellResult], Mapping[str, Noise]]


@dataclass(frozen=True)
class Comparison:
    """What became of everything between two sets of results, `base` and `new` by their names."""

    base: str
    new: str
    rows: tuple[ResultPair, ...]
    changes: tuple[OutcomeChange, ...]
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()

    @property
    def worse(self) -> bool:
        """Whether anything is known to be worse."""
        return any(each.bad for each in self.changes) or any(
            each.verdict == "regressed" for each in self.verdicts
        )


def compare(
    base: Sequence[CellResult],
    new: Sequence[CellResult],
    known: NoiseLookup,
    names: tuple[str, str] = ("base", "new"),
    across: bool = False,
    alpha: float = verdicts.ALPHA,
) -> Comparison:
    """Outcomes and numbers of all cells, their false alarms controlled together.

    Args:
        known: what is known of a cell's noise, by its result in the base.
        across: compare times of different machines as well.
        alpha: the share of tables without any change in which one may be reported.
    """
    rows = result_pairs.rows(base, new, across)
    found = verdicts.decide([pair for row in rows for pair in _pairs(row, known)], alpha)
    changed = [change for row in rows for change in outcome_changes.changes(row)]
    return Comparison(
        *names, tuple(rows), tuple(changed), tuple(found), tuple(dict.fromkeys(_notes(rows, found)))
    )


def _pairs(row: ResultPair, known: NoiseLookup) -> Iterator[MeasurePair]:
    if row.base is None or row.new is None:
        return  # the row itself is missing or new: that is said once
    before, after = _by_key(row.base, row.new), _by_key(row.new, row.base)
    by_benchmark = known(row.base)
    for key in {**before, **after}:
        known_of_it = noise.lookup(by_benchmark, key)
        yield MeasurePair(row.name, before.get(key), after.get(key), known_of_it, row.apart, row.met)


def _by_key(result: CellResult, other: CellResult) -> dict[Key, Measure]:
    """What a result measured, as far as the other run was asked for it: the rest is not missing there."""
    return {each.key: each for each in measures(result) if each.check is None or other.asks(each.check)}


def _notes(rows: Sequence[ResultPair], found: Sequence[Verdict]) -> Iterator[str]:
    for row in rows:
        if row.apart:
            yield f"{row.name}: times are not compared (--across does), since these differ: {row.apart}"
        if row.base and row.new and row.base.only != row.new.only:
            sides = (each.only or "all" for each in (row.base, row.new))
            yield f"{row.name}: what both runs were asked for is compared ({' → '.join(sides)})"
    if any(change.trait is Trait.SAMCHECK for row in rows for change in row.changed):
        yield "the two sides were made by different versions of samcheck, whose checks may not be the same"
    if any(each.assumed for each in found):
        yield (
            "no A/A runs are stored for some of these: how much two runs differ without a cause was assumed, "
            "with care, or is not known, so that changes stay ambiguous; run the base three times and see "
            "`samcheck noise`"
        )
