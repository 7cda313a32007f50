"""DuckDB over an index: it answers one SELECT, and cannot open, write, load or change anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from samcheck.analysis.query import memory_limit
from samcheck.errors import BadInput
from samcheck.sanitize import visible, visible_lines
from samcheck.storage.index import parquet, tables
from samcheck.storage.index.index import ResultsIndex

T = TypeVar("T")
#: Functions that a query may select from; DuckDB's others read files or change its settings.
FUNCTIONS = ("unnest", "range", "generate_series")
#: Column names in other reports that are SQL keywords.
RESERVED = re.compile(r"\b(check|group(?!\s+by))\b", re.IGNORECASE)
#: Number of rows to fetch at once; each may contain megabytes of text.
FETCHED = 100


@dataclass(frozen=True)
class QueryResult:
    """Column names, and an iterator over rows."""

    columns: Sequence[str]
    rows: Iterator[Sequence[Any]]


class Damaged(Exception):
    """An index file is damaged."""


@contextmanager
def opened(index: ResultsIndex, memory: int) -> Iterator[Any]:
    """Open DuckDB with the tables of an index and access to nothing else.

    Args:
        index: the index to query.
        memory: DuckDB's memory limit in bytes, which does not cover everything (`memory_limit`); it does
            not spill to disk.

    Raises:
        Damaged: the index files are damaged.
    """
    duck = parquet.connected(memory_limit=f"{memory}B", temp_directory="")
    with duck:
        try:
            for statement in tables.views(parquet.scan(index.cells), parquet.scan(index.checks)):
                duck.execute(statement)
        except duck_error() as error:
            raise Damaged(str(error)) from None
        readable = ", ".join(map(parquet.literal, (*index.cells, *index.checks)))
        duck.execute(f"SET allowed_paths = [{readable}]")
        duck.execute("SET enable_external_access = false")
        duck.execute("SET lock_configuration = true")
        yield duck


def ask(duck: Any, sql: str, memory: str) -> QueryResult:
    """Return the answer to one SELECT.

    Raises:
        BadInput: the text is something else, or DuckDB cannot answer it; the message says where.
    """
    try:
        _require_question(duck, sql)
        cursor = interruptible(duck, partial(duck.execute, sql))
        columns = [column[0] for column in cursor.description]
        return QueryResult(columns, _fetched(cursor, sql, memory))
    except duck_error() as error:
        raise _explained(error, sql, memory) from None


def interruptible(duck: Any, step: Callable[[], T]) -> T:
    """Run a DuckDB step in a thread, since DuckDB may not check for Ctrl-C until it ends."""
    with ThreadPoolExecutor(1, "question") as pool:
        future = pool.submit(step)
        try:
            return future.result()
        except KeyboardInterrupt:
            duck.interrupt()
            raise


def _fetched(cursor: Any, sql: str, memory: str) -> Iterator[Sequence[Any]]:
    try:
        while rows := interruptible(cursor, partial(cursor.fetchmany, FETCHED)):
            yield from rows
    except duck_error() as error:
        raise _explained(error, sql, memory) from None


def _require_question(duck: Any, sql: str) -> None:
    """Refuse anything but one SELECT over tables, before executing it.

    Raises:
        BadInput: it is anything else.
    """
    statements = duck.extract_statements(sql)
    if [statement.type.name for statement in statements] != ["SELECT"]:
        raise BadInput(
            f"a query must be one SELECT over {', '.join(tables.ABOUT)}; this is "
            + (" and ".join(statement.type.name for statement in statements) or "empty")
        )
    (parsed,) = duck.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    strange = sorted(set(_functions(json.loads(parsed))) - set(FUNCTIONS))
    if strange:
        raise BadInput(
            f"{visible(', '.join(strange))}: a query may only use the tables {', '.join(tables.ABOUT)} "
            f"and the functions {', '.join(FUNCTIONS)}"
        )


def _functions(node: Any) -> Iterator[str]:
    """Yield the functions selected from, anywhere in a parsed statement."""
    if isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            yield str(node["function"]["function_name"])
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _functions(child)


def _explained(error: Exception, sql: str, memory: str) -> BadInput:
    import duckdb

    if isinstance(error, duckdb.OutOfMemoryException):
        return memory_limit.exceeded(memory)
    message = visible_lines(str(error))
    if isinstance(error, duckdb.ParserException) and RESERVED.search(sql):
        message += "\n\n`check` and `group` are SQL keywords: the columns are check_id and check_group"
    return BadInput(message)


def duck_error() -> type[Exception]:
    """Return DuckDB's base exception; DuckDB must be installed."""
    import duckdb

    error: type[Exception] = duckdb.Error
    return error
