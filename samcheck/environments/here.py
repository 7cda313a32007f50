"""The interpreter at hand: whatever it has installed is the cell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.version import Version

from samcheck import facts
from samcheck.cells import DEFAULT_SAM, Cell
from samcheck.environments import CHECKOUT, Ended, Job, Need, Place, processes
from samcheck.errors import BuildFailed, EnvironmentUnavailable
from samcheck.requirements import Requirements, resolve


@dataclass(frozen=True)
class HerePlace:
    """An interpreter that somebody else has furnished, and the packages that were carried to it."""

    python: str
    details: dict[str, str] = field(default_factory=dict)

    def run(self, job: Job) -> Ended:
        return processes.run(self.python, job, carried_packages())


@dataclass(frozen=True)
class Here:
    """Runs one cell, the one that the interpreter is; installs nothing."""

    python: str
    kind: str = "here"
    installs: bool = False

    def storage(self) -> Path:
        return CHECKOUT

    def need(self, cell: Cell, requirements: Requirements) -> Need:
        return Need(0, 0, reused=True)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        packages = {"packages": " ".join(carried_packages())} if carried_packages() else {}
        return HerePlace(self.python, {"interpreter": self.python, **packages})


def carried_packages() -> list[str]:
    """Folders with what the interpreter at hand gets beside its own packages: `samcheck.carrying.launch`."""
    return [folder for folder in os.environ.get("SAMCHECK_PACKAGES", "").split(os.pathsep) if folder]


def default_python() -> str:
    """``$SAMCHECK_PYTHON``, else the interpreter that runs samcheck."""
    return os.environ.get("SAMCHECK_PYTHON") or sys.executable


def cell_of(python: str) -> Cell:
    """The cell that an interpreter is, by what it really holds.

    Raises:
        EnvironmentUnavailable: it does not run, or has no torch.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fingerprint.json"
        command = [python, "-m", "samcheck.guest.fingerprint", str(path)]
        paths = os.pathsep.join((str(CHECKOUT), *carried_packages()))
        environment = dict(os.environ, PYTHONPATH=paths)
        try:
            answer = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        except OSError as error:
            raise EnvironmentUnavailable(f"{python} does not run", str(error.strerror)) from None
        if not path.exists():
            said = answer.stderr.strip()[-300:] or f"it ended with status {answer.returncode}"
            raise EnvironmentUnavailable(f"{python} does not run samcheck's probe", said)
        seen = json.loads(path.read_text(encoding="utf-8"))
    if not seen["torch"]:
        raise EnvironmentUnavailable(
            f"{python} has no torch",
            "name an interpreter that has with --python, or let samcheck make environments with "
            "--environment venv",
        )
    cell = Cell(
        torch=Version(seen["torch"]).public,
        cuda="cu" + seen["torch_cuda"].replace(".", "") if seen["torch_cuda"] else "cpu",
        python=".".join(seen["python"].split(".")[:2]),
        sam=f"segment-anything=={seen['segment_anything']}" if seen["segment_anything"] else DEFAULT_SAM,
    )
    return cell if _default_numpy(cell) == seen["numpy"] else replace(cell, numpy=seen["numpy"] or "")


def _default_numpy(cell: Cell) -> str:
    """The NumPy that an id without one stands for; nothing where the facts do not know this PyTorch."""
    try:
        pin = resolve(cell, facts.load()).numpy[0]
    except BuildFailed:
        return ""
    return pin.partition("==")[2]
