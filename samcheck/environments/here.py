"""The environment `here`: an existing interpreter, whose installed packages define the cell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from packaging.version import InvalidVersion, Version

from samcheck import facts, files, paths
from samcheck.cells import DEFAULT_SAM, Cell
from samcheck.environments import DiskNeed, Ended, GuestJob, Place, fingerprint_reader, processes
from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.requirements import Requirements, numpy_of
from samcheck.guest.record import Fingerprint

#: Timeout for probing an interpreter: PyTorch loads slowly from a network disk.
PROBE_SECONDS = 300.0
#: Timeout for finding out whether an interpreter has PyTorch, which is not imported.
LOOK_SECONDS = 20.0
#: Maximum number of characters in a version; a name contains several.
LONGEST_VERSION = 60


@dataclass(frozen=True)
class HerePlace:
    """An interpreter installed by somebody else, and the packages carried to it."""

    python: str
    details: dict[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    secrets: dict[str, str] = field(default_factory=dict)

    def run(self, job: GuestJob) -> Ended:
        return processes.run(self.python, job, self.packages)


@dataclass(frozen=True)
class Here:
    """An environment that runs the interpreter's own cell and installs nothing.

    Attributes:
        packages: folders with what the interpreter lacks for the suite, which guests get as well.
    """

    python: str
    packages: tuple[str, ...] = ()
    kind: str = "here"
    installs: bool = False

    def storage(self) -> Path:
        return paths.PROJECT

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        return DiskNeed(0, 0, reused=True)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        names = " ".join(Path(folder).name for folder in self.packages)
        details = {"interpreter": self.python, **({"packages": names} if names else {})}
        return HerePlace(self.python, details, self.packages)


def carried_packages() -> list[str]:
    """Return the folders that add to the interpreter's own packages: see `offline.bundle_main`."""
    return [folder for folder in os.environ.get("SAMCHECK_PACKAGES", "").split(os.pathsep) if folder]


def default_python() -> str:
    """Return ``$SAMCHECK_PYTHON``, else the first Python with PyTorch that the user may mean.

    Candidates are the one that runs samcheck, the active environment's, and those on PATH. If none has
    PyTorch, return the one that runs samcheck.
    """
    given = os.environ.get("SAMCHECK_PYTHON")
    return given or next(filter(_has_torch, _pythons()), sys.executable)


def _pythons() -> Iterator[str]:
    yield sys.executable
    active = (os.environ.get(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX"))
    folders = [f"{folder}/bin" for folder in active if folder]
    folders += os.environ.get("PATH", "").split(os.pathsep)
    for folder in dict.fromkeys(filter(None, folders)):
        yield from filter(None, (shutil.which(name, path=folder) for name in ("python3", "python")))


@cache  # several names may point to one interpreter, and each start takes time
def _has_torch(python: str) -> bool:
    """Return whether an interpreter has PyTorch, without importing it."""
    if python == sys.executable:
        return find_spec("torch") is not None
    command = [python, "-c", "import importlib.util as u, sys; sys.exit(not u.find_spec('torch'))"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LOOK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def cell_of(python: str, seen: Fingerprint) -> Cell:
    """Return the cell that matches what was `seen` in an interpreter.

    Raises:
        EnvironmentUnavailable: it has no torch, or a package in it has no valid version.
    """
    if not seen.torch:
        raise EnvironmentUnavailable(
            f"{python} has no torch",
            "choose an interpreter that has it with --python, or let samcheck build environments with "
            "--environment venv",
        )
    says = partial(_version, python)
    cuda, sam = says("torch.version.cuda", seen.torch_cuda), says("segment-anything", seen.segment_anything)
    cell = Cell(
        torch=Version(says("torch", seen.torch)).public,
        cuda="cu" + cuda.replace(".", "") if cuda else "cpu",
        python=".".join(says("python", seen.python).split(".")[:2]),
        sam=f"segment-anything=={sam}" if sam else DEFAULT_SAM,
    )
    numpy = says("numpy", seen.numpy)
    return cell if numpy_of(cell, facts.load()) == numpy else replace(cell, numpy=numpy)


def look(python: str) -> Fingerprint:
    """See what is installed in an interpreter, and carried to it; nothing of it is imported.

    Raises:
        EnvironmentUnavailable: it does not run.
        BadInput: the probe's report cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fingerprint.json"
        source = paths.source()
        launch = str(source / "samcheck" / "guest" / "launch.py")
        command = [python, launch, "samcheck.guest.fingerprint", "installed", str(path)]
        search_path = os.pathsep.join((str(source), *carried_packages()))
        environment = dict(os.environ, PYTHONPATH=search_path)
        try:
            status, output = ended(command, environment, Path(folder) / "output.log")
        except OSError as error:
            raise EnvironmentUnavailable(f"{python} cannot be run", str(error.strerror)) from None
        except subprocess.TimeoutExpired:
            late = f"it did not finish within {PROBE_SECONDS:.0f} seconds"
            raise EnvironmentUnavailable(f"{python} cannot run samcheck's probe", late) from None
        if not path.exists():
            said = output or f"it exited with status {status}"
            raise EnvironmentUnavailable(f"{python} cannot run samcheck's probe", said)
        return fingerprint_reader.as_fingerprint(files.read(path))


def ended(command: list[str], environment: dict[str, str], log: Path) -> tuple[int, str]:
    """Run a command to its end; return its status and the end of its error output.

    Its output is untrusted and may be endless.

    Raises:
        OSError: it cannot be run.
        subprocess.TimeoutExpired: it did not finish in time.
    """
    with log.open("wb") as stream:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stream,
            env=environment,
            timeout=PROBE_SECONDS,
            check=False,
        )
    return done.returncode, files.tail(log, 300).decode("utf-8", "replace").strip()


def _version(python: str, package: str, said: str | None) -> str:
    """Return a reported package version, validated since it becomes part of names; empty if there is none.

    Raises:
        EnvironmentUnavailable: it is not a version.
    """
    if not said:
        return ""
    try:
        if len(said) > LONGEST_VERSION:
            raise InvalidVersion(said)
        Version(said)
    except InvalidVersion:
        raise EnvironmentUnavailable(
            f"{package} in {python} reports an invalid version: {said[:80]!r}",
            "reinstall it there, or choose another interpreter with --python",
        ) from None
    return said.strip()
