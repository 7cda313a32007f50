"""One JSON document with everything that the result files say, and the JSON Schema of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from pydantic import ConfigDict, TypeAdapter

import samcheck
from samcheck import codec
from samcheck.guest import record
from samcheck.guest.record import CellResult
from samcheck.storage.results import OLDEST_SCHEMA, Stored, UnreadableFile


@dataclass(frozen=True)
class Document:
    """What ``samcheck export --format json`` writes.

    Attributes:
        samcheck: the version that wrote it.
        schema_version: of the results in it; those of older files are brought to it.
        results: in the order of their paths, with the folders that they were found in.
        problems: a sentence for each file that is no result.
    """

    samcheck: str
    schema_version: int
    results: list[Stored]
    problems: list[str]


for _shape in (
    record.Series,
    record.CheckResult,
    record.Fingerprint,
    record.CellRecord,
    record.EnvironmentRecord,
    CellResult,
    Stored,
    Document,
):
    # The guest's dataclasses know nothing of pydantic, which makes the schema.
    _shape.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[union-attr]

#: What has a published schema: the whole document, and one file of ``results/``.
SHAPES: dict[str, TypeAdapter[Any]] = {"export": TypeAdapter(Document), "result": TypeAdapter(CellResult)}


def write(results: Iterable[Stored], unreadable: Sequence[UnreadableFile], stream: IO[bytes]) -> None:
    """A `Document`, one result on each line."""
    head = f'{{"samcheck": "{samcheck.__version__}", "schema_version": {record.SCHEMA_VERSION}, "results": ['
    stream.write(head.encode())
    for number, stored in enumerate(results):
        stream.write(b",\n" if number else b"\n")
        entry = {"device": stored.device, "driver": stored.driver, "result": stored.result}
        stream.write(codec.to_json(entry))
    stream.write(b'\n], "problems": ' + codec.to_json([*map(str, unreadable)]) + b"}\n")


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one of `SHAPES`, made from the dataclasses that are read and written."""
    document = SHAPES[name].json_schema(mode="serialization")
    cell = document if name == "result" else document["$defs"]["CellResult"]
    oldest = OLDEST_SCHEMA if name == "result" else record.SCHEMA_VERSION
    cell["properties"]["schema_version"]["enum"] = list(range(oldest, record.SCHEMA_VERSION + 1))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:samcheck:{name}:{record.SCHEMA_VERSION}",
        **document,
    }
