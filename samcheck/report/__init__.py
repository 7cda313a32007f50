"""Results → what people read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from samcheck import codec, facts, files
from samcheck.errors import BadInput
from samcheck.matrix import LeftOut
from samcheck.report import extracts, markdown, memory_table, recipes_table, table_rows
from samcheck.storage.left_out_cells import LEFT_OUT, note_left_out, noted
from samcheck.storage.results import UnreadableFile

TABLE, RECIPES, MEMORY = "README.md", "recipes.md", "memory.md"
#: Stands in each of the three; a file without it is somebody else's.
MADE = "Written by `samcheck table`; do not edit."
#: Lines of a difference that are shown.
SHOWN = 20


def require_own(store: Path) -> None:
    """Find out whether the tables can be written without taking somebody's own files away.

    Raises:
        BadInput: what lies in the place of one was not made by samcheck.
    """
    for path in (store / name for name in (TABLE, RECIPES, MEMORY)):
        try:
            own = MADE in files.read(path).decode(errors="replace")
        except files.Missing:
            continue
        if not own:
            raise BadInput(
                f"{path} is in the way of a table, and not made by samcheck: move it away, or name another "
                "folder with --results"
            )


def write(store: Path, left_out: Sequence[LeftOut] | None = None) -> Path:
    """Tabulate everything under `store`, recipes and memory apart; returns the path of the main table.

    Args:
        store: the folder of results.
        left_out: by the run that has just ended, which replaces what is noted of the one before; None to
            keep that.

    Raises:
        BadInput: what lies in the place of a table was not made by samcheck.
    """
    require_own(store)
    # Or a table that was begun before another run's last result would replace one with that.
    with files.locked(store):
        if left_out is not None:
            note_left_out(store / LEFT_OUT, left_out)
        for name, text in documents(store).items():
            if text:
                files.write_atomically(store / name, text.encode())
            else:
                (store / name).unlink(missing_ok=True)
    return store / TABLE


def documents(store: Path) -> dict[str, str]:
    """What belongs into each file beside the results; an empty text where there should be none."""
    with codec.uncollected():
        return _documents(store)


def _documents(store: Path) -> dict[str, str]:
    unreadable: list[UnreadableFile] = []
    rows: list[table_rows.TableRow] = []
    recipes: list[recipes_table.RecipeResults] = []
    peaks: list[memory_table.Peaks] = []
    for extract in extracts.of_store(store, unreadable):  # of results little is kept: there may be thousands
        rows.append(extract.row)
        recipes += extract.recipes
        peaks += extract.peaks
    left_out, torn = noted(store / LEFT_OUT)
    known = facts.load()
    return {
        TABLE: markdown.document(rows, [*map(str, unreadable), *torn], left_out, known, _defects_page(store)),
        RECIPES: recipes_table.document(recipes, known),
        MEMORY: memory_table.document(peaks),
    }


def _defects_page(store: Path) -> str:
    """Where the table finds the page of known defects, which only the checkout has beside its results."""
    page = Path("..", "docs", "reference", "defects.md")
    return page.as_posix() if (store / page).is_file() else ""


def stale(store: Path) -> list[str]:
    """How the files on the disk differ from what `write` would make of them; nothing if they do not."""
    return [line for name, text in documents(store).items() for line in _difference(store / name, text)]


def _difference(path: Path, wanted: str) -> Iterator[str]:
    try:
        there = files.read(path).decode(errors="replace")
    except files.Missing:
        there = ""
    if there == wanted:
        return
    names = (str(path), "as it should be")
    lines = difflib.unified_diff(there.splitlines(), wanted.splitlines(), *names, n=0, lineterm="")
    yield from islice(lines, SHOWN)
    more = sum(1 for _ in lines)
    if more:
        yield f"… and {more} lines more"
