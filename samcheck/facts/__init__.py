"""What the world allows: data with a source per row, read from the TOML files of this folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from packaging.version import Version
from pydantic import BaseModel, ConfigDict, Field

FOLDER = Path(__file__).parent

Status = Literal["verified", "stored", "unverified"]
Text = Annotated[str, Field(min_length=1)]


class Row(BaseModel):
    """One fact, how sure it is, and where it comes from."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    status: Status
    source: tuple[Text, ...] = Field(min_length=1)


T = TypeVar("T", bound=Row)


class Build(Row):
    """A CUDA build of a PyTorch release; `archs` are the compute capabilities in it."""

    cuda: Text
    tag: Text
    index: Literal["default", "pytorch"]
    archs: tuple[str, ...]


class Release(Row):
    """A PyTorch release, the torchvision that belongs to it, and its Pythons."""

    version: Text
    torchvision: Text
    pythons: tuple[str, ...]
    numpy2: bool
    builds: tuple[Build, ...]

    @property
    def default_build(self) -> Build:
        """The build that a plain ``pip install torch`` takes."""
        return next(build for build in self.builds if build.index == "default")

    def build(self, tag: str) -> Build | None:
        return next((build for build in self.builds if build.tag == tag), None)


class DriverFloor(Row):
    """The oldest driver for builds of one CUDA major version."""

    cuda_major: int
    driver: Text


class Package(Row):
    """The release of a package to install, by Python."""

    name: Text
    role: Literal["numpy", "numpy1", "tool", "export", "sam"]
    versions: dict[str, str]


class Base(Row):
    """A base image that brings a Python."""

    python: Text
    kind: Literal["official", "debian"]
    image: Text
    suite: str = ""


class Size(Row):
    """Upper bounds for one environment, in MiB."""

    build: Literal["cuda", "cpu"]
    installed_mib: int
    download_mib: int


@dataclass(frozen=True)
class Facts:
    """All facts, typed."""

    releases: tuple[Release, ...]
    floors: tuple[DriverFloor, ...]
    packages: tuple[Package, ...]
    bases: tuple[Base, ...]
    sizes: tuple[Size, ...]
    sources: dict[str, str]

    def release(self, version: str) -> Release | None:
        return next((row for row in self.releases if row.version == version), None)

    def floor(self, cuda: str) -> DriverFloor | None:
        """The driver that a CUDA version (``12.1``) needs at least."""
        major = Version(cuda).major
        return next((row for row in self.floors if row.cuda_major == major), None)

    def pin(self, role: str, python: str) -> list[str]:
        """Exact requirements of every package of `role` that has a release for `python`."""
        rows = (row for row in self.packages if row.role == role and python in row.versions)
        return [f"{row.name}=={row.versions[python]}" for row in rows]

    def bases_for(self, python: str) -> list[Base]:
        return [row for row in self.bases if row.python == python]

    def size(self, cuda: str) -> Size:
        """What an environment with this build takes (``cpu`` or a CUDA tag)."""
        build = "cpu" if cuda == "cpu" else "cuda"
        return next(row for row in self.sizes if row.build == build)


def _read(name: str) -> dict[str, object]:
    with (FOLDER / f"{name}.toml").open("rb") as stream:
        return tomllib.load(stream)


def _rows(file: str, key: str, model: type[T]) -> tuple[T, ...]:
    entries = _read(file)[key]
    assert isinstance(entries, list)
    return tuple(model.model_validate(entry) for entry in entries)


@cache
def load() -> Facts:
    """Read the files once per process."""
    sources = {key: str(value) for key, value in _read("sources").items()}
    return Facts(
        releases=_rows("torch", "release", Release),
        floors=_rows("drivers", "floor", DriverFloor),
        packages=_rows("packages", "package", Package),
        bases=_rows("bases", "base", Base),
        sizes=_rows("sizes", "size", Size),
        sources=sources,
    )
