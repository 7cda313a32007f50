"""Facts: data with a source per row, read from the TOML files in this folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from packaging.version import Version
from pydantic import TypeAdapter

from samcheck import files
from samcheck.errors import BadInput
from samcheck.facts.claim_schema import Claim
from samcheck.facts.hardware_schema import (
    Architecture,
    Branch,
    DriverCompanion,
    DriverFloor,
    Forward,
    Forwarding,
    GpuModel,
    Memory,
    Toolkit,
)
from samcheck.facts.sam_schema import ModuleClash, SamDependency, SamPackage
from samcheck.facts.schema import (
    Base,
    Build,
    Companion,
    CompatibilityRule,
    Extension,
    Fact,
    Feature,
    NumpySeries,
    OnnxRuntime,
    Package,
    Release,
    Size,
    TensorRt,
)

__all__ = [
    "FOLDER",
    "TABLES",
    "Base",
    "Build",
    "Claim",
    "Fact",
    "Facts",
    "Forward",
    "GpuModel",
    "Memory",
    "Release",
    "load",
    "read",
    "version_of",
]

FOLDER = Path(__file__).parent

#: Field of `Facts` → file, table in it, model of a row.
TABLES: dict[str, tuple[str, str, type[Fact]]] = {
    "releases": ("torch", "release", Release),
    "features": ("torch", "feature", Feature),
    "extensions": ("torch", "extension", Extension),
    "floors": ("drivers", "floor", DriverFloor),
    "toolkits": ("drivers", "toolkit", Toolkit),
    "branches": ("drivers", "branch", Branch),
    "forward": ("drivers", "forward", Forward),
    "driver_companions": ("drivers", "companion", DriverCompanion),
    "gpus": ("gpus", "gpu", GpuModel),
    "memory": ("gpus", "memory", Memory),
    "architectures": ("gpus", "architecture", Architecture),
    "numpy": ("numpy", "numpy", NumpySeries),
    "packages": ("packages", "package", Package),
    "companions": ("packages", "companion", Companion),
    "onnxruntime": ("backends", "onnxruntime", OnnxRuntime),
    "tensorrt": ("backends", "tensorrt", TensorRt),
    "sam": ("sam", "sam", SamPackage),
    "dependencies": ("sam", "dependency", SamDependency),
    "clashes": ("sam", "clash", ModuleClash),
    "rules": ("rules", "rule", CompatibilityRule),
    "bases": ("bases", "base", Base),
    "sizes": ("sizes", "size", Size),
    "claims": ("claims", "claim", Claim),
}

T = TypeVar("T", bound=Fact)

# What drivers add to the name of a GPU: brand, memory, form factor, MIG slice, vGPU profile (``A30-12C``).
_DECORATION = re.compile(
    r"\b(nvidia|grid|(\d )?\d{1,3}[abcq]"
    r"|tesla|quadro|geforce|jetson|graphics|device|gpu|laptop|notebook|max ?q|generation"
    r"|(server|workstation) edition|edition|superchip|hgx|dgx|sxm\d?|pcie?|nvl|hbm\d?e?|\d+ ?gb|mig .*)\b"
)


@dataclass(frozen=True)
class Facts:
    """All facts, typed; `as_of` is the date of each file, `sources` explains the source ids."""

    releases: tuple[Release, ...]
    floors: tuple[DriverFloor, ...]
    packages: tuple[Package, ...]
    bases: tuple[Base, ...]
    sizes: tuple[Size, ...]
    sources: dict[str, str]
    toolkits: tuple[Toolkit, ...] = ()
    branches: tuple[Branch, ...] = ()
    forward: tuple[Forward, ...] = ()
    driver_companions: tuple[DriverCompanion, ...] = ()
    gpus: tuple[GpuModel, ...] = ()
    memory: tuple[Memory, ...] = ()
    architectures: tuple[Architecture, ...] = ()
    features: tuple[Feature, ...] = ()
    extensions: tuple[Extension, ...] = ()
    numpy: tuple[NumpySeries, ...] = ()
    onnxruntime: tuple[OnnxRuntime, ...] = ()
    tensorrt: tuple[TensorRt, ...] = ()
    companions: tuple[Companion, ...] = ()
    sam: tuple[SamPackage, ...] = ()
    dependencies: tuple[SamDependency, ...] = ()
    clashes: tuple[ModuleClash, ...] = ()
    rules: tuple[CompatibilityRule, ...] = ()
    claims: tuple[Claim, ...] = ()
    as_of: dict[str, str] = field(default_factory=dict)

    def release(self, version: str) -> Release | None:
        return next((row for row in self.releases if row.version == version), None)

    def floor(self, cuda: str) -> DriverFloor | None:
        """Return the oldest driver for a CUDA version (``12.1``)."""
        major = version_of(cuda).major
        return next((row for row in self.floors if row.cuda_major == major), None)

    def toolkit(self, cuda: str) -> Toolkit | None:
        """Return the newest toolkit of a minor version (``12.4``) whose driver is known."""
        rows = self._toolkits(cuda)
        return rows[-1] if rows else None

    def first_toolkit(self, cuda: str) -> Toolkit | None:
        """Return the oldest toolkit of a minor version: its driver is the minimum for what needs one."""
        rows = self._toolkits(cuda)
        return rows[0] if rows else None

    def _toolkits(self, cuda: str) -> list[Toolkit]:
        rows = [row for row in self.toolkits if row.driver and _minor(row.version) == _minor(cuda)]
        return sorted(rows, key=lambda row: Version(row.version))

    def branch(self, driver: str) -> Branch | None:
        """Return the branch of a driver (``535.104.05``), for Windows too; None if it is newer than all.

        A driver for Windows has a number between its branch and the next one.
        """
        number = version_of(driver).major
        older = [row for row in self.branches if row.number <= number]
        newest = max((row.number for row in self.branches), default=0)
        return max(older, key=lambda row: row.number, default=None) if number <= newest else None

    def for_windows(self, driver: str) -> bool:
        """Return whether a driver's number is none of the Linux driver: it must be one for Windows."""
        branch = self.branch(driver)
        return branch is not None and branch.number != version_of(driver).major

    def forward_for(self, cuda: str, driver: str) -> Forwarding | None:
        """Return whether the forward-compatibility package of `cuda` works on a driver; None if unknown.

        It works on data-center GPUs only, which is not checked here.
        """
        row = next((row for row in self.forward if _minor(row.cuda) == _minor(cuda)), None)
        return row.branches.get(version_of(driver).major) if row else None

    def gpu(self, name: str) -> GpuModel | None:
        """Return a GPU by its name as users or drivers write it: ``rtx4090``, ``NVIDIA A100-SXM4-80GB``."""
        wanted = _words(name)
        names = ((row, own) for row in self.gpus for own in (row.name, *row.aliases))
        return next((row for row, own in names if wanted and _words(own) == wanted), None)

    def gpu_called(self, name: str) -> GpuModel | None:
        """Return a GPU as `gpu` does, also for a name without ``RTX`` or ``GTX``: ``4090``."""
        return next((row for brand in ("", "RTX ", "GTX ") if (row := self.gpu(brand + name))), None)

    def sizes_of(self, gpu: GpuModel) -> tuple[Memory, ...]:
        """Return the memory sizes that a GPU is sold with; none if it has no memory of its own."""
        return tuple(row for row in self.memory if row.gpu == gpu.name)

    def architecture(self, capability: str) -> Architecture | None:
        return next((row for row in self.architectures if row.capability == capability), None)

    def series(self, numpy: str) -> NumpySeries | None:
        """Return the series of a NumPy release (``1.26.4``)."""
        return next((row for row in self.numpy if _minor(row.series) == _minor(numpy)), None)

    def rule(self, id: str) -> CompatibilityRule:
        """Return the rule with this id.

        Raises:
            BadInput: there is none.
        """
        row = next((row for row in self.rules if row.id == id), None)
        if row is None:
            known = ", ".join(row.id for row in self.rules)
            raise BadInput(f"there is no rule {id!r} in samcheck/facts/rules.toml; known: {known}")
        return row

    def pin(self, role: str, python: str) -> list[str]:
        """Return exact requirements for every package of `role` that has a release for `python`."""
        rows = (row for row in self.packages if row.role == role and python in row.versions)
        return [f"{row.name}=={row.versions[python]}" for row in rows]

    def bases_for(self, python: str) -> list[Base]:
        return [row for row in self.bases if row.python == python]

    def size(self, cuda: str) -> Size:
        """Return the size of an environment with this build (``cpu`` or a CUDA tag)."""
        return self.size_of("cpu" if cuda == "cpu" else "cuda")

    def size_of(self, build: str) -> Size:
        return next(row for row in self.sizes if row.build == build)


@cache
def version_of(text: str) -> Version:
    """Parse a version; 0 if it is invalid, as it may be in somebody else's result."""
    try:
        return Version(text)
    except ValueError:  # also raised for a number with thousands of digits
        return Version("0")


def _minor(version: str) -> tuple[int, int]:
    parsed = version_of(version)
    return parsed.major, parsed.minor


@cache
def _words(name: str) -> tuple[str, ...]:
    """Return a GPU's name without what differs between vendors and forms: ``("rtx", "2080", "ti")``."""
    text = re.sub(r"\b(rtx|gtx)(?=[a-z]?\d)", r"\1 ", re.sub(r"[^a-z0-9.]+", " ", name.lower()))
    text = re.sub(r"(?<=\d{4})(?=(ti|super)\b)", " ", text)
    return tuple(_DECORATION.sub(" ", text).split())


@cache
def load() -> Facts:
    """Read the files once per process."""
    return read(FOLDER)


def read(folder: Path) -> Facts:
    """Read the facts in a folder.

    Raises:
        BadInput: a file is missing or not TOML.
        pydantic.ValidationError: a row has the wrong shape.
    """
    names = {file for file, _, _ in TABLES.values()}
    files = {name: _parsed(folder / f"{name}.toml") for name in names}
    sources = _parsed(folder / "sources.toml")
    tables = {name: _rows(files[file][key], model) for name, (file, key, model) in TABLES.items()}
    return Facts(
        **tables,  # type: ignore[arg-type]  # the names and models are those of the fields
        sources={key: str(value) for key, value in sources.items()},
        as_of={name: str(content["as_of"]) for name, content in sorted(files.items())},
    )


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return files.parsed_toml(files.read(path))
    except ValueError as error:
        raise BadInput(f"{path} is not a valid facts file: {error}") from None


def _rows(entries: object, model: type[T]) -> tuple[T, ...]:
    return TypeAdapter(tuple[model, ...]).validate_python(entries)  # type: ignore[valid-type]
