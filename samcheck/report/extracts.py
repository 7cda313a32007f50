"""What the tables keep of each result; of thousands of results, several processes take it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

from samcheck.report import memory_table, recipes_table, table_rows
from samcheck.report.memory_table import Peaks
from samcheck.report.recipes_table import RecipeResults
from samcheck.report.table_rows import ResultEntry, TableRow
from samcheck.storage import results
from samcheck.storage.results import Stored, UnreadableFile

#: Fewer results are read by this process alone: starting others takes longer.
MANY = 500
#: Results that a process reads before it hands over what it has.
PART = 100

E = TypeVar("E", bound=ResultEntry)


class Extract(NamedTuple):
    """What the tables keep of one result."""

    row: TableRow
    recipes: list[RecipeResults]
    peaks: list[Peaks]


def of_store(store: Path, unreadable: list[UnreadableFile]) -> Iterator[Extract]:
    """Yield what is kept of each result under `store`, in a stable order.

    Args:
        unreadable: where other files are appended.
    """
    paths = results.result_files(store)
    workers = len(os.sched_getaffinity(0))
    if len(paths) < MANY or workers < 2:
        yield from map(_extract, results.read_all(paths, unreadable))
        return
    parts = [paths[start : start + PART] for start in range(0, len(paths), PART)]
    with ProcessPoolExecutor(workers, get_context("fork")) as pool:
        for found, problems in pool.map(_part, parts):
            unreadable += problems
            yield from found


def _extract(stored: Stored) -> Extract:
    return Extract(table_rows.row(stored), recipes_table.recipes(stored), memory_table.peaks(stored))


def _part(paths: Sequence[Path]) -> tuple[list[Extract], list[UnreadableFile]]:
    unreadable: list[UnreadableFile] = []
    found = [
        Extract(_sendable(each.row), [*map(_sendable, each.recipes)], [*map(_sendable, each.peaks)])
        for each in map(_extract, results.read_all(paths, unreadable))
    ]
    return found, unreadable


def _sendable(entry: E) -> E:
    """An entry whose result is a dataclass: structs cannot be sent to another process."""
    return replace(entry, result=results.whole(entry.result))
