"""What a matrix says of an environment of the user's own, and the id that follows from it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from samcheck import files
from samcheck.environments.own import locks
from samcheck.errors import BadInput

#: Characters of the digest in an id.
DIGEST_LENGTH = 8
#: Most files and bytes of a Dockerfile's context: all of it is read for the id.
MOST_FILES, MOST_BYTES = 20_000, 2**30
#: Folders that are no part of an environment's content, such as what an installation itself writes.
LEFT_OUT = (
    *(".samcheck", ".git", ".hg", ".venv", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache"),
    *("build", "*.egg-info"),
)
#: What the title of an environment says more if it is what an upgrade leads to, installed anew.
ANEW = " and installed anew"
#: Files that decide what a project's own package is.
_CODE = r"(\.pyi?|^pyproject\.toml|^setup\.cfg)$"


class SourceKind(StrEnum):
    """What an own environment is made from; the values are keys in a matrix file."""

    IMAGE = "image"  # by its name, tag or digest
    ARCHIVE = "archive"  # of an image, as `docker save` writes it
    DOCKERFILE = "dockerfile"
    REQUIREMENTS = "requirements"  # as pip reads them
    LOCK = "lock"  # uv.lock, pylock.toml or poetry.lock
    PYPROJECT = "pyproject"
    CONDA = "conda"  # environment.yml, or an explicit list
    PYTHON = "python"  # an interpreter, as it is

    @property
    def is_image(self) -> bool:
        """Whether it is an image already, so that it needs a container engine."""
        return self in (SourceKind.IMAGE, SourceKind.ARCHIVE, SourceKind.DOCKERFILE)

    @property
    def is_file(self) -> bool:
        return self not in (SourceKind.IMAGE, SourceKind.PYTHON)


@dataclass(frozen=True)
class OwnEnvironment:
    """An environment that a matrix declares.

    Attributes:
        name: the user's.
        source: what it is made from.
        given: the path of that, or an image's name.
        python: the Python to install, ``3.11``; in an image, the path of its interpreter. Empty for the
            file's own, or for the first one in the image that has PyTorch.
        context: folder that a Dockerfile is built with.
        upgrade: shell commands that change it in place, in this order.
        fresh: whether what they lead to is installed anew instead, without what they leave behind.
    """

    name: str
    source: SourceKind
    given: str
    python: str = ""
    context: Path = Path()
    upgrade: tuple[str, ...] = ()
    fresh: bool = False

    @cached_property  # the files may change while it is built
    def id(self) -> str:
        """Name and content digest: the key for its image, folder, result and row.

        Raises:
            BadInput: a file cannot be read.
        """
        return f"{self.name}-{self.digest[:DIGEST_LENGTH]}"

    @property
    def path(self) -> Path:
        return Path(self.given)

    @property
    def digest(self) -> str:
        """SHA-256 of what it is made from.

        An image's name stands for the image, whose own id is stored with the result.
        """
        summary = hashlib.sha256()
        parts = (self.source, self.given if not self.source.is_file else "", self.python, *self.upgrade)
        summary.update("\n".join((*parts, str(self.fresh))).encode())
        if self.source is SourceKind.DOCKERFILE:
            _add_folder(summary, self.context, ignored=_dockerignore(self.context))
        if self.source is SourceKind.ARCHIVE:
            summary.update(_archive_digest(self.path))
        elif self.source.is_file:
            for path in self.read_files:
                summary.update(path.name.encode() + b"\0" + files.read(path))
            for folder in self.local_folders:
                # Of a project around the file, its code: results of samcheck may be in there too.
                _add_folder(summary, folder, _CODE if folder in self.path.parents else "")
        return summary.hexdigest()

    @property
    def read_files(self) -> list[Path]:
        """The files that decide what is installed.

        Raises:
            BadInput: one of them cannot be read.
        """
        beside = self.path.with_name("pyproject.toml")
        if self.source is SourceKind.REQUIREMENTS:
            return list(dict.fromkeys(included(self.path)))
        if self.source is SourceKind.LOCK and self.path.name == "uv.lock" and beside.is_file():
            return [self.path, beside]
        return [self.path]

    @property
    def local_folders(self) -> list[Path]:
        """Folders beside the file that it installs packages from."""
        if self.source is SourceKind.LOCK:
            return [folder for folder in locks.folders_of_lock(self.path) if folder.is_dir()]
        if self.source is SourceKind.REQUIREMENTS:
            found = (folder for path in self.read_files for folder in locks.folders_of_requirements(path))
            return [folder for folder in found if folder.is_dir()]
        return [self.path.parent] if self.source is SourceKind.PYPROJECT else []

    @property
    def title(self) -> str:
        """What it is made from, in a few words without this machine's folders."""
        given = Path(self.given).name if self.source.is_file else self.given
        upgraded = f", upgraded by {'; '.join(self.upgrade)}" if self.upgrade else ""
        return f"{self.source} {given}{upgraded}{ANEW if self.fresh else ''}"


def included(path: Path, depth: int = 0) -> Iterator[Path]:
    """Yield a requirements file and those that it includes with ``-r`` or ``-c``.

    Raises:
        BadInput: one cannot be read, or they include each other.
    """
    if depth > 20:
        raise BadInput(f"{path}: requirements files include each other more than 20 deep")
    yield path
    for line in files.read_text(path).splitlines():
        option, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if option in ("-r", "--requirement", "-c", "--constraint") and rest.strip():
            yield from included(path.parent / rest.strip(), depth + 1)


def _add_folder(summary: hashlib._Hash, folder: Path, only: str = "", ignored: Sequence[str] = ()) -> None:
    """Add the names and contents of the files below a folder.

    Args:
        only: a pattern that a file's name must match.
        ignored: patterns of a .dockerignore.

    Raises:
        BadInput: there are more of them than a build should be given, or one cannot be read.
    """
    count = size = 0
    for path in _walk(folder, ignored):
        if not re.search(only, path.name):
            continue
        count, size = count + 1, size + path.lstat().st_size
        if count > MOST_FILES or size > MOST_BYTES:
            raise BadInput(
                f"{folder}: has more than {MOST_FILES} files or {MOST_BYTES // 2**20} MiB, and all of them "
                "would be given to the build: name a smaller folder, or leave some out with a .dockerignore"
            )
        content = os.readlink(path).encode() if path.is_symlink() else files.read(path)
        mode = oct(path.lstat().st_mode & 0o777)
        summary.update(f"{path.relative_to(folder)}\0{mode}\0".encode() + hashlib.sha256(content).digest())


def _walk(folder: Path, ignored: Sequence[str]) -> Iterator[Path]:
    from docker.utils.build import PatternMatcher  # on a machine without Docker there may be none

    matcher = PatternMatcher(list(ignored))
    for parent, names, found in os.walk(folder):
        names[:] = sorted(name for name in names if not any(fnmatch(name, left) for left in LEFT_OUT))
        for name in sorted(found):
            path = Path(parent, name)
            relative = str(path.relative_to(folder))
            ignore = matcher.matches(relative)  # type: ignore[arg-type]  # its stubs ask for a path
            if (path.is_symlink() or path.is_file()) and not ignore:
                yield path


def _dockerignore(folder: Path) -> list[str]:
    path = folder / ".dockerignore"
    lines = files.read_text(path).splitlines() if path.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _archive_digest(path: Path) -> bytes:
    """Return the SHA-256 of a file that may be too large to read at once.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
