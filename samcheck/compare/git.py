"""Results as a git repository keeps them."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from samcheck.errors import BadInput


def run(folder: Path, *arguments: str) -> bytes:
    """What git says in `folder`.

    Raises:
        BadInput: with the last thing that git complained of.
    """
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise BadInput(f"git {arguments[0]} in {folder} failed: {said[-1]}")
    return done.stdout


@contextmanager
def extracted(folder: Path, revision: str, names: Sequence[str]) -> Iterator[Path]:
    """Files or folders below `folder` as a revision has them, in a temporary one that stands for it.

    Raises:
        BadInput: the revision, or one of the names in it, does not exist.
    """
    top, below = run(folder, "rev-parse", "--show-toplevel", "--show-prefix").decode().split("\n")[:2]
    content = run(Path(top), "archive", f"{revision}:{below}", "--", *names)
    with tempfile.TemporaryDirectory() as place:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(place, filter="data")
        yield Path(place)
