"""Which result of the base belongs to which new one, and what differs between their environments (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from samcheck.guest.record import CellResult
from samcheck.storage.results import device_of


class Trait(StrEnum):
    """What two environments can differ in, the most telling first."""

    ENVIRONMENT = "environment"
    GPU = "GPU"
    CPU = "CPU"
    CORES = "cores"
    DRIVER = "driver"
    PYTHON = "Python"
    TORCH = "PyTorch"
    CUDA = "CUDA"
    CUDNN = "cuDNN"
    TORCHVISION = "torchvision"
    NUMPY = "NumPy"
    SAM = "segment-anything"
    SAMCHECK = "samcheck"

    @property
    def is_of_machine(self) -> bool:
        """Whether times are incomparable where it differs: another machine, or another way to run on it."""
        return self in (Trait.ENVIRONMENT, Trait.GPU, Trait.CPU, Trait.CORES)


@dataclass(frozen=True)
class EnvironmentDifference:
    """One trait in which two environments differ; an empty value is a thing that is not there."""

    trait: Trait
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.trait} {self.before or 'none'} → {self.after or 'none'}"


@dataclass(frozen=True)
class ResultPair:
    """Two results of one cell, or the only one.

    Attributes:
        name: for the reader.
        differences: what differs between the two environments.
        incomparable_because: the part of it that makes their times incomparable, else empty.
    """

    name: str
    base: CellResult | None
    new: CellResult | None
    differences: tuple[EnvironmentDifference, ...] = ()
    incomparable_because: str = ""

    @property
    def in_turns(self) -> bool:
        """Whether the processes of the two took turns."""
        if self.base is None or self.new is None:
            return False
        return self.base.turns is not None and self.base.turns == self.new.turns


def pair_results(
    base: Sequence[CellResult], new: Sequence[CellResult], across: bool = False
) -> list[ResultPair]:
    """Results of a cell on a device side by side; one result on each side makes a pair whatever they are of.

    `across`: times of different machines are compared as well.
    """
    if len(base) == len(new) == 1:
        return [_pair(new[0].name, base[0], new[0], across)]
    before, after = _by_name(base), _by_name(new)
    return [
        _pair(f"{name} on {device}" if device else name, base_result, new_result, across)
        for name in sorted({*before, *after})
        for device, base_result, new_result in _pairs_by_device(before.get(name, {}), after.get(name, {}))
    ]


def _by_name(results: Sequence[CellResult]) -> dict[str, dict[str, CellResult]]:
    """The newest result of each cell on each device."""
    names: dict[str, dict[str, CellResult]] = {}
    for result in sorted(results, key=lambda result: result.finished):
        names.setdefault(result.name, {})[device_of(result, "an unknown device")] = result
    return names


def _pairs_by_device(
    before: dict[str, CellResult], after: dict[str, CellResult]
) -> Iterator[tuple[str, CellResult | None, CellResult | None]]:
    """Results of one device side by side; the device is named where there are several."""
    devices = sorted({*before, *after})
    if len(before) == len(after) == 1:  # from one machine to another
        yield "", next(iter(before.values())), next(iter(after.values()))
        return
    for device in devices:
        yield device if len(devices) > 1 else "", before.get(device), after.get(device)


def _pair(name: str, base: CellResult | None, new: CellResult | None, across: bool) -> ResultPair:
    if base is None or new is None:
        return ResultPair(name, base, new)
    different = differences(base, new)
    incomparable_because = (
        ""
        if across
        else "; ".join(str(difference) for difference in different if difference.trait.is_of_machine)
    )
    return ResultPair(name, base, new, tuple(different), incomparable_because)


def differences(base: CellResult, new: CellResult) -> list[EnvironmentDifference]:
    """What differs between two results' environments, the most telling first."""
    before, after = _traits(base), _traits(new)
    return [
        EnvironmentDifference(trait, before.get(trait, ""), after.get(trait, ""))
        for trait in Trait
        if before.get(trait, "") != after.get(trait, "")
    ]


def _traits(result: CellResult) -> dict[Trait, str]:
    observed = result.observed
    traits: dict[Trait, object] = {
        Trait.ENVIRONMENT: result.environment.kind,
        Trait.SAMCHECK: result.samcheck,
    }
    if observed is not None:
        traits |= {
            Trait.GPU: observed.gpu,
            Trait.CPU: observed.cpu,
            Trait.CORES: observed.cpu_count,
            Trait.DRIVER: observed.driver,
            Trait.PYTHON: observed.python,
            Trait.TORCH: observed.torch,
            Trait.CUDA: observed.torch_cuda,
            Trait.CUDNN: observed.cudnn,
            Trait.TORCHVISION: observed.torchvision,
            Trait.NUMPY: observed.numpy,
            Trait.SAM: observed.segment_anything,
        }
    return {trait: str(value) if value is not None else "" for trait, value in traits.items()}
