"""Isolated virtual environments: the default if no Docker engine is available."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

from samcheck import certificates, facts, owned, paths
from samcheck.cells import Cell
from samcheck.environments import DiskNeed, Ended, GuestJob, machine, processes, uv_errors
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts.requirements import Requirements, size
from samcheck.guest.outcomes import FailureCause

COMPLETE = ".samcheck-complete"
NOTHING_MORE: Mapping[str, str] = {}


def folders() -> Path:
    """Return the folder of the virtual environments."""
    return paths.home() / "venvs"


def completed(folder: Path) -> bool:
    """Return whether an environment is complete."""
    return owned.has_file(folder, COMPLETE)


def is_locked(folder: Path) -> bool:
    """Return whether the environment in this folder is being built or removed."""
    if not _is_lock(folder):
        return False
    try:
        with FileLock(_lock(folder), timeout=0):
            return False
    except Timeout:
        return True


def remove(folder: Path) -> str:
    """Remove an environment, complete or not; return why it could not be removed, else nothing."""
    if not owned.is_own(folder, completed):
        return "it is not marked as made by samcheck"
    try:
        with FileLock(_lock(folder), timeout=0):
            owned.mark(folder)
            (folder / COMPLETE).unlink(missing_ok=True)  # first: a partial one must not look complete
            owned.remove(folder)
            _lock(folder).unlink(missing_ok=True)
    except Timeout:
        return "it is being built"
    return ""


def _lock(folder: Path) -> Path:
    """Return the file that is locked while an environment is built.

    Raises:
        BadInput: something else is there, such as a link, which locking would follow and truncate.
    """
    path = Path(f"{folder}.lock")
    if os.path.lexists(path) and not _is_lock(folder):
        raise BadInput(f"{path} is in the way and not samcheck's file: move it away and try again")
    return path


def _is_lock(folder: Path) -> bool:
    return owned.has_file(folder.parent, f"{folder.name}.lock")


@dataclass(frozen=True)
class VenvPlace:
    """A complete virtual environment."""

    folder: Path
    details: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def run(self, job: GuestJob) -> Ended:
        return processes.run(self.python, job)


@dataclass(frozen=True)
class Venv:
    """One virtual environment per cell, built by uv; wheels are shared through uv's cache."""

    kind: str = "venv"
    installs: bool = True

    def storage(self) -> Path:
        return paths.home()

    def folder(self, cell: Cell, requirements: Requirements) -> Path:
        """Return the cell's folder, named after the cell and a hash of everything installed."""
        content = "\n".join(
            (cell.python, requirements.torch_index, *requirements.all, *requirements.build_environment)
        )
        return folders() / f"{cell.id}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        if completed(self.folder(cell, requirements)):
            return DiskNeed(0, 0, reused=True)
        return DiskNeed(*size(cell, requirements, facts.load()), reused=False)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> VenvPlace:
        folder = self.folder(cell, requirements)
        with built(folder) as is_new:
            if is_new:
                _make(cell, requirements, folder, log)
        return VenvPlace(folder, {"installer": f"uv {metadata.version('uv')}"})


@contextmanager
def built(folder: Path) -> Iterator[bool]:
    """Lock the folder of an environment; yield whether it has to be filled, which then completes it.

    Raises:
        BuildFailed: something there is not samcheck's.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(_lock(folder)):
            is_new = not completed(folder)
            if is_new:
                _clear(folder)
            yield is_new
            (folder / COMPLETE).touch()  # at each use: `samcheck clean` uses its time
    except BadInput as problem:
        raise BuildFailed(FailureCause.DISK, str(problem)) from None


def _clear(folder: Path) -> None:
    """Replace what an interrupted build left with an empty, marked folder.

    Raises:
        BadInput: something there is not samcheck's.
    """
    owned.remove(folder)
    owned.make(folder)


def _make(cell: Cell, requirements: Requirements, folder: Path, log: Path) -> None:
    python = machine.interpreter(cell.python) or cell.python  # for a bare version, uv downloads it
    _uv(log, "venv", "--allow-existing", "--python", python, str(folder))  # keeps the mark
    install = ("pip", "install", "--python", str(folder / "bin" / "python"))
    index = requirements.torch_index
    extra = ("--index", index, "--index-strategy", "unsafe-best-match") if index else ()
    _uv(log, *install, *extra, *requirements.wheels)
    if requirements.bare:  # a source archive may import PyTorch to build
        variables = dict(pair.split("=", 1) for pair in requirements.build_environment)
        _uv(log, *install, "--no-deps", "--no-build-isolation", *requirements.bare, variables=variables)


def _uv(log: Path, *arguments: str, variables: Mapping[str, str] = NOTHING_MORE) -> None:
    """Run uv with further environment variables, and its output to `log`.

    Raises:
        BuildFailed: uv failed.
    """
    import uv  # only when something is installed: its binary is large

    environment = dict(os.environ, UV_NO_PROGRESS="1", **variables)
    bundle = certificates.ca_bundle()
    if bundle:
        environment["SSL_CERT_FILE"] = bundle
    status, printed = processes.installed([uv.find_uv_bin(), *arguments], log, environment)
    if status != 0:
        known = uv_errors.explained(printed)
        raise BuildFailed(known.cause, known.sentence)
