"""The compatibility table as Markdown, readable in a browser, in a terminal and in a diff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from samcheck.facts import Facts
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult
from samcheck.matrix import LeftOut
from samcheck.report import coverage, overview
from samcheck.report.escaping import escape, grid, row_name
from samcheck.report.fields import SEVERITY, SYMBOLS, Column, Field, Reason
from samcheck.report.footnotes import Footnotes
from samcheck.report.table_rows import TIMED, TableRow, by_machine

TITLE = "# Does Segment Anything work here?"
INTRODUCTION = """\
One row per environment that was really built and run. `passed` means every check of that group held;
everything else has a reason below its table, under a mark that no other reason ever gets.

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

NOT_RUN = f"{SYMBOLS[CheckOutcome.NOT_RUN]} {CheckOutcome.NOT_RUN}"


def document(
    rows: Iterable[TableRow], problems: Sequence[str], left_out: Sequence[LeftOut], facts: Facts | None = None
) -> str:
    """The whole document; with `facts`, also what they say of combinations that were not tried."""
    machines = list(by_machine(rows))
    sections = [_section(*machine, facts) for machine in machines]
    parts = ["\n".join([TITLE, "", *overview.lines(machines), INTRODUCTION])]
    parts += sections or ["No results yet: run `nox -s matrix`.\n"]
    if left_out:
        lines = [f"- {escape(cell.id)}: {escape(cell.reason)}" for cell in left_out]
        parts.append("\n".join(["## Left out of the last run", "", *lines, ""]))
    if problems:
        lines = [f"- {escape(problem)}" for problem in problems]
        parts.append("\n".join(["## Files that are not results", "", *lines, ""]))
    return "\n".join(parts)


def _section(device: str, driver: str, rows: list[TableRow], facts: Facts | None) -> str:
    notes = Footnotes()
    parts = [
        f"## {escape(device)}, driver {escape(driver)}",
        "",
        *_shared(rows),
        "### Outcomes",
        "",
        *_outcomes(rows, notes),
        "",
        *_variants(rows, notes),
        "### Reasons",
        "",
        *(notes.lines() or ["None: every check held."]),
        "",
        *_latencies(rows),
        *_observed(rows),
        *coverage.section([row.result for row in rows], facts),
    ]
    return "\n".join(parts)


def _outcomes(rows: list[TableRow], notes: Footnotes) -> list[str]:
    """A row for each environment, and one that says how old the newest answer in each column is."""
    columns = _columns(row.groups for row in rows)
    heads = ["cell", "outcome", "checks", *(escape(column.title) for column in columns), "date", "samcheck"]
    body = []
    for row in rows:
        sign = "✓" if row.result.outcome is CellOutcome.PASSED else "✗" if row.counts else "–"
        outcome = f"{sign} {row.result.outcome}{notes.mark([_reason(row)] if row.result.reason else [])}"
        cells = [_field_text(row.groups.get(column), column, row, notes) for column in columns]
        version = escape(row.result.samcheck)
        body.append([row_name(row.result), outcome, _counts(row), *cells, _date(row), version])
    newest = [max(_date(row) for row in rows if column in row.groups) for column in columns]
    last = ["newest answer", "", "", *newest, max(map(_date, rows)), ""]
    return grid(heads, [*body, last] if len(rows) > 1 else body)


def _columns(rows: Iterable[Mapping[Column, Field]]) -> list[Column]:
    return sorted({column for row in rows for column in row}, key=lambda column: column.order)


def _counts(row: TableRow) -> str:
    """How much the outcome rests on."""
    counts = row.counts
    return ", ".join(f"{counts[name]} {name}" for name in reversed(SEVERITY) if name in counts) or "none"


def _date(row: TableRow) -> str:
    return escape(row.result.finished[:10])


def _reason(row: TableRow) -> Reason:
    return Reason(row.result.outcome, None, row.result.reason)


def _field_text(field: Field | None, column: Column, row: TableRow, notes: Footnotes) -> str:
    if field is not None:
        return field.text + notes.mark(field.reasons)
    return f"{NOT_RUN}{notes.mark([_why_not_run(column, row)])}"


def _why_not_run(column: Column, row: TableRow) -> Reason:
    """Why a row has nothing in a column."""
    result = row.result
    if not row.counts:
        return _reason(row)
    if column.variant and result.variants and column.variant not in result.variants:
        return _not_run(f"the run was asked for {', '.join(result.variants)} only")
    if result.groups and column.group not in result.groups:  # a variant's field is of all groups
        return _not_run(f"the run was asked for {', '.join(result.groups)} only")
    of = f" with {', '.join(result.variants)} only" if result.variants else ""
    return _not_run(f"not part of the {result.tier} tier{of} of samcheck {result.samcheck}, which ran this")


def _not_run(why: str) -> Reason:
    return Reason(CheckOutcome.NOT_RUN, None, why)


def _variants(rows: list[TableRow], notes: Footnotes) -> Iterator[str]:
    """A table for each variant, of the cells that have checks of it; why the others have none below it."""
    columns = _columns(row.precisions for row in rows)
    for variant in dict.fromkeys(column.variant for column in columns):
        mine = [column for column in columns if column.variant == variant]
        with_it = [row for row in rows if not row.precisions.keys().isdisjoint(mine)]
        body = [
            [
                row_name(row.result),
                *(_field_text(row.precisions.get(column), column, row, notes) for column in mine),
            ]
            for row in with_it
        ]
        heads = ["cell", *(escape(column.precision) for column in mine)]
        yield from (f"### {escape(variant)} by precision", "", *grid(heads, body), "")
        without = [row for row in rows if row.precisions.keys().isdisjoint(mine)]
        if without:
            marks = notes.mark(_why_not_run(mine[0], row) for row in without)
            yield from (f"{NOT_RUN} in {len(without)} of {len(rows)} cells{marks}", "")


def _shared(rows: list[TableRow]) -> list[str]:
    """What was found in all environments alike."""
    facts = [_environment(row.result) for row in rows]
    lines = [f"- {name}: {facts[0][name]}" for name in _alike(facts)]
    return [*lines, ""] if lines else []


def _alike(facts: list[dict[str, str]]) -> list[str]:
    return [name for name in facts[0] if len(facts) > 1 and len({fact[name] for fact in facts}) == 1]


def _observed(rows: list[TableRow]) -> list[str]:
    """What was found inside each environment, as far as it is not the same in all of them."""
    facts = [_environment(row.result) for row in rows]
    alike = _alike(facts)
    apart = [name for name in facts[0] if name not in alike]
    body = [
        [row_name(row.result), *(fact[name] for name in apart)] for row, fact in zip(rows, facts, strict=True)
    ]
    return ["### What was observed", "", *grid(["cell", *apart], body), ""]


def _environment(row: CellResult) -> dict[str, str]:
    observed = row.observed
    weights = ", ".join(f"{name}: {text}" for name, text in sorted(row.weights.items()))

    def show(value: object) -> str:
        return escape(str(value)) if value else "–"

    return {
        "device": show(observed and (observed.gpu if observed.device == "cuda" else observed.cpu)),
        "cores": show(observed and observed.cpu_count),
        "driver": show(observed and observed.driver),
        "Python": show(observed and observed.python),
        "PyTorch": show(observed and observed.torch),
        "CUDA": show(observed and observed.torch_cuda),
        "cuDNN": show(observed and observed.cudnn),
        "torchvision": show(observed and observed.torchvision),
        "NumPy": show(observed and observed.numpy),
        "segment-anything": show(observed and observed.segment_anything),
        "weights": show(weights),
        "environment": show(row.environment.kind),
        "why this environment": show(row.environment.why),
        "tier": show(row.tier),
    }


def _latencies(rows: list[TableRow]) -> list[str]:
    """Median milliseconds of encoder, decoder and the whole way, where they were measured."""
    timed = {row_name(row.result): row.timed for row in rows if row.timed}
    keys = sorted({key for times in timed.values() for key in times}, key=lambda key: _latency_order(*key))
    if not keys:
        return []
    heads = ["cell", *(f"{escape(f'{variant} {precision}')}<br>{part}" for variant, precision, part in keys)]
    body = [
        [name, *(f"{times[key]:.1f}" if key in times else "–" for key in keys)]
        for name, times in timed.items()
    ]
    return [
        "### Latency, median in ms",
        "",
        "One image, one point, on the device above; a single run, not a verdict.",
        "",
        *grid(heads, body),
        "",
    ]


def _latency_order(variant: str, precision: str, part: str) -> tuple[object, ...]:
    return (*Column("latency", variant, precision).order, TIMED.index(part))
