"""The commands that install an own environment: for a virtual environment and for an image's build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from samcheck import files
from samcheck.environments.own import locks
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.errors import BuildFailed
from samcheck.guest.outcomes import FailureCause

#: What a lock file says, as requirements, beside the files that they refer to.
EXPORTED = ".samcheck-exported.txt"


def python_of(own: OwnEnvironment) -> str:
    """Return the Python to install: the declared one, else that of a ``.python-version`` beside the file.

    Raises:
        BuildFailed: neither is there.
    """
    beside = own.path.with_name(".python-version")
    if own.python or not beside.is_file():
        if not own.python:
            text = (
                f'which Python is meant? Add python = "3.12" to the environment {own.name} in the matrix file'
            )
            raise BuildFailed(FailureCause.INTERPRETER, text)
        return own.python
    return files.read_text(beside).split()[0]


def install(own: OwnEnvironment, python: str, scratch: Path) -> Iterator[tuple[str, ...]]:
    """Yield uv's arguments that install what is declared, to run in the folder of the declared file.

    Args:
        own: made from requirements, a lock file or a pyproject.toml.
        python: the interpreter to install for, as the commands see it.
        scratch: a folder for what a lock file is converted to, as the commands see it.
    """
    target = ("pip", "install", "--python", python)
    exported = str(scratch / EXPORTED)
    name = own.path.name
    if own.source is not SourceKind.LOCK:
        yield (*target, "-r", name)
    elif name == "uv.lock":
        export = ("export", "--quiet", "--frozen", "--no-dev", "--no-editable", "--python", python)
        yield (*export, "--format", "requirements.txt", "--output-file", exported)
        yield (*target, "--no-deps", "-r", exported)
    elif name == "poetry.lock":
        yield (*target, "--no-deps", "-r", exported)
    else:
        yield (*target, "-r", name)


def convert(own: OwnEnvironment, folder: Path) -> None:
    """Write the requirements of a lock file that uv does not read to `folder`.

    Raises:
        BadInput: it is not a lock file.
    """
    if own.source is SourceKind.LOCK and own.path.name == "poetry.lock":
        text = "\n".join(locks.poetry_requirements(own.path)) + "\n"
        (folder / EXPORTED).write_text(text, encoding="utf-8")
