"""Which result of the base belongs to which new one, and what differs between their environments (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samcheck.guest.record import MET, CellResult
from samcheck.storage.results import device_of

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
    """Results of a cell on a device side by side; one result on each side makes a pair whatever they are of.

    `across`: times of different machines are compared as well.
    """
    if len(base) == len(new) == 1:
        return [_row(new[0].name, base[0], new[0], across)]
    before, after = _by_name(base), _by_name(new)
    return [
        _row(f"{name} on {device}" if device else name, one, other, across)
        for name in sorted({*before, *after})
        for device, one, other in _pairs(before.get(name, {}), after.get(name, {}))
    ]


def _by_name(found: Sequence[CellResult]) -> dict[str, dict[str, CellResult]]:
    """The newest result of each cell on each device."""
    names: dict[str, dict[str, CellResult]] = {}
    for each in sorted(found, key=lambda each: each.finished):
        names.setdefault(each.name, {})[device_of(each, "an unknown device")] = each
    return names


def _pairs(
    before: dict[str, CellResult], after: dict[str, CellResult]
) -> Iterator[tuple[str, CellResult | None, CellResult | None]]:
    """Results of one device side by side; the device is named where there are several."""
    devices = sorted({*before, *after})
    if len(before) == len(after) == 1:  # from one machine to another
        yield "", next(iter(before.values())), next(iter(after.values()))
        return
    for device in devices:
        yield device if len(devices) > 1 else "", before.get(device), after.get(device)


def _row(name: str, base: CellResult | None, new: CellResult | None, across: bool) -> Row:
    if base is None or new is None:
        return Row(name, base, new)
    changed = differences(base, new)
    apart = "" if across else "; ".join(each for each in changed if each.startswith(MACHINE))
    return Row(name, base, new, tuple(changed), apart)


def differences(base: CellResult, new: CellResult) -> list[str]:
    """What differs between two results' environments, ``PyTorch 2.4.1 → 2.15.0``, the most telling first."""
    before, after = _environment(base), _environment(new)
    return [
        f"{what} {before.get(what) or 'none'} → {after.get(what) or 'none'}"
        for what in {**before, **after}
        if before.get(what, "") != after.get(what, "")
    ]


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
