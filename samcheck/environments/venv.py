"""Isolated virtual environments: the embedded default where no Docker engine answers."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs
from filelock import FileLock

from samcheck import facts, machine
from samcheck.cells import Cell
from samcheck.environments import Ended, Job, Need, installing, processes
from samcheck.errors import BuildFailed
from samcheck.requirements import Requirements

COMPLETE = ".samcheck-complete"


def home() -> Path:
    """Where environments are kept between runs: ``$SAMCHECK_HOME``, else the user's cache folder."""
    return Path(os.environ.get("SAMCHECK_HOME") or platformdirs.user_cache_dir("samcheck"))


@dataclass(frozen=True)
class VenvPlace:
    """A finished virtual environment."""

    folder: Path
    details: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def run(self, job: Job) -> Ended:
        return processes.run(self.python, job)


@dataclass(frozen=True)
class Venv:
    """One virtual environment per cell, made by uv; wheels are shared through uv's cache."""

    kind: str = "venv"
    installs: bool = True

    def storage(self) -> Path:
        return home()

    def folder(self, cell: Cell, requirements: Requirements) -> Path:
        """Named after the cell and a hash of everything that goes in."""
        content = "\n".join((cell.python, requirements.torch_index, *requirements.all))
        return home() / "venvs" / f"{cell.id}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def need(self, cell: Cell, requirements: Requirements) -> Need:
        if (self.folder(cell, requirements) / COMPLETE).exists():
            return Need(0, 0, reused=True)
        size = facts.load().size(cell.cuda)
        return Need(size.download_mib, size.installed_mib, reused=False)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> VenvPlace:
        folder = self.folder(cell, requirements)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not (folder / COMPLETE).exists():
                shutil.rmtree(folder, ignore_errors=True)  # an interrupted build
                _make(cell, requirements, folder, log)
            (folder / COMPLETE).touch()  # at each use: `samcheck clean` goes by its time
        return VenvPlace(folder, {"installer": f"uv {_uv_version()}"})


def _make(cell: Cell, requirements: Requirements, folder: Path, log: Path) -> None:
    python = machine.interpreter(cell.python) or cell.python  # a bare version lets uv download it
    _uv(log, "venv", "--python", python, str(folder))
    install = ("pip", "install", "--python", str(folder / "bin" / "python"))
    index = requirements.torch_index
    extra = ("--index", index, "--index-strategy", "unsafe-best-match") if index else ()
    _uv(log, *install, *extra, *requirements.all)


def _uv(log: Path, *arguments: str) -> None:
    """Run uv, its output to `log`.

    Raises:
        BuildFailed: uv failed.
    """
    import uv  # not where nothing is installed: its program is large

    environment = dict(os.environ, UV_NO_PROGRESS="1")
    bundle = machine.ca_bundle()
    if bundle:
        environment["SSL_CERT_FILE"] = bundle
    status, printed = processes.installed([uv.find_uv_bin(), *arguments], log, environment)
    if status != 0:
        raise BuildFailed(installing.explain(printed))


def _uv_version() -> str:
    from importlib.metadata import version

    return version("uv")
