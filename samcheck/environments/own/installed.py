"""Own requirements, lock files and conda environments, in a folder on this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import uv

from samcheck import certificates, facts, files, paths
from samcheck.cells import Cell
from samcheck.environments import DiskNeed, machine, processes, uv_errors, venv
from samcheck.environments.here import HerePlace
from samcheck.environments.own import anew, existing, steps
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import FailureCause

#: Programs that make a conda environment, the fastest first.
CONDAS = ("micromamba", "mamba", "conda")

#: Variables that make Python import, or an installer install, somewhere else. nox sets the one of uv.
ELSEWHERE = (
    *("PYTHONPATH", "PYTHONHOME", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT_ENVIRONMENT", "UV_TARGET"),
    *("UV_PREFIX", "PIP_PYTHON", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT"),
)


@dataclass(frozen=True)
class Installed:
    """One folder per own environment, which its own files decide on."""

    own: OwnEnvironment
    kind: str = "venv"
    installs: bool = False

    def storage(self) -> Path:
        return paths.home()

    @property
    def folder(self) -> Path:
        return venv.folders() / self.own.id

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        if venv.completed(self.folder):
            return DiskNeed(0, 0, reused=True)
        size = facts.load().size_of("cuda")  # what it installs is known only when it is resolved
        return DiskNeed(size.download_mib, size.installed_mib, reused=False)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> HerePlace:
        venv.folders().mkdir(parents=True, exist_ok=True)
        try:
            with venv.built(self.folder) as is_new:
                if is_new:
                    self._make(log)
        except BadInput as problem:
            raise BuildFailed(FailureCause.DISK, str(problem)) from None
        details = {"declared": self.own.title, "installer": f"uv {metadata.version('uv')}"}
        return existing.place_of(str(self.folder / "bin" / "python"), details)

    @property
    def _python(self) -> str:
        return str(self.folder / "bin" / "python")

    def _make(self, log: Path) -> None:
        if self.own.fresh:
            self._new(log)
            wanted = anew.requirements(*self._interpreters(log), self.own.upgrade)
            self._uv(log, self.folder, "pip", "install", "--python", self._python, *wanted)
            return
        if self.own.source is SourceKind.CONDA:
            self._conda(log)
        else:
            self._new(log)
            self._install(log)
        for command in self.own.upgrade:
            self._upgrade(command, log)

    def _interpreters(self, log: Path) -> tuple[str, str]:
        """Return the interpreters of the environment before and after its upgrade in place."""
        before, after = replace(self.own, upgrade=(), fresh=False), replace(self.own, fresh=False)
        for own in (before, after):
            with venv.built(Installed(own).folder) as is_new:
                if is_new:
                    Installed(own)._make(log)
        return Installed(before)._python, Installed(after)._python

    def _new(self, log: Path) -> None:
        wanted = steps.python_of(self.own)
        python = machine.interpreter(wanted) or wanted  # for a bare version, uv downloads it
        # With pip, as environments in production have it: their upgrades are typed with it.
        self._uv(
            log,
            self.folder.parent,
            "venv",
            "--seed",
            "--allow-existing",
            "--python",
            python,
            str(self.folder),
        )

    def _install(self, log: Path) -> None:
        with tempfile.TemporaryDirectory() as name:
            steps.convert(self.own, Path(name))
            for arguments in steps.install(self.own, self._python, Path(name)):
                self._uv(log, self.own.path.parent, *arguments)

    def _conda(self, log: Path) -> None:
        program = next(filter(None, map(shutil.which, CONDAS)), None)
        if program is None:
            needs = f"{self.own.path.name} needs one of {', '.join(CONDAS)}"
            text = f"{needs}, none of which is on PATH: install micromamba"
            raise BuildFailed(FailureCause.INSTALLER, text)
        explicit = "@EXPLICIT" in files.read_text(self.own.path)
        create = ("create",) if explicit or "micromamba" in program else ("env", "create")
        command = [program, *create, "--yes", "--prefix", str(self.folder), "--file", str(self.own.path)]
        self._run(command, self.own.path.parent, log)

    def _upgrade(self, command: str, log: Path) -> None:
        """Run a command as its user types it in the activated environment."""
        folders = (str(self.folder / "bin"), str(Path(uv.find_uv_bin()).parent), os.environ.get("PATH", ""))
        active = {
            "PATH": os.pathsep.join(folders),
            "VIRTUAL_ENV": str(self.folder),
            "CONDA_PREFIX": str(self.folder),
        }
        status, printed = self._ran(["sh", "-c", command], self.own.path.parent, log, active)
        if status != 0:
            last = (printed.strip().splitlines() or ["it printed nothing"])[-1]
            raise BuildFailed(FailureCause.INSTALLER, f"the upgrade `{command}` failed: {last[:300]}")

    def _uv(self, log: Path, folder: Path, *arguments: str) -> None:
        self._run([uv.find_uv_bin(), *arguments], folder, log)

    def _run(self, command: list[str], folder: Path, log: Path) -> None:
        status, printed = self._ran(command, folder, log, {})
        if status != 0:
            known = uv_errors.explained(printed)
            raise BuildFailed(known.cause, known.sentence)

    def _ran(self, command: list[str], folder: Path, log: Path, more: dict[str, str]) -> tuple[int, str]:
        environment = dict(os.environ, UV_NO_PROGRESS="1", **more)
        for name in ELSEWHERE:
            environment.pop(name, None)
        bundle = certificates.ca_bundle()
        if bundle:
            environment |= dict.fromkeys(certificates.VARIABLES, bundle)
        return processes.installed(command, log, environment, folder)
