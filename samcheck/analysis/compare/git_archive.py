"""Results as a git repository keeps them."""

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
    """What git says in `folder`.

    Raises:
        BadInput: with the last thing that git complained of.
    """
    try:
        finished = git.ask(folder, *arguments)
    except OSError as error:
        raise BadInput(f"git cannot be asked about {folder}: {error.strerror}: install it") from None
    if finished.returncode:
        complaints = finished.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise BadInput(f"git {arguments[0]} in {folder} failed: {complaints[-1]}")
    return finished.stdout


@contextmanager
def extracted(folder: Path, revision: str, names: Sequence[str]) -> Iterator[Path]:
    """Files or folders below `folder` as a revision has them, in a temporary one that stands for it.

    Raises:
        BadInput: the revision, or one of the names in it, does not exist.
    """
    top, below = (_line(folder, "rev-parse", option) for option in ("--show-toplevel", "--show-prefix"))
    content = run(Path(top), "archive", f"{revision}:{below}", "--", *names)
    with tempfile.TemporaryDirectory() as place:
        try:
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                archive.extractall(place, filter="data")
        except (tarfile.TarError, OSError) as error:  # such as a link that leads out of the folder
            raise BadInput(f"{revision} of {folder} cannot be unpacked: {error}") from None
        yield Path(place)


def _line(folder: Path, *arguments: str) -> str:
    """A path that git says, which need not be UTF-8."""
    return os.fsdecode(run(folder, *arguments).removesuffix(b"\n"))
