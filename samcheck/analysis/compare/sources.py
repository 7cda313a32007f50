"""Sources of results to compare: a folder, a file, a cell's id, or a git revision of a folder or file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from samcheck.analysis.compare import git_archive
from samcheck.errors import BadInput
from samcheck.guest.record import CellResult
from samcheck.storage import results


def read(text: str, default: Path) -> list[CellResult]:
    """Return every result at `text`: a path, a cell's id in `default`, ``REVISION`` or ``REVISION:PATH``.

    Args:
        default: the folder of results; a revision without a path is one of this.

    Raises:
        BadInput: nothing is there, several machines have the cell, or something is not a result.
    """
    if not text.strip():
        raise BadInput("empty source of results: give a folder, a file or a git revision")
    path = Path(text)
    if os.path.lexists(path):
        return _at(path)
    of_cell = [file for file in results.result_files(default) if file.stem == text]
    if len(of_cell) > 1:
        named = ", ".join(map(str, of_cell))
        raise BadInput(f"{text}: {len(of_cell)} machines have results of this cell: name one of {named}")
    if of_cell:
        return _at(of_cell[0])
    revision, _, inside = text.partition(":")
    return _of_revision(revision, inside or default.name, default.parent, text)


def _at(path: Path) -> list[CellResult]:
    files = list(_files(path)) if path.is_dir() else [path]
    if not files:
        raise BadInput(f"{path}: has no results (no <device>/<driver>/<cell>.json, no <cell>.json)")
    return [results.read(file) for file in files]


def _files(folder: Path) -> Iterator[Path]:
    """Yield the results in a store or one of its device or driver folders, without its A/A runs."""
    for below in range(len(results.LAYOUT)):
        paths = [
            path
            for path in results.result_files(folder, below)
            if not {"noise", "faults", "power"} & {*path.relative_to(folder).parts}
        ]
        if paths:
            yield from paths
            return


def _of_revision(revision: str, inside: str, repository: Path, text: str) -> list[CellResult]:
    try:
        with git_archive.extracted(repository, revision, [inside]) as folder:
            return _at(folder / inside)
    except BadInput as error:
        raise BadInput(f"{text}: not a file, a folder, or a git revision with {inside}: {error}") from None
