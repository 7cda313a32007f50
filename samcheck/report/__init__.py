"""Results → what people read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samcheck import facts, results
from samcheck.matrix import LeftOut
from samcheck.report import markdown, memory, recipes

TABLE, RECIPES, MEMORY = "README.md", "recipes.md", "memory.md"


def write(store: Path, left_out: Sequence[LeftOut] = ()) -> Path:
    """Tabulate everything under `store`, recipes and memory apart; returns the path of the main table."""
    path = store / TABLE
    # Or a table that was begun before another run's last result would replace one with that.
    with results.locked(store):
        found, problems = results.load(store)
        results.write_atomically(path, markdown.table(found, problems, left_out).encode())
        beside = {RECIPES: recipes.document(found, facts.load()), MEMORY: memory.document(found)}
        for name, text in beside.items():
            if text:
                results.write_atomically(store / name, text.encode())
    return path
