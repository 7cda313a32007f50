"""Results as CSV, one row for each check; no spreadsheet takes a cell of it for a formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import IO

from samcheck.report.exports.rows import COLUMNS, Value, rows
from samcheck.report.plain import visible, visible_lines
from samcheck.results import Stored

#: What spreadsheets take for the beginning of a formula, in ASCII and full width:
#: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
#: Spreadsheets hold 32,767 characters in a cell; what is added to a longer text fits beside these.
LONGEST = 32_000
_DICT = json.JSONEncoder(ensure_ascii=False)


def write(found: Iterable[Stored], problems: list[str], stream: IO[bytes]) -> None:
    """CSV in UTF-8 with a row of names; dicts are JSON; the beginning of what is longer than a cell."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in found:
        for row in rows(each):
            writer.writerow([field(name, row[name]) for name in COLUMNS])
    text.detach()


def field(name: str, value: Value) -> str:
    """`value` as the content of a cell; an apostrophe makes text of what looks like a formula."""
    if value is None or value == {}:
        return ""
    if isinstance(value, float):
        return str(value)
    text = _DICT.encode(value) if isinstance(value, dict) else value
    return _details(text) if name == "details" else _text(text)


@lru_cache(maxsize=4096)  # the fields of a cell stand in the rows of all its checks
def _text(text: str) -> str:
    return _no_formula(visible(text, LONGEST))


def _details(text: str) -> str:
    return _no_formula(visible_lines(text, LONGEST))


def _no_formula(plain: str) -> str:
    return f"'{plain}" if plain.lstrip().startswith(FORMULA) else plain
