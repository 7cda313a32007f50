"""Which result of the base belongs to which new one, and what differs between their environments (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from samcheck.guest.record import MET, CellResult

#: What makes times of two results incomparable: another machine, or another way to run on it.
MACHINE = ("GPU", "CPU", "cores", "environment")


@dataclass(frozen=True)
class Row:
    """Two results of one cell, or the only one.

    Attributes:
        name: for the reader.
        changed: what differs between the two environments, ``PyTorch 2.4.1 → 2.15.0``.
        apart: the part of it that makes their times incomparable, else empty.
    """

    name: str
    base: CellResult | None
    new: CellResult | None
    changed: tuple[str, ...] = ()
    apart: str = ""

    @property
    def met(self) -> bool:
        """Whether the processes of the two took turns."""
        words = [side.environment.details.get(MET) for side in (self.base, self.new) if side is not None]
        return len(words) == 2 and words[0] is not None and words[0] == words[1]


def rows(base: Sequence[CellResult], new: Sequence[CellResult], across: bool = False) -> list[Row]:
    """Results of the same cell side by side; a single result on each side makes a pair whatever their cells.

    `across`: times of different machines are compared as well.
    """
    if len(base) == len(new) == 1:
        return [_row(new[0].name, base[0], new[0], across)]
    before, after = _by_name(base), _by_name(new)
    return [_row(name, before.get(name), after.get(name), across) for name in sorted({*before, *after})]


def _by_name(found: Sequence[CellResult]) -> dict[str, CellResult]:
    """The newest result of each cell."""
    return {each.name: each for each in sorted(found, key=lambda each: each.finished)}


def _row(name: str, base: CellResult | None, new: CellResult | None, across: bool) -> Row:
    if base is None or new is None:
        return Row(name, base, new)
    before, after = _environment(base), _environment(new)
    changed = [
        f"{what} {before[what] or 'none'} → {after[what] or 'none'}"
        for what in before
        if before[what] != after[what]
    ]
    apart = "" if across else "; ".join(each for each in changed if each.startswith(MACHINE))
    return Row(name, base, new, tuple(changed), apart)


def _environment(result: CellResult) -> dict[str, str]:
    """What may differ between two results, from most to least telling."""
    seen = result.observed
    facts: dict[str, object] = {"environment": result.environment.kind}
    if seen is not None:
        facts |= {
            "GPU": seen.gpu,
            "CPU": seen.cpu,
            "cores": seen.cpu_count,
            "driver": seen.driver,
            "Python": seen.python,
            "PyTorch": seen.torch,
            "CUDA": seen.torch_cuda,
            "cuDNN": seen.cudnn,
            "torchvision": seen.torchvision,
            "NumPy": seen.numpy,
            "segment-anything": seen.segment_anything,
        }
    facts["samcheck"] = result.samcheck
    return {name: str(value) if value is not None else "" for name, value in facts.items()}
