"""Which GPU kernels took the place of others: another choice of cuBLAS, cuDNN or PyTorch (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, takewhile

from samcheck.analysis.compare.result_pairs import ResultPair
from samcheck.guest.node_ids import short_name
from samcheck.guest.record import CheckResult

#: A kernel that is named on one side only has this many times the share of the least one named on the other:
#: ranks change by themselves among kernels that take about as long.
CLEARLY = 1.2
#: A side whose named kernels have more than this share of the time names all of them.
ALL = 0.999
#: Columns for a kernel in a short line, and how much of what two names have in common is kept.
WIDTH, CONTEXT = 30, 6


@dataclass(frozen=True)
class KernelChange:
    """Kernels among the slowest of a benchmark on one side, which the other side does not run, or hardly."""

    row: str
    check: str
    gone: tuple[str, ...]
    come: tuple[str, ...]

    def __str__(self) -> str:
        kernels = " → ".join(", ".join(names) or "none" for names in (self.gone, self.come))
        return f"{short_name(self.check)} on {self.row}: {kernels}"


def kernel_changes(pair: ResultPair) -> Iterator[KernelChange]:
    """Yield the changes between two results of one machine, by benchmark."""
    if pair.base is None or pair.new is None or pair.incomparable_because:
        return
    before = {check.check: slowest(check) for check in pair.base.checks}
    for check in pair.new.checks:
        old, new = before.get(check.check, {}), slowest(check)
        if not (old and new):
            continue  # measured on one side only
        change = KernelChange(pair.name, check.check, _missing(old, new), _missing(new, old))
        if change.gone or change.come:
            yield change


def slowest(check: CheckResult) -> dict[str, float]:
    """The named kernels of a benchmark, with their shares of the time of all."""
    ranks = takewhile(lambda rank: f"kernel_{rank}" in check.settings, count(1))
    return {
        check.settings[f"kernel_{rank}"]: check.metrics.get(f"kernel_{rank}_share", 0.0) for rank in ranks
    }


def _missing(side: Mapping[str, float], other: Mapping[str, float]) -> tuple[str, ...]:
    """The kernels of a side that the other would name too if it ran them as long."""
    names_all = sum(other.values()) > ALL
    least = 0.0 if names_all else CLEARLY * min(other.values())
    return tuple(name for name, share in side.items() if name not in other and share >= least)


def in_short(changes: Sequence[KernelChange]) -> str:
    """Return the first change, and how many more there are."""
    first = changes[0]
    gone, come = (names[0] if names else "none" for names in (first.gone, first.come))
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    skipped = _in_common(gone, come)
    return f"{_cut(gone, skipped)} → {_cut(come, skipped)} ({short_name(first.check)}{more})"


def _in_common(one: str, other: str) -> int:
    """How much of the start of two names can be left out, since it is the same."""
    pairs = enumerate(zip(one, other, strict=False))
    same = next((at for at, (old, new) in pairs if old != new), min(len(one), len(other)))
    return same - CONTEXT if same > WIDTH // 2 else 0


def _cut(name: str, skipped: int) -> str:
    start = "…" if skipped else ""
    rest = name[skipped:]
    return start + (rest if len(rest) <= WIDTH else rest[: WIDTH - 1] + "…")
