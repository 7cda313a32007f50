"""One result, or some checks of it, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, Series
from samcheck.report.fields import SEVERITY, SYMBOLS, by_group, fields, reason_of
from samcheck.report.lookup import place
from samcheck.sanitize import visible, visible_lines
from samcheck.storage.results import Stored

#: Lines of a traceback that stand below a reason; `show --check` has all of them.
EVIDENCE_LINES = 8
COLOURS: dict[str, str] = {
    CheckOutcome.PASSED: "green",
    CheckOutcome.FIXED: "green",
    CheckOutcome.KNOWN: "yellow",
    CheckOutcome.SKIPPED: "dim",
}


def show(console: Console, renderable: RenderableType) -> None:
    """Print, without breaking lines that something may be copied from."""
    console.print(renderable, soft_wrap=True, highlight=False)


def cell(stored: Stored) -> Group:
    """Outcome, environment, groups of checks, reasons with their evidence."""
    result = stored.result
    return Group(
        Text(visible(place(stored)), style="bold"),
        _outcome(result.outcome, f"{result.outcome}: {result.reason}" if result.reason else result.outcome),
        Text(),
        _pairs(_facts(result)),
        Text(),
        *_groups(result.checks),
        *_reasons(result.checks),
    )


def check(result: CheckResult) -> Group:
    """Everything that is known of one check."""
    names = ("group", "variant", "precision", "backend", "defect")
    rows = [
        *((name, value) for name in names if (value := getattr(result, name))),
        ("seconds", f"{result.seconds:.2f}"),
        *((f"setting {name}", value) for name, value in sorted(result.settings.items())),
        *((f"measured {name}", f"{value:g}") for name, value in sorted(result.metrics.items())),
        *(("process", _process(series)) for series in result.series),
    ]
    details = [Text(visible_lines(result.details)), Text()] if result.details else []
    text = result.outcome if result.outcome is CheckOutcome.PASSED else reason_of(result)
    title = Text(visible(result.check), style="bold")
    return Group(title, _outcome(result.outcome, text), _pairs(rows), Text(), *details)


def _process(series: Series) -> str:
    return ", ".join(filter(None, (f"{series.rounds} rounds", series.stopped, *series.disturbed)))


def _outcome(outcome: str, text: str) -> Text:
    sign = SYMBOLS.get(outcome, "✗")
    return Text(f"{sign} {visible(text)}", style=COLOURS.get(outcome, "red"))


def _pairs(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(visible(name), style="dim"), Text(visible(value), overflow="fold"))
    return table


def _facts(result: CellResult) -> list[tuple[str, str]]:
    observed = result.observed
    rows = [
        ("environment", f"{result.environment.kind}, because: {result.environment.why or 'not recorded'}"),
        *sorted(result.environment.details.items()),
        ("tier", f"{result.tier}, only {result.only}" if result.only else result.tier),
        ("finished", f"{result.finished}, by samcheck {result.samcheck}"),
    ]
    if observed is not None:
        names = ("python", "torch", "torch_cuda", "cudnn", "torchvision", "numpy", "segment_anything")
        rows += [(name, str(getattr(observed, name) or "none")) for name in (*names, "cpu", "gpu", "driver")]
        rows += [(f"import of {name}", text) for name, text in sorted(observed.import_errors.items())]
    return rows + [(f"weights of {name}", text) for name, text in sorted(result.weights.items())]


def _groups(checks: Sequence[CheckResult]) -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 2))
    fields_by_column = fields(checks, by_group)
    for column in sorted(fields_by_column, key=lambda column: column.order):
        members = [check.outcome for check in checks if check.group == column.group]
        counts = ", ".join(f"{members.count(name)} {name}" for name in SEVERITY if name in members)
        outcome = fields_by_column[column].outcome
        table.add_row(Text(visible(column.group)), _outcome(outcome, outcome), Text(counts, style="dim"))
    if fields_by_column:
        yield from (table, Text())


def _reasons(checks: Sequence[CheckResult]) -> Iterator[RenderableType]:
    """Each reason once, the worst first, with the number of its checks and the end of one's output."""
    reasons: dict[str, list[CheckResult]] = {}
    for check in sorted(checks, key=lambda check: SEVERITY.index(check.outcome)):
        if check.outcome is not CheckOutcome.PASSED:
            reasons.setdefault(reason_of(check), []).append(check)
    for reason, members in reasons.items():
        first = members[0]
        others = f" and {len(members) - 1} more" if len(members) > 1 else ""
        yield _outcome(first.outcome, reason)
        yield Text(f"  {visible(first.check)}{others}", style="dim")
        if first.outcome.is_bad and first.details:
            lines = visible_lines(first.details).splitlines()[-EVIDENCE_LINES:]
            yield Text("\n".join(f"    {line}" for line in lines))
