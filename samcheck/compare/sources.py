"""Where results to compare come from: a folder, a file, or a git revision of either."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from samcheck import results
from samcheck.errors import BadInput
from samcheck.guest.record import CellResult


def read(text: str, default: Path) -> list[CellResult]:
    """Every result at `text`: a path, ``REVISION`` (of `default`) or ``REVISION:PATH``.

    Raises:
        BadInput: nothing is there, or something in it is no result.
    """
    path = Path(text)
    if path.exists():
        return _at(path)
    revision, _, inside = text.partition(":")
    return _of_revision(revision, inside or default.name, default.parent, text)


def _at(path: Path) -> list[CellResult]:
    files = [path] if path.is_file() else list(_files(path))
    if not files:
        raise BadInput(f"{path}: holds no results (no <device>/<driver>/<cell>.json, no <cell>.json)")
    return [results.read(file) for file in files]


def _files(folder: Path) -> Iterator[Path]:
    """Results in a store, in one of its device or driver folders; the A/A runs beside them are none."""
    for pattern in ("*/*/*.json", "*/*.json", "*.json"):
        found = sorted(
            path
            for path in folder.glob(pattern)
            if not {"noise", "faults"} & {*path.relative_to(folder).parts}
        )
        if found:
            yield from found
            return


def _of_revision(revision: str, inside: str, repository: Path, text: str) -> list[CellResult]:
    command = ["git", "-C", str(repository), "archive", revision, "--", inside]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["git said nothing"]
        raise BadInput(f"{text}: neither a file or folder, nor a git revision that has {inside}: {said[-1]}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        return _at(Path(folder) / inside)
