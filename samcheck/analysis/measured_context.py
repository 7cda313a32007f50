"""The size of CUDA's context that the suite measured on a GPU, from stored results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from samcheck.facts import Facts
from samcheck.storage import results

#: The metric of the check that measures it.
METRIC = "context_mib"


class MeasuredContext(NamedTuple):
    """The largest that was measured, in bytes, and in which cell."""

    size: int
    cell: str


def on(gpu: str, stores: Iterable[Path], facts: Facts) -> MeasuredContext | None:
    """Return what was measured on GPUs of this name; None if nothing was.

    Only the folders of these GPUs are read; what is no result there says nothing.
    """
    wanted = facts.gpu(gpu)
    if wanted is None:
        return None
    found = [
        MeasuredContext(int(check.metrics[METRIC] * 2**20), stored.result.cell.id)
        for store in stores
        for folder in store.glob("*")
        if facts.gpu(folder.name) == wanted
        for stored in results.read_all(results.result_files(folder, below=1), [])
        for check in stored.result.checks
        if METRIC in check.metrics
    ]
    return max(found, default=None)
