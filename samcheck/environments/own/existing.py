"""An interpreter of the user's own, used as it is."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from samcheck import paths
from samcheck.cells import Cell
from samcheck.environments import DiskNeed, here
from samcheck.environments.here import HerePlace
from samcheck.environments.own import brought
from samcheck.environments.own.declaration import OwnEnvironment
from samcheck.errors import BuildFailed, EnvironmentUnavailable
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import FailureCause


@dataclass(frozen=True)
class Existing:
    """The environment of an interpreter that somebody else installed."""

    own: OwnEnvironment
    kind: str = "here"
    installs: bool = False

    def storage(self) -> Path:
        return paths.home()

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        return DiskNeed(0, 0, reused=True)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> HerePlace:
        python = shutil.which(os.path.expanduser(self.own.given))
        if python is None:
            text = f"{self.own.given} is no interpreter that can be run: correct `python` in the matrix file"
            raise BuildFailed(FailureCause.INTERPRETER, text)
        return place_of(python, {"declared": self.own.title, "interpreter": python})


def place_of(python: str, details: dict[str, str]) -> HerePlace:
    """Return the place of an interpreter, with what the suite needs and it lacks beside it.

    Raises:
        BuildFailed: it does not run, or lacks what is tested.
    """
    try:
        seen = here.look(python)
    except EnvironmentUnavailable as error:
        raise BuildFailed(FailureCause.PROBE, str(error)) from None
    packages = brought.packages_for(seen)
    names = " ".join(Path(folder).name for folder in packages)
    return HerePlace(python, {**details, **({"brought": names} if names else {})}, packages)
