"""A query's answer as a table, JSON or CSV. Its content comes from results and is untrusted text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from itertools import islice
from typing import IO, Any

from pydantic_core import to_jsonable_python
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from samcheck.analysis.query.database import QueryResult
from samcheck.errors import BadInput
from samcheck.report.exports import csv_rows
from samcheck.sanitize import visible
from samcheck.storage.index.check_rows import Value
from samcheck.units import counted

#: Maximum number of characters of a value to show in a terminal.
SHOWN = 300
_NUMBER = (int, float, type(None))


def table(answer: QueryResult, most: int) -> Group:
    """Return a table of at most `most` rows for a terminal, and a line that counts them."""
    rows: list[list[str]] = []
    numbers = [True] * len(answer.columns)
    for values in islice(answer.rows, most):  # keeps only what is shown
        numbers = [
            so_far and isinstance(value, _NUMBER) for so_far, value in zip(numbers, values, strict=True)
        ]
        rows.append([visible(_text(value), SHOWN) for value in values])
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name, right in zip(answer.columns, numbers, strict=True):
        shown.add_column(Text(visible(name, SHOWN)), justify="right" if right else "left", overflow="fold")
    for texts in rows:
        shown.add_row(*map(Text, texts))
    more = sum(1 for _ in answer.rows)
    summary = counted(len(rows), "row")
    if more:
        summary = (
            f"the first {len(rows)} of {len(rows) + more} rows; --rows shows more, --csv and --json print all"
        )
    return Group(shown, Text(summary, style="dim"))


def write_json(answer: QueryResult, stream: IO[bytes]) -> None:
    """Write a list with an object for each row, one per line, in ASCII.

    Raises:
        BadInput: two columns have the same name.
    """
    twice = sorted({name for name in answer.columns if list(answer.columns).count(name) > 1})
    if twice:
        raise BadInput(f"several columns are called {visible(', '.join(twice))}: rename them with AS")
    stream.write(b"[")
    for number, values in enumerate(answer.rows):
        named = dict(zip(answer.columns, _plain(values), strict=True))
        stream.write((",\n" if number else "\n").encode() + json.dumps(named, allow_nan=False).encode())
    stream.write(b"\n]\n")


def write_csv(answer: QueryResult, stream: IO[bytes]) -> None:
    """Write CSV in UTF-8 with a header row; no spreadsheet takes a value for a formula."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([csv_rows.field("", name) for name in answer.columns])
    for values in answer.rows:
        named = zip(answer.columns, values, strict=True)
        writer.writerow([csv_rows.field(name, _field(value)) for name, value in named])
    text.detach()


def _plain(values: Sequence[Any]) -> list[Any]:
    """Return values as JSON types, without NaN."""
    plain: list[Any] = to_jsonable_python(values, fallback=str, bytes_mode="base64", inf_nan_mode="null")
    return plain


def _field(value: Any) -> Value:
    return value if value is None or isinstance(value, (str, float)) else _text(value)


def _text(value: Any) -> str:
    """Return a value as readable text."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(to_jsonable_python(value, fallback=str, bytes_mode="base64"), ensure_ascii=False)
    return str(value)
