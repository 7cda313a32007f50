"""Where cells run: `docker`, `venv` or `here`, behind one protocol.

An environment prepares a place for a cell (`prepare`) and runs Python in it (`Place.run`). All code that
starts processes or containers for a cell is in this package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from pathlib import Path
from typing import Protocol

from samcheck import facts
from samcheck.cells import Cell
from samcheck.environments.own_variant import OwnVariant
from samcheck.facts import sam_packages
from samcheck.facts.requirements import Requirements

KINDS = ("docker", "venv", "here")


@dataclass(frozen=True)
class DiskNeed:
    """What preparing a cell takes, in MiB; zero if the place of an earlier run is reused."""

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
        exit_code: None if a signal ended it.
        signal: name of that signal, e.g. ``SIGSEGV``.
        cause: why samcheck or the engine ended it; None if it ended by itself.
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
        given: host folder with the guest's input, including its `channel`; read-only for the guest.
        work: new host folder where the guest works; in a container it works in memory instead.
        output: host file for what the guest prints.
        alive: called several times a second; returns whether the guest still makes progress.
        gpu: the driver's number of the guest's only GPU; empty for the machine's default.
        variants: the user's own, which the guest can read.
    """

    arguments: tuple[str, ...]
    given: Path
    work: Path
    output: Path
    alive: Callable[[], bool] = field(default=lambda: True)
    gpu: str = ""
    variants: tuple[OwnVariant, ...] = ()


SOURCE = "@source@"
GIVEN = "@given@"
WORK = "@work@"
#: Runs a guest module; followed by the module's name.
LAUNCH = f"{SOURCE}/samcheck/guest/launch.py"


def own_variables(work: str) -> dict[str, str]:
    """Return the variables that packages of SAM need, so that they neither download nor write elsewhere."""
    settings = sam_packages.guest_environment(facts.load())
    return {name: value.replace(WORK, work) for name, value in settings.items()}


def substitute(arguments: tuple[str, ...], source: str, given: str, work: str) -> list[str]:
    """Return the arguments with the guest's own paths."""
    paths = {SOURCE: source, GIVEN: given, WORK: work}
    return [
        reduce(lambda text, name: text.replace(name, paths[name]), paths, argument) for argument in arguments
    ]


class Place(Protocol):
    """A prepared environment of one cell."""

    @property
    def details(self) -> dict[str, str]:
        """How it was built, for the result: image, base, interpreter, ..."""

    @property
    def secrets(self) -> dict[str, str]:
        """Texts that must not reach the result, by what to write instead."""

    def run(self, job: GuestJob) -> Ended:
        """Run Python until it ends; leave nothing behind, even when interrupted."""


class Environment(Protocol):
    """A kind of place."""

    @property
    def kind(self) -> str: ...

    @property
    def installs(self) -> bool:
        """Whether it installs the cell's exact requirements, which can then be checked."""

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        """Return what `prepare` will take."""

    def storage(self) -> Path:
        """Return a folder on the disk that `prepare` fills."""

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        """Build the place of a cell, or reuse that of an earlier run.

        Raises:
            BuildFailed: says in one sentence why, and what to do.
        """
