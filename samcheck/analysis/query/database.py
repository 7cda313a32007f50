"""DuckDB over an index: it answers one SELECT, and can open, write, load and change nothing."""

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
#: Functions that a question may select from; the others of DuckDB read files, or change how it works.
FUNCTIONS = ("unnest", "range", "generate_series")
#: Columns of other reports that SQL has another use for.
RESERVED = re.compile(r"\b(check|group(?!\s+by))\b", re.IGNORECASE)
#: Rows that are fetched at once; each may have texts of megabytes.
FETCHED = 100


@dataclass(frozen=True)
class QueryResult:
    """Names of columns, and rows one at a time."""

    columns: Sequence[str]
    rows: Iterator[Sequence[Any]]


class Damaged(Exception):
    """A file of the index is not what was written there."""


@contextmanager
def opened(index: ResultsIndex, memory: int) -> Iterator[Any]:
    """DuckDB with the tables of an index, and with nothing else within its reach.

    Args:
        index: what to ask about.
        memory: bytes that DuckDB may take of what it counts, which is not all (`memory_limit`);
            nothing goes to the disk instead.

    Raises:
        Damaged: the files of the index are not what they should be.
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
    """The answer to one SELECT.

    Raises:
        BadInput: the text is something else, or DuckDB cannot answer it; where, is said.
    """
    try:
        _require_question(duck, sql)
        cursor = interruptible(duck, partial(duck.execute, sql))
        columns = [column[0] for column in cursor.description]
        return QueryResult(columns, _fetched(cursor, sql, memory))
    except duck_error() as error:
        raise _explained(error, sql, memory) from None


def interruptible(duck: Any, step: Callable[[], T]) -> T:
    """What a step of DuckDB gives; in a thread, since DuckDB may not look for Ctrl-C until it ends."""
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
    """Refuse what is not one SELECT over tables, before anything of it is done.

    Raises:
        BadInput: it is more than that.
    """
    statements = duck.extract_statements(sql)
    if [statement.type.name for statement in statements] != ["SELECT"]:
        raise BadInput(
            f"a question is one SELECT over {', '.join(tables.ABOUT)}, and changes nothing: this is "
            + (" and ".join(statement.type.name for statement in statements) or "none")
        )
    (parsed,) = duck.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    strange = sorted(set(_functions(json.loads(parsed))) - set(FUNCTIONS))
    if strange:
        raise BadInput(
            f"{visible(', '.join(strange))}: a question selects from {', '.join(tables.ABOUT)}, "
            f"and of functions from {', '.join(FUNCTIONS)} only"
        )


def _functions(node: Any) -> Iterator[str]:
    """The functions that are selected from, anywhere in a parsed statement."""
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
        message += "\n\n`check` and `group` are words of SQL: the columns are check_id and check_group"
    return BadInput(message)


def duck_error() -> type[Exception]:
    """What DuckDB raises, where it is installed at all."""
    import duckdb

    error: type[Exception] = duckdb.Error
    return error
