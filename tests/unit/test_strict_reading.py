"""Results are read strictly: no field that is not known, none missing, none of another kind."""

from __future__ import annotations

import dataclasses
import gc
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from samcheck import codec
from samcheck.guest.record import CellResult
from samcheck.report import exports, memory_table, page_data, recipes_table, table_rows
from samcheck.storage import results
from samcheck.storage.results import Stored
from tests.unit import hostile

DECODER = codec.RecordDecoder(CellResult)
#: With one check, which has everything that a check may have.
WHOLE = hostile.planted(
    "x", dataclasses.replace(hostile.RESULT, checks=[check for check in hostile.CHECKS if check.series])
)
CONTENT = json.loads(results.to_json(WHOLE))
#: Values that no field of a record takes, beside ``true`` where it is none: lists are of records or text.
WRONG: tuple[object, ...] = ([[]], {"x": [[]]})


def steps(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """The way to everything in `value`; of lists, to the last one in it."""
    yield path
    for name, part in inside(value):
        yield from steps(part, *path, name)


def inside(value: Any) -> Iterator[tuple[str | int, Any]]:
    if dataclasses.is_dataclass(value):
        yield from vars(value).items()
    if isinstance(value, dict):
        yield from value.items()
    if isinstance(value, list) and value:
        yield len(value) - 1, value[-1]


def records(value: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """The way to every dataclass in `value`."""
    if dataclasses.is_dataclass(value):
        yield path
    for name, part in inside(value):
        yield from records(part, *path, name)


def changed(path: tuple[str | int, ...], change: Any) -> bytes:
    """The content with what `change` makes of the object or list that holds the end of `path`."""
    copy = json.loads(json.dumps(CONTENT))
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    change(holder, path[-1])
    return json.dumps(copy).encode()


PATHS = [path for path in steps(CONTENT) if path]
each_path = pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)))


def test_every_record_is_looked_at() -> None:
    assert {path[0] for path in PATHS} == {field.name for field in dataclasses.fields(CellResult)}
    assert ("checks", 0, "series", 0, "samples", "x", 0) in PATHS
    kinds = "the result, its cell, environment, fingerprint, two libraries, check and series"
    assert len(list(records(WHOLE))) == 8, kinds


@each_path
def test_no_field_takes_another_kind(path: tuple[str | int, ...]) -> None:
    for wrong in (*WRONG, *([] if path in (("stopped",), ("cell", "own")) else [True])):
        content = changed(path, lambda holder, last, wrong=wrong: holder.__setitem__(last, wrong))
        with pytest.raises(ValueError, match=r"Expected|Object contains"):
            DECODER.read(content)


@pytest.mark.parametrize("path", list(records(WHOLE)), ids=lambda path: ".".join(map(str, path)))
def test_no_record_takes_a_field_that_is_not_known(path: tuple[str | int, ...]) -> None:
    copy = json.loads(json.dumps(CONTENT))
    holder = copy
    for step in path:
        holder = holder[step]
    holder["unheard-of"] = ""
    with pytest.raises(ValueError, match="unknown field `unheard-of`") as raised:
        DECODER.read(json.dumps(copy).encode())
    named = str(raised.value).partition(": ")[0]
    # A key of a mapping is written as [...].
    assert all(str(step) in named or "[...]" in named for step in path) or (named, path) == ("the file", ())


@pytest.mark.parametrize(
    "content",
    [
        json.dumps({**CONTENT, "phases": {"run": float("nan")}}).encode(),
        json.dumps({**CONTENT, "phases": {"run": float("inf")}}).encode(),
        json.dumps({**CONTENT, "reason": "\ud800"}).encode(),
        json.dumps({**CONTENT, "reason": "@"}).encode().replace(b"@", b"\xff"),
        json.dumps(CONTENT).encode()[:-1],
        json.dumps(CONTENT).encode() + b"x",
        b"[" * 100_000,
        b'{"schema_version":' * 100_000,
    ],
    ids=["nan", "infinity", "half a character", "not utf-8", "torn", "more behind it", "deep", "deeper"],
)
def test_what_is_no_json_is_said(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^(the file|schema_version): "):
        DECODER.read(content)


def test_a_struct_is_the_dataclass_field_by_field() -> None:
    read = DECODER.read(results.to_json(WHOLE))
    assert DECODER.whole(read) == WHOLE
    assert codec.to_json(read) == codec.to_json(WHOLE)
    assert list(codec.as_dict(read)) == list(codec.as_dict(WHOLE))
    assert DECODER.whole(codec.replace(read, tier="other")) == dataclasses.replace(WHOLE, tier="other")


def test_the_collector_rests_while_results_are_read_and_not_longer(tmp_path: Path) -> None:
    results.store(tmp_path, hostile.RESULT, "machine")
    stream = results.stream(tmp_path, [])
    assert gc.isenabled()
    next(stream)
    assert not gc.isenabled()
    del stream
    assert gc.isenabled()
    assert len(list(results.stream(tmp_path, []))) == 1
    assert gc.isenabled()


@pytest.mark.parametrize("name", sorted(exports.FORMATS))
def test_exports_take_what_was_read_in_either_way(name: str, tmp_path: Path) -> None:
    """What was read as structs is written as what was read whole."""
    results.store(tmp_path, hostile.RESULT, "machine")
    written = []
    for stored in (results.stream(tmp_path, []), iter(results.load(tmp_path)[0])):
        stream = io.BytesIO()
        exports.FORMATS[name](stored, [], stream)
        written.append(stream.getvalue())
    assert written[0] == written[1]


def test_tables_and_page_take_either(tmp_path: Path) -> None:
    results.store(tmp_path, hostile.RESULT, "machine")
    (read,), ((whole,), _) = list(results.stream(tmp_path, [])), results.load(tmp_path)
    for make in (page, row, memory_table.peaks, recipes_table.recipes):
        assert repr(make(read)) == repr(make(whole)), make


def row(stored: Stored) -> Any:
    made = table_rows.row(stored)
    return made.groups, made.precisions, made.counts, made.known


def page(stored: Stored) -> Any:
    return page_data.pack([stored], {}).blocks
