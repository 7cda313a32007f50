"""Results as CSV, one row for each check; no spreadsheet takes a cell of it for a formula."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import IO

from samcheck.guest.record import CheckResult
from samcheck.sanitize import visible, visible_lines
from samcheck.storage.index.check_rows import COLUMNS, OF_CHECK, Value, head
from samcheck.storage.results import Stored, UnreadableFile

#: What spreadsheets take for the beginning of a formula, in ASCII and full width:
#: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
#: Spreadsheets hold 32,767 characters in a cell; what is added to a longer text fits beside these.
LONGEST = 32_000
_SPECIAL = re.compile('[",\\r\\n]')
_DICT = json.JSONEncoder(ensure_ascii=False)


def write(results: Iterable[Stored], unreadable: Sequence[UnreadableFile], stream: IO[bytes]) -> None:
    """CSV in UTF-8 with a row of names; dicts are JSON; the beginning of what is longer than a cell."""
    stream.write(_lines([",".join(COLUMNS)]))
    for stored in results:
        start = ",".join(map(_cell, head(stored).values()))
        checks = stored.result.checks
        stream.write(_lines(f"{start},{_fields(check)}" for check in checks))
        if not checks:
            stream.write(_lines([start + "," * len(OF_CHECK)]))


def _lines(lines: Iterable[str]) -> bytes:
    return "".join([f"{line}\n" for line in lines]).encode()


def _fields(check: CheckResult) -> str:
    """In the order of `OF_CHECK`."""
    cells = (
        _cell(check.check),
        _cell(check.group),
        _cell(check.variant or ""),
        _cell(check.precision or ""),
        _cell(check.backend or ""),
        _cell(check.outcome),
        _cell(check.defect or ""),
        _cell(check.reason),
        _cell(check.evidence),
        str(check.seconds),
        str(check.disturbed),
        _quoted(visible(_DICT.encode(check.metrics), LONGEST)) if check.metrics else "",
        _settings(tuple(check.settings.items())) if check.settings else "",
        _quoted(visible_lines(check.details, LONGEST)) if check.details else "",
    )
    return ",".join(cells)


@lru_cache(maxsize=8192)  # the checks of thousands of results have the same names, reasons and settings
def _cell(text: str) -> str:
    return _quoted(visible(text, LONGEST))


@lru_cache(maxsize=8192)
def _settings(items: tuple[tuple[str, str], ...]) -> str:
    return _quoted(visible(_DICT.encode(dict(items)), LONGEST))


def _quoted(plain: str) -> str:
    """As RFC 4180 has it; the csv module takes twice the time of everything else here."""
    text = _no_formula(plain)
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


def field(name: str, value: Value) -> str:
    """`value` as the content of a cell, for those who write CSV by the csv module."""
    if not value and not isinstance(value, int | float):
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = _DICT.encode(value) if isinstance(value, dict) else value
    return _no_formula(visible_lines(text, LONGEST) if name == "details" else visible(text, LONGEST))


def _no_formula(plain: str) -> str:
    """An apostrophe makes text of what looks like a formula."""
    return f"'{plain}" if plain.lstrip().startswith(FORMULA) else plain
