"""What an environment of the user's own holds, as far as can be said before anything of it is built.

An interpreter and an image are looked into, by the probes that runs use; requirements and lock files are
read. Nothing is resolved: of what is not pinned, what it says is kept.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.utils import canonicalize_name

from samcheck.environments import here
from samcheck.environments.own import locks, steps
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.errors import BadInput, BuildFailed, CellError, EnvironmentUnavailable
from samcheck.guest.record import Fingerprint

#: What a requirements file's name ends with.
_REQUIREMENTS = (".txt", ".in")
#: Files that people may give, and that say no versions.
_UNPINNED = ("pyproject.toml", "environment.yml", "environment.yaml", "Dockerfile", "Pipfile", "setup.py")


@dataclass(frozen=True)
class OwnContents:
    """Packages of an environment, by normalised name.

    Attributes:
        packages: with their one version.
        loose: named without one version, with what is said of them instead.
        python: ``3.11``.
        cuda: the build of PyTorch, if it was looked at: ``cu126`` or ``cpu``.
        complete: whether what is not listed is not there; requirements bring more than they name.
    """

    own: OwnEnvironment
    packages: Mapping[str, str]
    python: str
    loose: Mapping[str, str] = field(default_factory=dict)
    cuda: str = ""
    complete: bool = True

    @property
    def title(self) -> str:
        """What it was read from, as a user knows it."""
        path = Path(self.own.given)
        if self.own.source is SourceKind.PYTHON and path.parent.name == "bin":
            environment = path.parent.parent
            return environment.name if (environment / "pyvenv.cfg").is_file() else str(path)
        return path.name if self.own.source.is_file else self.own.given


def declared(text: str, python: str = "") -> OwnEnvironment:
    """Return the environment that a path or an image's name stands for.

    Args:
        python: the Python to install a file for.

    Raises:
        BadInput: it is a file of another kind, or none.
    """
    path = Path(text).expanduser()
    interpreter = path / "bin" / "python" if path.is_dir() else Path(shutil.which(text) or "")
    if path.is_dir() and not interpreter.exists():
        raise BadInput(f"{text}: is a folder without bin/python: give a file, an interpreter or an image")
    if path.is_file() and (source := _kind(path)) is not SourceKind.PYTHON:
        return OwnEnvironment(path.stem, source, str(path.absolute()), python)
    if interpreter.is_file():
        return OwnEnvironment("python", SourceKind.PYTHON, str(interpreter.absolute()))
    if path.suffix in (*_REQUIREMENTS, ".toml", ".lock") or text.startswith((".", "/", "~")):
        raise BadInput(f"{text}: there is no such file")
    return OwnEnvironment("image", SourceKind.IMAGE, text)


def _kind(path: Path) -> SourceKind:
    if locks.is_lock(path.name):
        return SourceKind.LOCK
    if path.suffix in _REQUIREMENTS:
        return SourceKind.REQUIREMENTS
    if path.name in _UNPINNED:
        raise BadInput(
            f"{path}: says no exact versions: give its lock file, or the interpreter of what it made"
        )
    if os.access(path, os.X_OK):
        return SourceKind.PYTHON
    known = ", ".join(locks.TABLES)
    raise BadInput(f"{path}: is neither a lock file ({known}), nor requirements (.txt), nor an interpreter")


def python_of(own: OwnEnvironment) -> str:
    """Return the Python that a file is installed for; empty if nothing says it."""
    try:
        return steps.python_of(own)
    except BuildFailed:
        return ""


def read(own: OwnEnvironment, python: str = "") -> OwnContents:
    """Return what is in an environment; of a file, for this `python`.

    Raises:
        BadInput: it cannot be read or looked into, or is not what its name says.
    """
    if not own.source.is_file:
        return _seen(own, _look(own))
    markers = locks.markers_of(python)
    if own.source is SourceKind.LOCK:
        pins, loose = locks.pins_of_lock(own.path, markers), locks.loose_in_lock(own.path, markers)
        return OwnContents(own, pins, python, loose)
    paths = own.read_files
    for path in paths:
        locks.require_requirements(path)
    pins, loose = locks.pins_of_requirements(paths, markers), locks.loose_in_requirements(paths, markers)
    return OwnContents(own, pins, python, loose, complete=False)


def _look(own: OwnEnvironment) -> Fingerprint:
    try:
        if own.source is SourceKind.PYTHON:
            return here.look(own.given)
        # Imported only here: without an engine there may be no client of one.
        from samcheck.environments.own.image import OwnImage

        with tempfile.TemporaryDirectory() as folder:
            return OwnImage(own).seen(Path(folder))
    except (CellError, EnvironmentUnavailable) as error:
        hint = "" if own.source is SourceKind.PYTHON else " (there is no such file, so it is an image's name)"
        raise BadInput(f"{own.given}: {error}{hint}") from None


def _seen(own: OwnEnvironment, seen: Fingerprint) -> OwnContents:
    packages = {str(canonicalize_name(name)): version for name, version in seen.packages.items()}
    build = "cu" + seen.torch_cuda.replace(".", "") if seen.torch_cuda else "cpu"
    python = ".".join(seen.python.split(".")[:2])
    return OwnContents(own, packages, python, cuda=build if seen.torch else "")
