"""Results in a git repository."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from samcheck import git
from samcheck.errors import BadInput


def run(folder: Path, *arguments: str) -> bytes:
    """Return git's output in `folder`.

    Raises:
        BadInput: with the last line of git's error output.
    """
    try:
        finished = git.ask(folder, *arguments)
    except OSError as error:
        raise BadInput(f"cannot run git in {folder}: {error.strerror}: install git") from None
    if finished.returncode:
        complaints = finished.stderr.decode(errors="replace").strip().splitlines() or ["it printed no error"]
        raise BadInput(f"git {arguments[0]} in {folder} failed: {complaints[-1]}")
    return finished.stdout


@contextmanager
def extracted(folder: Path, revision: str, names: Sequence[str]) -> Iterator[Path]:
    """Extract files or folders below `folder` at a revision into a temporary folder that replaces it.

    Raises:
        BadInput: the revision, or one of the names in it, does not exist.
    """
    top, below = (_line(folder, "rev-parse", option) for option in ("--show-toplevel", "--show-prefix"))
    content = run(Path(top), "archive", f"{revision}:{below}", "--", *names)
    with tempfile.TemporaryDirectory() as place:
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(place, filter="data")
        except (tarfile.TarError, OSError) as error:  # e.g. a link that points out of the folder
            raise BadInput(f"{revision} of {folder} cannot be unpacked: {error}") from None
        yield Path(place)


def _line(folder: Path, *arguments: str) -> str:
    """Return a path that git prints, which need not be UTF-8."""
    return os.fsdecode(run(folder, *arguments).removesuffix(b"\n"))
