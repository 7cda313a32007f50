"""The tables for queries: their columns, and how a result becomes rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from samcheck import files
from samcheck.guest.record import CheckResult, Fingerprint
from samcheck.measurable import step_time
from samcheck.storage.index.check_rows import OF_CHECK, SHARED, head
from samcheck.storage.index.parquet import KINDS, NUMBER, NUMBERS, TEXT, TEXTS
from samcheck.storage.results import Stored

#: `check` and `group` are SQL keywords, which would have to be quoted.
NAMES = {"check": "check_id", "group": "check_group"}
#: Shorter names in tables where a row is a cell.
PLAIN = {"cell_outcome": "outcome", "cell_reason": "reason"}
#: What was found in the environment, besides what was declared.
OBSERVED = (
    *("platform", "cpu", "gpu", "gpu_capability", "driver_cuda", "cuda_unavailable", "torch_cuda", "cudnn"),
    *("torchvision", "segment_anything"),
)
OBSERVED_NUMBERS = ("cpu_count", "memory_mib", "gpu_memory_mib")

#: The stored tables, joined by `file`.
CELLS: Mapping[str, str] = {
    "file": TEXT,
    **{PLAIN.get(name, name): TEXT for name in SHARED},
    **dict.fromkeys(OBSERVED, TEXT),
    **dict.fromkeys(OBSERVED_NUMBERS, NUMBER),
    "packages": TEXTS,
    "libraries": TEXTS,
    "made": TEXTS,
    "weights": TEXTS,
    "phases": NUMBERS,
}
CHECKS: Mapping[str, str] = {
    "file": TEXT,
    **{NAMES.get(name, name): KINDS[name] for name in OF_CHECK},
    "from_ms": NUMBER,
    "to_ms": NUMBER,
    "no_time_because": TEXT,
}

#: Descriptions of the tables for queries.
ABOUT = {
    "cells": "a row for each result: what was declared, its outcome, what was found there",
    "checks": "a row for each check of each result; how long a step takes: from_ms to to_ms, an interval",
    "metrics": "a row for each number that a check measured, without intervals",
}

#: Columns of `checks` that `metrics` does not have.
NOT_OF_NUMBERS = (
    *("cell_outcome", "cell_reason", "metrics", "settings", "details"),
    *("from_ms", "to_ms", "no_time_because"),
)


def cell(file: PurePath, stored: Stored) -> dict[str, Any]:
    """Return the row of a result in `CELLS`."""
    result, seen = stored.result, stored.result.observed
    shared = {PLAIN.get(name, name): value for name, value in head(stored).items()}
    return {
        "file": name_of(file),
        **shared,
        "device": name_of(stored.device),
        "driver": name_of(stored.driver),
        **(_observed(seen) if seen is not None else {}),
        "made": result.environment.details,
        "weights": result.weights,
        "phases": result.phases,
    }


def _observed(seen: Fingerprint) -> dict[str, Any]:
    named = {name: getattr(seen, name) for name in (*OBSERVED, *OBSERVED_NUMBERS)}
    versions = {name: library.version or "unknown" for name, library in seen.libraries.items()}
    return {**named, "packages": seen.packages, "libraries": versions}


def checks(file: PurePath, stored: Stored) -> Iterator[dict[str, Any]]:
    """Yield the rows of a result in `CHECKS`."""
    name = name_of(file)
    for check in stored.result.checks:
        fields = {NAMES.get(key, key): getattr(check, key) for key in OF_CHECK}
        yield {"file": name, **fields, **_time(check)}


def _time(check: CheckResult) -> dict[str, Any]:
    time = step_time(check)
    if time is None:
        return {}
    if time.limits is None:
        return {"no_time_because": time.because}
    return {"from_ms": time.limits[0], "to_ms": time.limits[1]}


def name_of(name: str | PurePath) -> str:
    """Return a file name as text, which it need not be."""
    return files.named(str(name))


def views(cells: str, checks: str) -> Iterator[str]:
    """Yield SQL that defines the tables for queries, and `release`, from the two stored ones."""
    yield f"CREATE VIEW cells AS FROM {cells}"
    shared = ", ".join(f"of_cell.{PLAIN.get(name, name)} AS {name}" for name in SHARED)
    own = ", ".join(f"of_check.{name}" for name in CHECKS if name != "file")
    joined = f"{checks} AS of_check JOIN {cells} AS of_cell USING (file)"
    yield f"CREATE VIEW checks AS SELECT {shared}, {own}, file FROM {joined}"
    unneeded = ", ".join(NOT_OF_NUMBERS)
    pairs = "unnest(map_keys(metrics)) AS metric, unnest(map_values(metrics)) AS value"
    yield f"CREATE VIEW metrics AS SELECT * EXCLUDE ({unneeded}), {pairs} FROM checks"
    parts = "string_split(split_part(version, '+', 1), '.')"
    yield f"CREATE MACRO release(version) AS [try_cast(part AS INTEGER) FOR part IN {parts}]"


def columns(name: str) -> list[str]:
    """Return the columns of a table for queries."""
    if name == "cells":
        return list(CELLS)
    every = [*SHARED, *(column for column in CHECKS if column != "file"), "file"]
    return (
        every
        if name == "checks"
        else [*(column for column in every if column not in NOT_OF_NUMBERS), "metric", "value"]
    )
