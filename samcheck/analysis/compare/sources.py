"""Sources of results to compare: a folder, a file, a cell's id or name, or a git revision."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from samcheck.analysis.compare import git_archive
from samcheck.environments.own.declaration import DIGEST_LENGTH
from samcheck.errors import BadInput
from samcheck.guest.record import CellResult
from samcheck.storage import results


def read(text: str, default: Path) -> list[CellResult]:
    """Return every result at `text`: a path, a cell's id in `default`, ``REVISION`` or ``REVISION:PATH``.

    The name of an environment of the user's own stands for its newest id.

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
    stored = list(results.result_files(default))
    of_cell = [file for file in stored if file.stem == (_newest_id(text, stored) or text)]
    if len(of_cell) > 1:
        named = ", ".join(map(str, of_cell))
        raise BadInput(f"{text}: {len(of_cell)} machines have results of this cell: name one of {named}")
    if of_cell:
        return _at(of_cell[0])
    revision, _, inside = text.partition(":")
    return _of_revision(revision, inside or default.name, default.parent, text)


def _newest_id(name: str, stored: Iterable[Path]) -> str:
    """Return the id of the newest result of the own environment called `name`; empty if there is none."""
    length = len(name) + 1 + DIGEST_LENGTH
    alike = (path for path in stored if path.stem.startswith(f"{name}-") and len(path.stem) == length)
    own = [result for path in alike if (result := results.read(path)).cell.own]
    return max(own, key=lambda result: result.finished).cell.id if own else ""


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
