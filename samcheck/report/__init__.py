"""Results → what people read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samcheck import results
from samcheck.matrix import LeftOut
from samcheck.report import markdown

TABLE = "README.md"


def write(store: Path, left_out: Sequence[LeftOut] = ()) -> Path:
    """Tabulate everything under `store` into its README; returns the path of the table."""
    path = store / TABLE
    # Or a table that was begun before another run's last result would replace one with that.
    with results.locked(store):
        found, problems = results.load(store)
        results.write_atomically(path, markdown.table(found, problems, left_out).encode())
    return path
