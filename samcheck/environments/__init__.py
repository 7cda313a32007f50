"""Where cells run: `docker`, `venv` or `here`, behind one protocol.

An environment makes a place for a cell (`prepare`) and runs Python in it (`Place.run`). Everything
that starts processes or containers for a cell is in this package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from pathlib import Path
from typing import Protocol

from samcheck.cells import Cell
from samcheck.facts.requirements import Requirements

KINDS = ("docker", "venv", "here")


@dataclass(frozen=True)
class DiskNeed:
    """What preparing a cell will take, in MiB; nothing when the place of an earlier run is reused."""

    download_mib: int
    disk_mib: int
    reused: bool


class EndCause(StrEnum):
    """Why samcheck or the engine ended a guest."""

    MEMORY_LIMIT = "memory limit"
    NO_PROGRESS = "no progress"
    TOO_MUCH = "it reported more than there is room for"
    STOPPED = "the time that --stop-after gives"


@dataclass(frozen=True)
class Ended:
    """How a guest process ended.

    Attributes:
        exit_code: None when a signal ended it.
        signal: name of that signal, e.g. ``SIGSEGV``.
        cause: why samcheck or the engine ended it; None where it ended by itself.
    """

    exit_code: int | None
    signal: str = ""
    cause: EndCause | None = None

    def __str__(self) -> str:
        if self.cause:
            return str(self.cause)
        return self.signal or f"exit status {self.exit_code}"


@dataclass(frozen=True)
class GuestJob:
    """One run of Python inside a place.

    Attributes:
        arguments: after ``python``; `SOURCE`, `GIVEN` and `WORK` in them stand for the guest's paths.
        given: folder on the host with what the guest gets, its `channel` among that. It reads that only.
        work: new folder on the host where the guest works; one in a container works in memory instead.
        output: file on the host for what the guest prints.
        alive: called several times a second; says whether the guest still makes progress.
        gpu: the driver's number of the one GPU that the guest gets; empty for what the machine gives.
    """

    arguments: tuple[str, ...]
    given: Path
    work: Path
    output: Path
    alive: Callable[[], bool] = field(default=lambda: True)
    gpu: str = ""


SOURCE = "@source@"
GIVEN = "@given@"
WORK = "@work@"
#: Runs a module of the guest's; to be followed by the module's name.
LAUNCH = f"{SOURCE}/samcheck/guest/launch.py"


def substitute(arguments: tuple[str, ...], source: str, given: str, work: str) -> list[str]:
    """The arguments with the guest's own paths."""
    paths = {SOURCE: source, GIVEN: given, WORK: work}
    return [
        reduce(lambda text, name: text.replace(name, paths[name]), paths, argument) for argument in arguments
    ]


class Place(Protocol):
    """A prepared environment of one cell."""

    @property
    def details(self) -> dict[str, str]:
        """How it was made, for the result: image, base, interpreter, ..."""

    def run(self, job: GuestJob) -> Ended:
        """Run Python; returns when it ended, and leaves nothing of it behind, also when interrupted."""


class Environment(Protocol):
    """A kind of place."""

    @property
    def kind(self) -> str: ...

    @property
    def installs(self) -> bool:
        """Whether it installs the cell's exact requirements, which can then be checked."""

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        """What `prepare` will take."""

    def storage(self) -> Path:
        """A folder on the disk that `prepare` fills."""

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        """Make the place of a cell, or find the one of an earlier run.

        Raises:
            BuildFailed: in one sentence why, and what to do.
        """
