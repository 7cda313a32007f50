"""Results → the blocks of data that the HTML page holds, each thing in them once.

Blocks, a line per result in the same order and a last line with the tables that their numbers mean:
    index       what is filtered, sorted and counted; the only one that is read when the page opens
    evidence    tracebacks, settings, environments
    numbers     seconds and metrics of every check, and the times of those that time something
    samples     raw samples of benchmarks, as quantiles
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Any

from samcheck import codec, measurable
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, Series
from samcheck.measurable import StepTime
from samcheck.report.page_blocks import Block, Table, number, numbers
from samcheck.storage.results import Stored, numpy_of

#: A page larger than this opens slowly and cannot be sent by mail; blocks are then left out, in this order.
LARGEST_BYTES = 15_000_000
#: In this order; `samcheck.guest.pictures` makes them.
PICTURES = ("input", "reference", "result", "difference")
#: 128 x 128 pixels without any compression, in base64.
LARGEST_PICTURE = 128 * 128 * 3 * 4 // 3 + 1000
BASE64 = re.compile("[A-Za-z0-9+/]+={0,2}")
#: How the signature of PNG begins in base64.
PNG = "iVBORw0KGgo"
#: What else may be left out, beside blocks.
REASONS = "reasons of checks that fail nothing"
EXPENDABLE = ("samples", "numbers", "evidence")
#: What is kept of the samples of one process: enough for the shape of their distribution.
QUANTILES = 25

CELL_FIELDS = (
    "id", "device", "driver", "torch", "cuda", "python", "numpy", "sam", "outcome", "reason", "kind", "tier",
    "samcheck", "started", "finished", "tags", "only", "groups", "weights", "layout", "whys", "changes",
)  # fmt: skip
#: Lists of checks whose order is remembered: nearly all results have one of few.
MOST_ORDERS = 100
Text = tuple[tuple[str, str], ...]
Definition = tuple[str, str, str | None, str | None, str | None]


@dataclass(frozen=True)
class Packed:
    """Blocks by name, and what was left out."""

    blocks: Mapping[str, str]
    left_out: tuple[str, ...]
    results: int
    checks: int

    @property
    def size(self) -> int:
        return sum(map(len, self.blocks.values()))


class Packer:
    """Takes results one by one, so that they need not be in memory together.

    A block that cannot fit any more is left out as soon as that is known, and no more work done for it.
    """

    def __init__(self, room: int = LARGEST_BYTES, without: Sequence[str] = ()) -> None:
        self._room = room
        names = ("index", *(name for name in reversed(EXPENDABLE) if name not in without))
        self._blocks = {name: Block() for name in names}
        self._left_out = [*without]
        self._why = _brief_why if REASONS in without else _why
        self._definitions: Table[tuple[str, ...]] = Table()
        self._layouts: Table[tuple[int, ...]] = Table()
        self._last: dict[int, list[int]] = {}
        self._orders: dict[tuple[Definition, ...], tuple[list[int], int]] = {}
        self._whys: Table[tuple[str, str | None, str]] = Table((CheckOutcome.PASSED, None, ""))
        self._settings: Table[Text] = Table(())
        self._details: Table[str] = Table("")
        self._packages: Table[tuple[str, str]] = Table()
        self._shapes: Table[tuple[str, ...]] = Table(())
        self._results = self._checks = 0

    def add(self, stored: Stored) -> None:
        order, layout = self._order(tuple(map(_definition, stored.result.checks)))
        checks = [stored.result.checks[at] for at in order]
        self._blocks["index"].add(self._index(stored, checks, layout))
        if "evidence" in self._blocks:
            self._blocks["evidence"].add(self._evidence(stored.result, checks))
        if "numbers" in self._blocks:
            self._blocks["numbers"].add(self._numbers(checks))
        if "samples" in self._blocks:
            self._blocks["samples"].add(
                {at: _samples(check) for at, check in enumerate(checks) if check.series}
            )
        self._results += 1
        self._checks += len(checks)
        self._leave_out({name: block.size for name, block in self._blocks.items()})

    def close(self, meta: Mapping[str, Any]) -> Packed:
        """The blocks, so many of them as there is room for; `meta` goes into the index as it is."""
        lasts: dict[str, Any] = {
            "evidence": {
                "settings": [dict(sorted(texts)) for texts in self._settings],
                "details": list(self._details),
                "packages": list(self._packages),
            },
            "numbers": {"shapes": list(self._shapes)},
            "samples": {},
            "index": {
                "meta": meta,
                "fields": CELL_FIELDS,
                "definitions": list(self._definitions),
                "layouts": list(self._layouts),
                "whys": [(outcome, defect or "", reason) for outcome, defect, reason in self._whys],
            },
        }
        for name, block in self._blocks.items():
            block.add(lasts[name])
        blocks = {name: block.close() for name, block in self._blocks.items()}
        self._leave_out({name: len(block) for name, block in blocks.items()})
        kept = {name: block for name, block in blocks.items() if name in self._blocks}
        return Packed(kept, tuple(self._left_out), self._results, self._checks)

    def _leave_out(self, sizes: Mapping[str, int]) -> None:
        """What has no room beside the rest, of these sizes; blocks only grow."""
        for name in EXPENDABLE:
            if name in self._blocks and sum(sizes[block] for block in self._blocks) > self._room:
                del self._blocks[name]
                self._left_out.append(name)

    def _order(self, definitions: tuple[Definition, ...]) -> tuple[list[int], int]:
        """The order in which checks stand in the page, and the number of that list of checks."""
        if definitions not in self._orders:
            if len(self._orders) == MOST_ORDERS:
                self._orders.clear()
            order = sorted(range(len(definitions)), key=lambda at: (definitions[at][1], definitions[at][0]))
            named = (tuple(part or "" for part in definitions[at]) for at in order)
            self._orders[definitions] = order, self._layouts[tuple(self._definitions.all(named))]
        return self._orders[definitions]

    def _index(self, stored: Stored, checks: Sequence[CheckResult], layout: int) -> list[Any]:
        result = stored.result
        return [
            *(result.cell.id, stored.device, stored.driver, result.cell.torch, result.cell.cuda),
            *(result.cell.python, numpy_of(result), result.cell.sam, result.outcome, result.reason),
            *(result.environment.kind, result.tier, result.samcheck, result.started, result.finished),
            *(result.cell.tags, result.only, result.groups, result.weights, layout),
            *self._changes(layout, self._whys.all(map(self._why, checks))),
        ]

    def _changes(self, layout: int, whys: list[int]) -> tuple[list[int], list[int] | None]:
        """The whys; or none, but where those of the last result with the same checks change, and to what."""
        last = self._last.get(layout)
        self._last[layout] = whys
        if last is None:
            return whys, None
        changed = [(at, why) for at, why in enumerate(whys) if why != last[at]]
        changes = list(chain.from_iterable(changed))
        return ([], changes) if len(changes) < len(whys) else (whys, None)

    def _evidence(self, result: CellResult, checks: Sequence[CheckResult]) -> dict[str, Any]:
        observed = codec.as_dict(result.observed) if result.observed else {}
        packages = observed.pop("packages", {})
        libraries = observed.get("libraries", {})
        observed["libraries"] = {name: codec.as_dict(library) for name, library in libraries.items()}
        return {
            "observed": observed,
            "packages": self._packages.all(sorted(packages.items())),
            "environment": codec.as_dict(result.environment),
            "phases": _rounded(result.phases),
            "settings": self._settings.all(tuple(check.settings.items()) for check in checks),
            "details": self._details.all(check.details for check in checks),
            "pictures": {
                at: images
                for at, check in enumerate(checks)
                if check.pictures and (images := pictures(check))
            },
        }

    def _numbers(self, checks: Sequence[CheckResult]) -> dict[str, Any]:
        return {
            "seconds": numbers(round(check.seconds, 3) for check in checks),
            "shape": self._shapes.all(tuple(check.metrics) for check in checks),
            "values": numbers(value for check in checks for value in check.metrics.values()),
            "times": {
                at: _time(time)
                for at, check in enumerate(checks)
                if (time := measurable.step_time(check)) is not None
            },
        }


def pack(
    results: Iterable[Stored],
    meta: Mapping[str, Any],
    room: int = LARGEST_BYTES,
    without: Sequence[str] = (),
) -> Packed:
    """All of `results`; `without` names what is left out already."""
    packer = Packer(room, without)
    for stored in results:
        packer.add(stored)
    return packer.close(meta)


_definition = attrgetter("check", "group", "variant", "precision", "backend")
_why = attrgetter("outcome", "defect", "explanation")


def _brief_why(check: CheckResult) -> tuple[str, str | None, str]:
    return check.outcome, check.defect, check.reason if check.outcome.is_bad else ""


def _samples(check: CheckResult) -> list[dict[str, Any]]:
    return [
        {**codec.as_dict(series), "samples": thinned(series), "readings": _rounded(series.readings)}
        for series in check.series
    ]


def _time(time: StepTime) -> list[float | str] | str:
    """Its interval, how many processes that is from, and how many were left out; or why there is none."""
    return [*numbers(time.limits), time.processes, time.disturbed] if time.limits else time.because


def pictures(check: CheckResult) -> dict[str, str]:
    """Those that are PNG in base64 and small; anything else that a result calls a picture is left out."""
    named = {name: check.pictures.get(name, "") for name in PICTURES}
    return {
        name: text
        for name, text in named.items()
        if len(text) <= LARGEST_PICTURE and text.startswith(PNG) and BASE64.fullmatch(text)
    }


def _rounded(values: Mapping[str, float]) -> dict[str, float | str]:
    return {name: number(value) for name, value in values.items()}


def thinned(series: Series) -> dict[str, list[float | str]]:
    """The samples in ascending order, at most `QUANTILES`, the least and the largest of them too."""
    return {name: numbers(_quantiles(sorted(kept))) for name, kept in series.samples.items()}


def _quantiles(ordered: list[float]) -> list[float]:
    if len(ordered) <= QUANTILES:
        return ordered
    return [ordered[round(at * (len(ordered) - 1) / (QUANTILES - 1))] for at in range(QUANTILES)]
