"""A result that somebody else has written: it is refused in one line, or stored again and shown as it is."""

from __future__ import annotations

import json
from io import BytesIO

from samcheck import facts
from samcheck.analysis import contradictions
from samcheck.analysis.compare import compare
from samcheck.errors import BadInput
from samcheck.report import exports, markdown, memory_table, recipes_table, table_rows
from samcheck.storage import results
from tests.fuzz import require
from tests.fuzz.mutating import changed_json
from tests.unit import hostile, made

_GOOD = results.to_json(hostile.RESULT)
_BASE = hostile.RESULT
_SMALL = results.to_json(made.RESULT)

SEEDS = [
    _GOOD,
    _SMALL,
    results.to_json(hostile.planted("<x> | \x1b[2J\n../../x")),
    b"",
    b"{}",
    b"null",
    b"[" * 100_000,
    b'{"schema_version":' * 10_000,
    b'{"schema_version":' + b"1" * 5000 + b"}",
    b'{"schema_version": 1e999}',
    b'{"schema_version": -1}',
    _SMALL.replace(b'"memory_mib": 24000', b'"memory_mib": 1' + b"0" * 400),
    _GOOD.replace(b'"seconds": 0.0', b'"seconds": 1' + b"0" * 400),
    _GOOD.replace(b'"seconds": 0.0', b'"seconds": NaN'),
    _GOOD.replace(b'"seconds": 0.0', b'"seconds": "nan"'),
    _GOOD.replace(b'"outcome": "passed"', b'"outcome": "green"'),
    _GOOD.replace(b'"2.4.1', b'"../../x'),
    _GOOD.replace(b'"fp16"', b'"\\ud800"'),
    _GOOD.replace(b'"median_ms": 12.34', b'"median_ms": -1e308'),
    _GOOD.replace(b'"encode_allocated_mib": 10.0', b'"encode_allocated_mib": 0.0'),
    _GOOD.replace(b'"encode_held_mib": 10.0', b'"encode_plain_mib": 0.0'),
    _SMALL.replace(b'"torch": "2.4.1"', b'"torch": "' + b"9" * 5000 + b'"'),
    _SMALL.replace(b'"numpy": ""', b'"numpy": "../../x"'),
    _SMALL.replace(b'"tier"', b'"\\u001b[2J\\n' + b"x" * 5000 + b'"'),
    _SMALL.replace(b"}", b""),
    b"\xff\xfe" + _SMALL,
    json.dumps(json.loads(_SMALL)).encode("utf-16"),
]
mutate = changed_json


def take(content: bytes) -> None:
    """Read a result; store it again, and make the tables of it."""
    try:
        result = results.parsed(content, "x.json")
    except BadInput as refused:
        said = str(refused)
        require("\n" not in said and len(said) < 1000, said)
        return
    stored = results.to_json(result)
    require(results.to_json(results.parsed(stored, "x.json")) == stored, "stored again, it is another")
    row, known = results.Stored("device", "none", result), facts.load()
    text = markdown.document([table_rows.row(row)], [], [], known)
    require(all(sign.isprintable() or sign == "\n" for sign in text), "the table can steer a terminal")
    recipes_table.document(recipes_table.recipes(row), known)
    memory_table.document(memory_table.peaks(row))
    for name, write in exports.FORMATS.items():
        if name != "parquet":  # which is DuckDB's
            write([row], [], BytesIO())
    contradictions.contradictions(known, [row])
    compare([_BASE], [result], lambda _: {})
