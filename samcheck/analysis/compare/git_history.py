"""Earlier results of the same cells, from the git history of a results folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from samcheck.analysis.compare import git_archive
from samcheck.errors import BadInput
from samcheck.guest.record import CellResult
from samcheck.storage import results


def versions(store: Path, limit: int) -> list[CellResult]:
    """Return every result changed by the last `limit` commits to `store`, and those there now.

    Each result is returned once, however many commits contain it.

    Raises:
        BadInput: `store` is not in a git repository.
    """
    results_by_run = {_run_key(result.result): result.result for result in results.load(store)[0]}
    log = git_archive.run(store, "log", f"--max-count={limit}", "--format=%H", "--", ".")
    for revision in log.decode().split():
        for result in _changed_in(store, revision):
            results_by_run.setdefault(_run_key(result), result)
    return list(results_by_run.values())


def _run_key(result: CellResult) -> tuple[str, ...]:
    return (results.device_of(result, ""), result.name, result.started)


def _changed_in(store: Path, revision: str) -> Iterator[CellResult]:
    """Yield the results that a commit changed; skip other files and schemas that are no longer supported."""
    options = ("--root", "--no-commit-id", "-r", "-z", "--diff-filter=AM", "--name-only", "--relative")
    listed = git_archive.run(store, "diff-tree", *options, revision, "--", ".")
    names = list(filter(results.may_be_result, os.fsdecode(listed).split("\0")))
    if not names:
        return
    with git_archive.extracted(store, revision, names) as folder:
        for name in names:
            with suppress(BadInput):
                yield results.read(folder / name)
