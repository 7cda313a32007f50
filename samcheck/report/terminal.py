"""One result, or some checks of it, for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from packaging.utils import canonicalize_name
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from samcheck.cells import DEFAULT_SAM
from samcheck.facts import sam_packages
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, Fingerprint, LoadedLibrary, Series
from samcheck.measurable import HIGH, LOW, UNMEASURABLE, is_measurable, is_time, limits, step_time
from samcheck.report.fields import SEVERITY, SYMBOLS, by_group, fields, reason_of
from samcheck.report.lookup import place
from samcheck.report.shared_findings import NOTHING_SHARED, SharedFindings
from samcheck.sanitize import visible, visible_lines
from samcheck.storage.results import Stored
from samcheck.units import counted

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


def cell(stored: Stored, shared: SharedFindings = NOTHING_SHARED) -> Group:
    """Outcome, environment, groups of checks, reasons with their evidence.

    Args:
        shared: what other environments find too is only counted.
    """
    result = stored.result
    apart = [check for check in result.checks if check.outcome is not CheckOutcome.PASSED]
    alike = [check for check in apart if shared.has(check)]
    groups = {check.group for check in apart if not shared.has(check)} if shared.environments else None
    return Group(
        Text(visible(place(stored)), style="bold"),
        _outcome(result.outcome, f"{result.outcome}: {result.reason}" if result.reason else result.outcome),
        Text(),
        _pairs(_facts(result)),
        Text(),
        *_groups(result.checks, groups),
        *_reasons([check for check in apart if not shared.has(check)]),
        *_counted(alike, shared),
    )


def _counted(alike: Sequence[CheckResult], shared: SharedFindings) -> Iterator[RenderableType]:
    if alike:
        counts = Counter(check.outcome for check in alike)
        outcomes = ", ".join(f"{counts[outcome]} {outcome}" for outcome in SEVERITY if outcome in counts)
        others = counted(shared.environments, "other environment")
        yield Text(f"as in all of {others} of this machine that tried them: {outcomes} (--all shows them)")


def check(result: CheckResult) -> Group:
    """Everything that is known of one check."""
    names = ("group", "variant", "precision", "backend", "defect")
    rows = [
        *((name, value) for name in names if (value := getattr(result, name))),
        ("seconds", f"{result.seconds:.2f}"),
        *((f"setting {name}", value) for name, value in sorted(result.settings.items())),
        *_numbers(result),
        *(("process", _process(series)) for series in result.series),
    ]
    details = [Text(visible_lines(result.details)), Text()] if result.details else []
    text = result.outcome if result.outcome is CheckOutcome.PASSED else reason_of(result)
    title = Text(visible(result.check), style="bold")
    return Group(title, _outcome(result.outcome, text), _pairs(rows), Text(), *details)


def _numbers(result: CheckResult) -> Iterator[tuple[str, str]]:
    """Yield what was measured; times with their intervals, or why they have none."""
    time = step_time(result)
    if time is not None:
        yield "measured time", str(time)
    bare = []
    for name, value in sorted(result.metrics.items()):
        ends = limits(result.metrics, name)
        if ends is not None:
            text = f"{ends[0]:.4g} to {ends[1]:.4g}" if is_measurable(*ends) else UNMEASURABLE
            yield f"measured {name}", text
        elif is_time(name):
            bare.append(name)
        elif not name.endswith((LOW, HIGH)):
            yield f"measured {name}", f"{value:g}"
    if bare:
        yield "not shown", f"{', '.join(bare)}: times without an interval (samcheck export json has them)"


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
        rows += _under_test(result.cell.sam, observed)
        rows += _libraries(observed.libraries)
        rows += [(f"import of {name}", text) for name, text in sorted(observed.import_errors.items())]
    return rows + [(f"weights of {name}", text) for name, text in sorted(result.weights.items())]


def _under_test(sam: str, observed: Fingerprint) -> Iterator[tuple[str, str]]:
    """Yield the version of the package under test, if that is not segment-anything, which is always named."""
    name = sam_packages.name_of(sam)
    if name != sam_packages.name_of(DEFAULT_SAM):
        versions: dict[str, str] = {
            canonicalize_name(package): version for package, version in observed.packages.items()
        }
        yield name, versions.get(name, "none")


def _libraries(libraries: Mapping[str, LoadedLibrary]) -> Iterator[tuple[str, str]]:
    """Yield NVIDIA's libraries, and those that do not belong to the environment; the driver's never does."""
    named = sorted(libraries.items())
    if named:
        versions = (f"{name} {library.version or 'of unknown version'}" for name, library in named)
        yield "loaded libraries", ", ".join(versions)
    foreign = [
        f"{name} from {lib.file}" for name, lib in named if lib.file.startswith("/") and name != "cuda"
    ]
    if foreign:
        yield "from outside the environment", ", ".join(foreign)


def _groups(checks: Sequence[CheckResult], wanted: Collection[str] | None) -> Iterator[RenderableType]:
    """Yield a line for each group of checks, or for those that are `wanted` and a sentence of the others."""
    table = Table.grid(padding=(0, 2))
    fields_by_column = fields(checks, by_group)
    columns = sorted(fields_by_column, key=lambda column: column.order)
    rest = [column.group for column in columns if wanted is not None and column.group not in wanted]
    for column in columns:
        if column.group in rest:
            continue
        members = [check.outcome for check in checks if check.group == column.group]
        counts = ", ".join(f"{members.count(name)} {name}" for name in SEVERITY if name in members)
        outcome = fields_by_column[column].outcome
        table.add_row(Text(visible(column.group)), _outcome(outcome, outcome), Text(counts, style="dim"))
    if table.rows:
        yield from (table, Text())
    if rest:
        yield from (Text(visible(f"passed, or as in the others: {', '.join(rest)}")), Text())


def _reasons(checks: Sequence[CheckResult]) -> Iterator[RenderableType]:
    """Each reason once, the worst first, with the number of its checks and the end of one's output."""
    reasons: dict[str, list[CheckResult]] = {}
    for check in sorted(checks, key=lambda check: SEVERITY.index(check.outcome)):
        reasons.setdefault(reason_of(check), []).append(check)
    for reason, members in reasons.items():
        first = members[0]
        others = f" and {len(members) - 1} more" if len(members) > 1 else ""
        yield _outcome(first.outcome, reason)
        yield Text(f"  {visible(first.check)}{others}", style="dim")
        if first.outcome.is_bad and first.details:
            lines = visible_lines(first.details).splitlines()[-EVIDENCE_LINES:]
            yield Text("\n".join(f"    {line}" for line in lines))
