"""Pairs of base and new results, and the differences between their environments (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from samcheck.guest.record import CellResult, LoadedLibrary
from samcheck.storage.results import device_of


class Trait(StrEnum):
    """A trait in which two environments can differ, most relevant first."""

    ENVIRONMENT = "environment"
    GPU = "GPU"
    CPU = "CPU"
    CORES = "cores"
    DRIVER = "driver"
    PYTHON = "Python"
    TORCH = "PyTorch"
    CUDA = "CUDA"
    CUDNN = "cuDNN"
    LIBRARIES = "loaded libraries"
    TORCHVISION = "torchvision"
    NUMPY = "NumPy"
    SAM = "segment-anything"
    SAMCHECK = "samcheck"

    @property
    def is_of_machine(self) -> bool:
        """Whether a difference makes times incomparable: another machine, or another way to run on it."""
        return self in (Trait.ENVIRONMENT, Trait.GPU, Trait.CPU, Trait.CORES)


@dataclass(frozen=True)
class EnvironmentDifference:
    """One trait in which two environments differ; an empty value means absent."""

    trait: Trait
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.trait} {self.before or 'none'} → {self.after or 'none'}"


@dataclass(frozen=True)
class ResultPair:
    """Two results of one cell, or only one of them.

    Attributes:
        name: for display.
        differences: between the two environments.
        incomparable_because: those that make their times incomparable, else empty.
    """

    name: str
    base: CellResult | None
    new: CellResult | None
    differences: tuple[EnvironmentDifference, ...] = ()
    incomparable_because: str = ""

    @property
    def shares_checks(self) -> bool:
        """Whether both have some check, or both have none and are compared by their outcomes alone."""
        if self.base is None or self.new is None:
            return False
        before = {check.check for check in self.base.checks}
        neither = not (self.base.checks or self.new.checks)
        return neither or any(check.check in before for check in self.new.checks)

    @property
    def in_turns(self) -> bool:
        """Whether the processes of the two took turns."""
        if self.base is None or self.new is None:
            return False
        return self.base.turns is not None and self.base.turns == self.new.turns


def pair_results(
    base: Sequence[CellResult], new: Sequence[CellResult], across: bool = False
) -> list[ResultPair]:
    """Pair the results of each cell on each device; a single result on each side always makes a pair.

    `across`: also compare times of different machines.
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
    """Return the newest result of each cell on each device."""
    names: dict[str, dict[str, CellResult]] = {}
    for result in sorted(results, key=lambda result: result.finished):
        names.setdefault(result.name, {})[device_of(result, "an unknown device")] = result
    return names


def _pairs_by_device(
    before: dict[str, CellResult], after: dict[str, CellResult]
) -> Iterator[tuple[str, CellResult | None, CellResult | None]]:
    """Yield pairs of results of one device; name the device if there are several."""
    devices = sorted({*before, *after})
    if len(before) == len(after) == 1:  # from one machine to another
        yield "", next(iter(before.values())), next(iter(after.values()))
        return
    for device in devices:
        yield device if len(devices) > 1 else "", before.get(device), after.get(device)


def _pair(name: str, base: CellResult | None, new: CellResult | None, across: bool) -> ResultPair:
    if base is None or new is None:
        return ResultPair(name, base, new)
    apart = "" if across else incomparable_because(base, new)
    return ResultPair(name, base, new, tuple(differences(base, new)), apart)


def incomparable_because(base: CellResult, new: CellResult) -> str:
    """Return the differences that make times of two results incomparable, else empty."""
    return "; ".join(
        str(difference) for difference in differences(base, new) if difference.trait.is_of_machine
    )


def differences(base: CellResult, new: CellResult) -> list[EnvironmentDifference]:
    """Return the differences between two results' environments, most relevant first."""
    before, after = _traits(base), _traits(new)
    before[Trait.LIBRARIES], after[Trait.LIBRARIES] = _libraries(base, new)
    return [
        EnvironmentDifference(trait, before.get(trait, ""), after.get(trait, ""))
        for trait in Trait
        if before.get(trait, "") != after.get(trait, "")
    ]


def _libraries(base: CellResult, new: CellResult) -> tuple[str, str]:
    """Return NVIDIA's libraries that differ, on each side; none where only one side has recorded them.

    Another build of PyTorch brings others with it, which its own line says.
    """
    if base.observed is None or new.observed is None:
        return "", ""
    builds = {(observed.torch, observed.torch_cuda) for observed in (base.observed, new.observed)}
    before, after = base.observed.libraries, new.observed.libraries
    if len(builds) > 1 or not before or not after:
        return "", ""
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    return _described(before, names), _described(after, names)


def _described(libraries: Mapping[str, LoadedLibrary], names: Sequence[str]) -> str:
    there = [(name, libraries[name]) for name in names if name in libraries]
    return ", ".join(f"{name} {library.version or 'unknown'} ({library.file})" for name, library in there)


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
