"""Whether two runs gave the same bits (pure).

`samcheck.guest.bits` makes the digests. Other bits are expected from other hardware or software, and are no
error by themselves; where nothing else differs, one of the two devices computes differently.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from samcheck.analysis.compare.result_pairs import ResultPair
from samcheck.guest.node_ids import short_name
from samcheck.guest.record import BITS, CellResult
from samcheck.units import counted


@dataclass(frozen=True)
class BitComparison:
    """What two runs computed of the same.

    Attributes:
        same: how many digests are the same.
        other: what has other bits, ``operations[float32-fp32] gelu``.
        unexplained: no difference between the two environments is known.
    """

    same: int
    other: tuple[str, ...]
    unexplained: bool

    def __str__(self) -> str:
        """Return the end of a sentence; empty if the runs have no digest of the same."""
        answers = counted(self.same + len(self.other), "answer")
        if self.other:
            return f"other bits in {len(self.other)} of {answers}"
        return f"the same bits in {answers}" if self.same else ""


def compare_bits(pair: ResultPair) -> BitComparison:
    """Compare the digests that both runs of a pair have; none if the models had other weights."""
    if pair.base is None or pair.new is None or pair.base.weights != pair.new.weights:
        return BitComparison(0, (), unexplained=False)
    before, after = dict(_digests(pair.base)), dict(_digests(pair.new))
    shared = [name for name in before if name in after]
    other = tuple(name for name in shared if before[name] != after[name])
    return BitComparison(len(shared) - len(other), other, bool(other) and not pair.differences)


def _digests(result: CellResult) -> Iterator[tuple[str, str]]:
    for check in result.checks:
        for name, text in check.settings.items():
            if name.startswith(BITS):
                yield f"{short_name(check.check)} {name.removeprefix(BITS)}", text
