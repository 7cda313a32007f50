"""Results → the blocks of data that the HTML page holds, each thing in them once.

Blocks, a line per result in the same order and a last line with the tables that their numbers mean:
    index       what is filtered, sorted and counted; the only one that is read when the page opens
    evidence    tracebacks, settings, environments
    numbers     seconds and metrics of every check
    samples     raw samples of benchmarks, as quantiles
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samcheck.guest.record import CellResult, CheckResult, Series
from samcheck.report.blocks import Block, Table, number
from samcheck.results import Stored

#: A page larger than this opens slowly and cannot be sent by mail; blocks are then left out, in this order.
LARGEST_BYTES = 15_000_000
#: In this order; `samcheck.guest.pictures` makes them.
PICTURES = ("input", "reference", "result", "difference")
#: 128 x 128 pixels without any compression, in base64.
LARGEST_PICTURE = 128 * 128 * 3 * 4 // 3 + 1000
BASE64 = re.compile("[A-Za-z0-9+/]+={0,2}")
#: How the signature of PNG begins in base64.
PNG = "iVBORw0KGgo"
EXPENDABLE = ("samples", "numbers", "evidence")
#: What is kept of the samples of one process: enough for the shape of their distribution.
QUANTILES = 25

CELL_FIELDS = (
    "id", "device", "driver", "torch", "cuda", "python", "numpy", "sam", "outcome", "reason", "kind", "tier",
    "samcheck", "started", "finished", "tags", "only", "groups", "weights", "layout", "whys",
)  # fmt: skip
Text = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Packed:
    """Blocks by name, and the names of those that were left out."""

    blocks: Mapping[str, str]
    left_out: tuple[str, ...]
    results: int
    checks: int


class Packer:
    """Takes results one by one, so that they need not be in memory together."""

    def __init__(self) -> None:
        self._blocks = {name: Block() for name in ("index", *reversed(EXPENDABLE))}
        self._definitions: Table[tuple[str, ...]] = Table()
        self._layouts: Table[tuple[int, ...]] = Table()
        self._whys: Table[tuple[str, str, str]] = Table(("passed", "", ""))
        self._settings: Table[Text] = Table(())
        self._details: Table[str] = Table("")
        self._packages: Table[tuple[str, str]] = Table()
        self._shapes: Table[tuple[str, ...]] = Table(())
        self._results = self._checks = 0

    def add(self, stored: Stored) -> None:
        checks = sorted(stored.result.checks, key=lambda check: (check.group, check.check))
        self._blocks["index"].add(self._index(stored, checks))
        self._blocks["evidence"].add(self._evidence(stored.result, checks))
        self._blocks["numbers"].add(self._numbers(checks))
        self._blocks["samples"].add(
            {at: each for at, check in enumerate(checks) if (each := _samples(check))}
        )
        self._results += 1
        self._checks += len(checks)

    def close(self, meta: Mapping[str, Any], room: int = LARGEST_BYTES) -> Packed:
        """The blocks, so many of them as `room` bytes hold; `meta` goes into the index as it is."""
        self._blocks["evidence"].add(
            {
                "settings": [dict(each) for each in self._settings.items],
                "details": self._details.items,
                "packages": self._packages.items,
            }
        )
        self._blocks["numbers"].add({"shapes": self._shapes.items})
        self._blocks["samples"].add({})
        self._blocks["index"].add(
            {
                "meta": meta,
                "fields": CELL_FIELDS,
                "definitions": self._definitions.items,
                "layouts": self._layouts.items,
                "whys": self._whys.items,
            }
        )
        return self._fitting({name: block.close() for name, block in self._blocks.items()}, room)

    def _fitting(self, blocks: dict[str, str], room: int) -> Packed:
        left_out = []
        for name in EXPENDABLE:
            if sum(map(len, blocks.values())) > room:
                del blocks[name]
                left_out.append(name)
        return Packed(blocks, tuple(left_out), self._results, self._checks)

    def _index(self, stored: Stored, checks: Sequence[CheckResult]) -> list[Any]:
        result = stored.result
        layout = tuple(self._definitions.of(_definition(check)) for check in checks)
        whys = [self._whys.of((check.outcome, check.defect or "", check.reason)) for check in checks]
        return [
            *(result.cell.id, stored.device, stored.driver, result.cell.torch, result.cell.cuda),
            *(result.cell.python, _numpy(result), result.cell.sam, result.outcome, result.reason),
            *(result.environment.kind, result.tier, result.samcheck, result.started, result.finished),
            *(result.cell.tags, result.only, result.groups, result.weights, self._layouts.of(layout), whys),
        ]

    def _evidence(self, result: CellResult, checks: Sequence[CheckResult]) -> dict[str, Any]:
        seen = dict(vars(result.observed)) if result.observed else {}
        packages = seen.pop("packages", {})
        return {
            "observed": seen,
            "packages": [self._packages.of(each) for each in sorted(packages.items())],
            "environment": vars(result.environment),
            "phases": {name: number(seconds) for name, seconds in result.phases.items()},
            "settings": [self._settings.of(tuple(sorted(check.settings.items()))) for check in checks],
            "details": [self._details.of(check.details) for check in checks],
            "pictures": {index: pictures(check) for index, check in enumerate(checks) if pictures(check)},
        }

    def _numbers(self, checks: Sequence[CheckResult]) -> dict[str, Any]:
        return {
            "seconds": [number(round(check.seconds, 3)) for check in checks],
            "shape": [self._shapes.of(tuple(check.metrics)) for check in checks],
            "values": [number(value) for check in checks for value in check.metrics.values()],
        }


def pack(found: Iterable[Stored], meta: Mapping[str, Any], room: int = LARGEST_BYTES) -> Packed:
    """All of `found`."""
    packer = Packer()
    for stored in found:
        packer.add(stored)
    return packer.close(meta, room)


def _definition(check: CheckResult) -> tuple[str, ...]:
    return check.check, check.group, check.variant or "", check.precision or "", check.backend or ""


def _numpy(result: CellResult) -> str:
    """What is there, rather than what was asked for, which is most often nothing in particular."""
    return (result.observed.numpy if result.observed else None) or result.cell.numpy


def _samples(check: CheckResult) -> list[dict[str, Any]]:
    return [
        {**vars(series), "samples": thinned(series), "readings": _rounded(series.readings)}
        for series in check.series
    ]


def pictures(check: CheckResult) -> dict[str, str]:
    """Those that are PNG in base64 and small; anything else that a result calls a picture is left out."""
    found = {name: check.pictures.get(name, "") for name in PICTURES}
    return {
        name: text
        for name, text in found.items()
        if len(text) <= LARGEST_PICTURE and text.startswith(PNG) and BASE64.fullmatch(text)
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float | str]:
    return {name: number(value) for name, value in values.items()}


def thinned(series: Series) -> dict[str, list[float | str]]:
    """The samples in ascending order, at most `QUANTILES`, the least and the largest of them too."""
    return {
        name: [number(each) for each in _quantiles(sorted(kept))] for name, kept in series.samples.items()
    }


def _quantiles(ordered: list[float]) -> list[float]:
    if len(ordered) <= QUANTILES:
        return ordered
    return [ordered[round(at * (len(ordered) - 1) / (QUANTILES - 1))] for at in range(QUANTILES)]
