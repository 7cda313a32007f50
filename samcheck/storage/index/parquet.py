"""Results as typed Parquet, one row for each check.

Written by DuckDB, which `samcheck query` needs too. Rows are passed to it as lines of JSON with explicit
types: otherwise it accepts rows with maps only through pyarrow, which is more than twice as large as DuckDB.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

from pydantic_core import to_json

from samcheck import owned
from samcheck.errors import BadInput
from samcheck.storage.index.check_rows import COLUMNS, Value, rows
from samcheck.storage.results import Stored, UnreadableFile

#: Number of rows to write at once.
BATCH = 20_000
TEXT, NUMBER, COUNT = "VARCHAR", "DOUBLE", "BIGINT"
TEXTS, NUMBERS = f"MAP({TEXT}, {TEXT})", f"MAP({TEXT}, {NUMBER})"
KINDS = dict.fromkeys(COLUMNS, TEXT) | {
    "seconds": NUMBER,
    "disturbed": COUNT,
    "metrics": NUMBERS,
    "settings": TEXTS,
}
#: Prefix of the folders that a killed export leaves.
TEMPORARY = "samcheck-export-"
#: DuckDB's default limit for one JSON row; it is raised for longer rows.
LONGEST = 16 * 2**20
#: No user settings, no network access, no Python variables as tables.
ALONE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": "1GiB",
}


def write(stored: Iterable[Stored], unreadable: Sequence[UnreadableFile], stream: IO[bytes]) -> None:
    """Write Parquet; `metrics` and `settings` are maps.

    Raises:
        BadInput: DuckDB is not installed.
    """
    with connected() as duck, tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder:
        owned.mark(Path(folder))
        parts: list[Path] = []
        for batch in _batches(chain.from_iterable(map(rows, stored))):
            parts.append(Path(folder) / f"{len(parts)}.parquet")
            write_rows(duck, batch, KINDS, parts[-1])
        if not parts:
            parts.append(Path(folder) / "none.parquet")
            write_rows(duck, (), KINDS, parts[0])
        whole = Path(folder) / "whole.parquet"
        copy(duck, f"FROM {scan(parts)}", whole)
        with whole.open("rb") as written:
            shutil.copyfileobj(written, stream)


def _batches(rows: Iterator[dict[str, Value]]) -> Iterator[list[dict[str, Value]]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def connected(**settings: str) -> Any:
    """Open an isolated in-memory DuckDB with extra `settings`.

    Raises:
        BadInput: DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError:
        raise BadInput(
            "this needs DuckDB: install samcheck's extra, `pip install -e '.[query]'`, or export csv"
        ) from None
    return duckdb.connect(":memory:", config={**ALONE, **settings})


def write_rows(duck: Any, rows: Iterable[Mapping[str, Any]], kinds: Mapping[str, str], path: Path) -> None:
    """Write rows with the columns `kinds` to a Parquet file; it is on the disk when this returns."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".ndjson") as lines:
        longest = 0
        for row in rows:
            longest = max(longest, lines.write(to_json(row, inf_nan_mode="constants") + b"\n"))
        lines.flush()
        columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in kinds.items())
        options = (
            f"columns={{{columns}}}, format='newline_delimited', maximum_object_size={longest + LONGEST}"
        )
        copy(duck, f"FROM read_json({literal(lines.name)}, {options})", path)


def copy(duck: Any, query: str, path: Path) -> None:
    """Write a query's result to a Parquet file; it is on the disk when this returns.

    Raises:
        OSError: with `path`: it cannot be written, or what the query reads is damaged.
    """
    from duckdb import Error

    try:
        duck.execute(f"COPY ({query}) TO {literal(path)} (FORMAT parquet, COMPRESSION zstd)")
    except Error as error:
        raise OSError(errno.EIO, str(error).partition("\n")[0], str(path)) from None
    with path.open("rb") as written:
        os.fsync(written)


def scan(paths: Sequence[Path]) -> str:
    """Return SQL that reads all of the files as one table."""
    return f"read_parquet([{', '.join(map(literal, paths))}])"


def literal(text: str | Path) -> str:
    """Return a text as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"
