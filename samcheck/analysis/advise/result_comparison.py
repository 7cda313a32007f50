"""What `samcheck compare` finds between two stored results, in a few lines (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from samcheck.analysis import compare
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.advise.outline import OutlineLine, indented
from samcheck.analysis.compare import grouping
from samcheck.analysis.compare.comparison import NoiseLookup
from samcheck.analysis.compare.outcome_changes import ChangeKind, OutcomeChange
from samcheck.analysis.compare.verdicts import NumberVerdict


@dataclass(frozen=True)
class EvidencePair:
    """A comparison of two results of one device.

    Attributes:
        nearby: whether the second is of another cell than was asked about; it then decides nothing.
    """

    base: Evidence
    new: Evidence
    comparison: compare.Comparison
    nearby: bool

    def of_kind(self, kind: ChangeKind) -> list[OutcomeChange]:
        """Return the checks whose outcome changed in that way."""
        return [change for change in self.comparison.changes if change.kind == kind and change.check]

    @property
    def breaks(self) -> bool:
        return bool(self.of_kind(ChangeKind.BROKEN))

    @property
    def worse(self) -> tuple[str, ...]:
        """What got worse although nothing broke, in short."""
        defects, regressed = self.of_kind(ChangeKind.DEFECT_MET), regressions(self.comparison)
        text = (f"upstream defects newly met in {len(defects)} checks",) if defects else ()
        return (*text, f"numbers regressed: {len(regressed)}") if regressed else text


def compare_results(
    base: Evidence, new: Evidence, noise_of: NoiseLookup, nearby: bool = False
) -> EvidencePair:
    """Compare two results, given the known noise of their benchmarks."""
    return EvidencePair(base, new, compare.compare([base.result], [new.result], noise_of), nearby)


def regressions(comparison: compare.Comparison) -> list[compare.Verdict]:
    """Return the numbers that got worse by more than noise."""
    return [verdict for verdict in comparison.verdicts if verdict.verdict is NumberVerdict.REGRESSED]


def lines(pair: EvidencePair, most: int) -> Iterator[OutlineLine]:
    """Yield outcomes by kind and numbers by verdict, at most `most` lines of each."""
    comparison = pair.comparison
    quiet = not any(change.check for change in comparison.changes)
    yield OutlineLine("no check outcome changed" if quiet else "checks whose outcome changed:")
    for kind in ChangeKind:
        yield from indented(_outcomes(kind, pair.of_kind(kind), most))
    counts = Counter(verdict.verdict for verdict in comparison.verdicts)
    numbers = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    yield OutlineLine(f"numbers: {numbers or 'none to compare'}")
    regressed = grouping.lines(comparison.verdicts, NumberVerdict.REGRESSED)
    yield from (OutlineLine(f"regressed: {line.what}: {line.effect}", 1) for line in regressed[:most])
    if len(regressed) > most:
        yield OutlineLine(f"and {len(regressed) - most} more (--all)", 1)
    yield from (OutlineLine(f"note: {note}") for note in comparison.notes)
    base_version, new_version = pair.base.result.samcheck, pair.new.result.samcheck
    if base_version != new_version:
        yield OutlineLine(
            f"note: measured by samcheck {base_version} and {new_version}, which may explain a change"
        )


def _outcomes(kind: ChangeKind, changes: list[OutcomeChange], most: int) -> Iterator[OutlineLine]:
    if not changes:
        return
    groups = Counter(change.group for change in changes)
    yield OutlineLine(f"{kind}: {', '.join(f'{group} {count}' for group, count in groups.most_common())}")
    if not changes[0].bad:
        return
    alike = grouping.alike(changes)
    for first, members in alike[:most]:
        more = f" and {len(members) - 1} similar" if len(members) > 1 else ""
        yield OutlineLine(f"{first.check}{more}: {first.reason[:160]}", 1)
    if len(alike) > most:
        yield OutlineLine(f"and {len(alike) - most} more (--all)", 1)
