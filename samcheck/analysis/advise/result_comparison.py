"""What changed between two stored results, as `samcheck compare` weighs it, in a few lines (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from samcheck.analysis import compare
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.compare import grouping, outcome_changes
from samcheck.analysis.compare.comparison import NoiseLookup
from samcheck.analysis.compare.outcome_changes import OutcomeChange


@dataclass(frozen=True)
class ResultComparison:
    """A comparison of two results of one device.

    Attributes:
        nearby: the second is of another cell than was asked about, so that it decides nothing.
    """

    base: Evidence
    new: Evidence
    found: compare.Comparison
    nearby: bool

    def of_kind(self, kind: str) -> list[OutcomeChange]:
        """Checks whose outcome changed in that way."""
        return [each for each in self.found.changes if each.kind == kind and each.check]

    @property
    def breaks(self) -> bool:
        return bool(self.of_kind("broken"))

    @property
    def worse(self) -> tuple[str, ...]:
        """What is worse though nothing broke, in short."""
        met, slow = self.of_kind("defect met"), slower(self.found)
        text = (f"upstream defects newly met in {len(met)} checks",) if met else ()
        return (*text, f"numbers regressed: {len(slow)}") if slow else text


def compared(base: Evidence, new: Evidence, known: NoiseLookup, nearby: bool = False) -> ResultComparison:
    """Two results, with what is `known` of the noise of their benchmarks."""
    return ResultComparison(base, new, compare.compare([base.result], [new.result], known), nearby)


def slower(found: compare.Comparison) -> list[compare.Verdict]:
    """Numbers that are worse by more than noise."""
    return [each for each in found.verdicts if each.verdict == "regressed"]


def lines(changed: ResultComparison, most: int) -> Iterator[str]:
    """Outcomes by kind and numbers by verdict, at most so many lines of each."""
    found = changed.found
    quiet = not any(each.check for each in found.changes)
    yield "no check has another outcome than now" if quiet else "checks with another outcome than now:"
    for kind in outcome_changes.KINDS:
        yield from (f"  {line}" for line in _outcomes(kind, changed.of_kind(kind), most))
    counts = Counter(each.verdict for each in found.verdicts)
    yield f"numbers: {', '.join(f'{count} {word}' for word, count in counts.items()) or 'none to compare'}"
    slow = grouping.lines(found.verdicts, "regressed")
    yield from (f"  regressed: {each.what}: {each.effect}" for each in slow[:most])
    if len(slow) > most:
        yield f"  and {len(slow) - most} more, with --all"
    yield from (f"note: {note}" for note in found.notes)
    one, other = changed.base.result.samcheck, changed.new.result.samcheck
    if one != other:
        yield f"note: measured by samcheck {one} and {other}; a change may come from that"


def _outcomes(kind: str, found: list[OutcomeChange], most: int) -> Iterator[str]:
    if not found:
        return
    groups = Counter(each.group for each in found)
    yield f"{kind}: {', '.join(f'{group} {count}' for group, count in groups.most_common())}"
    if not found[0].bad:
        return
    alike = grouping.alike(found)
    for first, members in alike[:most]:
        more = f" and {len(members) - 1} alike" if len(members) > 1 else ""
        yield f"  {first.check}{more}: {first.reason[:160]}"
    if len(alike) > most:
        yield f"  and {len(alike) - most} more, with --all"
