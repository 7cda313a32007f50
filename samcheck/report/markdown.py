"""The compatibility table as Markdown, readable in a browser, in a terminal and in a diff."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from packaging.version import InvalidVersion, Version

from samcheck.guest.record import CellResult, CheckResult
from samcheck.matrix import LeftOut
from samcheck.report.fields import SYMBOLS, Column, Field, by_group, by_precision, fields
from samcheck.report.plain import visible
from samcheck.results import Stored

#: What every id of a cell looks like that was not written by somebody else.
_ID = re.compile(r"[\w.+-]+", re.ASCII)
#: An underscore within a word is none, and names of checks are full of them.
_EMPHASIS = re.compile(r"(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])")
_MARKUP = str.maketrans({**{sign: f"\\{sign}" for sign in "\\`*{}[]~#"}, "|": "&#124;"})
LATENCY_CHECKS = ("encoder", "decoder", "end_to_end")

INTRODUCTION = """\
# Does Segment Anything work here?

One row per environment that was really built and run. `passed` means every check of that group held;
everything else has a numbered reason below its table.

| sign | word | meaning |
| --- | --- | --- |
| ✓ | passed | every check held |
| ✓ | fixed | a catalogued upstream defect no longer shows itself |
| ≈ | known | a catalogued upstream defect showed itself, in the way the catalogue says |
| ○ | skipped | cannot be tried here, for the reason given |
| ✗ | failed, crashed, timed-out | does not work |
| – | not-run | never tried, for the reason given |

`trained` weights are those of samcheck's own small model: with them the quality of masks is checked too.
`random` ones are seeded and the same in every row: they say whether this environment computes what
float64 computes, and nothing about the quality of masks. Written by `samcheck table`; do not edit.
"""


class Footnotes:
    """Numbers reasons in the order in which they appear; the same reason has one number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, reasons: Iterable[str]) -> str:
        numbers = {self._numbers.setdefault(reason, len(self._numbers) + 1) for reason in reasons}
        marks = ", ".join(_ranges(sorted(numbers)))
        return f" <sup>{marks}</sup>" if marks else ""

    def lines(self) -> list[str]:
        return [f"{number}. {escape(reason)}" for reason, number in self._numbers.items()]


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """1, 2, 3, 7 as 1–3, 7."""
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield f"{members[0]}–{members[-1]}" if len(members) > 1 else str(members[0])


def escape(text: str) -> str:
    """Foreign text as text: no markup, no table cells, no control or direction characters."""
    quoted = html.escape(visible(text), quote=False).translate(_MARKUP)
    return _EMPHASIS.sub(lambda found: found[0].replace("_", "\\_"), quoted)


def table(found: Sequence[Stored], problems: Sequence[str], left_out: Sequence[LeftOut]) -> str:
    """The whole document."""
    parts = [INTRODUCTION]
    parts += [_section(*machine) for machine in by_machine(found)]
    if not found:
        parts.append("No results yet: run `nox -s matrix`.\n")
    if left_out:
        rows = [f"- {escape(each.id)}: {escape(each.reason)}" for each in left_out]
        parts.append("\n".join(["## Left out of the last run", "", *rows, ""]))
    if problems:
        rows = [f"- {escape(problem)}" for problem in problems]
        parts.append("\n".join(["## Files that are not results", "", *rows, ""]))
    return "\n".join(parts)


def by_machine(found: Sequence[Stored]) -> Iterator[tuple[str, str, list[CellResult]]]:
    """Device, driver and their results, each in the order of the tables."""
    ordered = sorted(found, key=lambda each: (each.device, each.driver, _row_order(each.result)))
    for (device, driver), group in groupby(ordered, key=lambda each: (each.device, each.driver)):
        yield device, driver, [each.result for each in group]


def _row_order(result: CellResult) -> tuple[Version, Version, str]:
    return _version(result.cell.torch), _version(result.cell.python), result.cell.id


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def _section(device: str, driver: str, rows: list[CellResult]) -> str:
    notes = Footnotes()
    parts = [
        f"## {escape(device)}, driver {escape(driver)}",
        "",
        *_observed(rows),
        "### Outcomes",
        "",
        *_outcomes(rows, notes, by_group),
        "",
        "### The same by variant and precision",
        "",
        *_outcomes(rows, notes, by_precision),
        "",
        *notes.lines(),
        "",
        *_latencies(rows),
    ]
    return "\n".join(parts)


def grid(heads: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *body]
    return [f"| {' | '.join(line)} |" for line in lines]


def _observed(rows: list[CellResult]) -> list[str]:
    """What was found inside each environment; what all rows share stands above the table."""
    facts = [_facts(row) for row in rows]
    names = list(facts[0])
    shared = [name for name in names if len(rows) > 1 and len({fact[name] for fact in facts}) == 1]
    lines = [f"- {name}: {facts[0][name]}" for name in shared] + ([""] if shared else [])
    apart = [name for name in names if name not in shared]
    body = [[row_name(row), *(fact[name] for name in apart)] for row, fact in zip(rows, facts, strict=True)]
    return [*lines, "### What was observed", "", *grid(["cell", *apart], body), ""]


def row_name(row: CellResult) -> str:
    """The cell's id, and the variants where a run was restricted to some."""
    only = f" (only {escape(', '.join(row.variants))})" if row.variants else ""
    return f"{_code(row.cell.id)}{only}"


def _code(text: str) -> str:
    return f"`{text}`" if _ID.fullmatch(text) else escape(text)


def _facts(row: CellResult) -> dict[str, str]:
    seen = row.observed
    weights = ", ".join(f"{name}: {text}" for name, text in sorted(row.weights.items()))

    def show(value: object) -> str:
        return escape(str(value)) if value else "–"

    return {
        "device": show(seen and (seen.gpu if seen.device == "cuda" else seen.cpu)),
        "cores": show(seen and seen.cpu_count),
        "driver": show(seen and seen.driver),
        "Python": show(seen and seen.python),
        "PyTorch": show(seen and seen.torch),
        "CUDA": show(seen and seen.torch_cuda),
        "cuDNN": show(seen and seen.cudnn),
        "torchvision": show(seen and seen.torchvision),
        "NumPy": show(seen and seen.numpy),
        "segment-anything": show(seen and seen.segment_anything),
        "weights": show(weights),
        "environment": show(row.environment.kind),
        "why this environment": show(row.environment.why),
        "tier": show(row.tier),
        "when": show(row.finished[:10]),
    }


def _outcomes(
    rows: list[CellResult], notes: Footnotes, column: Callable[[CheckResult], Column | None]
) -> list[str]:
    by_row = [fields(row.checks, column) for row in rows]
    columns = sorted({where for row in by_row for where in row}, key=lambda each: each.order)
    heads = ["cell", "outcome", *(escape(where.title) for where in columns)]
    body = []
    for row, found in zip(rows, by_row, strict=True):
        sign = "✓" if row.outcome == "passed" else "✗" if row.checks else "–"
        outcome = f"{sign} {row.outcome}{notes.mark([_reason(row)] if row.reason else [])}"
        cells = [_cell(found.get(where), row, notes) for where in columns]
        body.append([row_name(row), outcome, *cells])
    return grid(heads, body)


def _reason(row: CellResult) -> str:
    return f"{row.outcome}: {row.reason}"


def _cell(field: Field | None, row: CellResult, notes: Footnotes) -> str:
    if field is not None:
        return field.text + notes.mark(field.reasons)
    left_out = f"not part of the {row.tier} tier of samcheck {row.samcheck}, which ran this"
    why = left_out if row.checks else _reason(row)
    return f"{SYMBOLS['not-run']} not-run{notes.mark([why])}"


def _latencies(rows: list[CellResult]) -> list[str]:
    """Median milliseconds of encoder, decoder and the whole way."""
    timed: list[dict[tuple[str, str, str], float]] = [_timed(row) for row in rows]
    keys = sorted({key for row in timed for key in row}, key=lambda key: _latency_order(*key))
    if not keys:
        return []
    heads = ["cell", *(f"{escape(f'{variant} {precision}')}<br>{part}" for variant, precision, part in keys)]
    body = [
        [row_name(row), *(f"{found[key]:.1f}" if key in found else "–" for key in keys)]
        for row, found in zip(rows, timed, strict=True)
    ]
    return [
        "### Latency, median in ms",
        "",
        "One image, one point, on the device above; a single run, not a verdict.",
        "",
        *grid(heads, body),
        "",
    ]


def _timed(row: CellResult) -> dict[tuple[str, str, str], float]:
    found = {}
    for check in row.checks:
        part = check.check.partition("::test_")[2].partition("[")[0]
        if check.group == "latency" and part in LATENCY_CHECKS and "median_ms" in check.metrics:
            key = (check.variant or "", check.precision or "", part)
            found[key] = check.metrics["median_ms"]
    return found


def _latency_order(variant: str, precision: str, part: str) -> tuple[object, ...]:
    return (*Column("latency", variant, precision).order, LATENCY_CHECKS.index(part))
