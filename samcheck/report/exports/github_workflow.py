"""What GitHub shows of a job: annotations on the run, and a summary of the step.

https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.report.escaping import escape, grid, row_name
from samcheck.report.fields import SEVERITY, reason_of
from samcheck.sanitize import visible
from samcheck.storage.results import Stored, UnreadableFile
from samcheck.units import counted

#: GitHub drops a whole summary that is larger than 1 MiB.
SUMMARY_LIMIT = 1024 * 1024
#: For the sentence that says what was cut, and what other tools of the step add.
SPARE = 4096


def write_annotations(
    results: Iterable[Stored], unreadable: Sequence[UnreadableFile], stream: IO[bytes]
) -> None:
    """A line for each cell that did not pass, one for each reason in it, one for each unreadable file."""
    for stored in results:
        if stored.result.outcome is not CellOutcome.PASSED:
            for title, message in _findings(stored):
                stream.write(annotation(title, message).encode())
    for file in unreadable:
        stream.write(annotation("not a result", file.problem).encode())


def annotation(title: str, message: str) -> str:
    """An error that GitHub shows; nothing in the texts starts another command."""
    name = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::error title={name}::{_escaped(message)}\n"


def _escaped(text: str) -> str:
    return visible(text).replace("%", "%25")  # one line: there is no other sign to escape


def _findings(stored: Stored) -> Iterator[tuple[str, str]]:
    result = stored.result
    title = f"{result.name} on {stored.device}, driver {stored.driver}"
    yield title, f"{result.outcome}: {result.reason}"
    for reason, checks in bad_checks(result).items():
        others = f" and {len(checks) - 1} more" if len(checks) > 1 else ""
        yield title, f"{checks[0]}{others}: {reason}"


def bad_checks(result: CellResult) -> dict[str, list[str]]:
    """The checks that made a cell fail, by their reason, the worst first."""
    bad = [check for check in result.checks if check.outcome.is_bad]
    reasons: dict[str, list[str]] = {}
    for check in sorted(bad, key=lambda check: SEVERITY.index(check.outcome)):
        reasons.setdefault(reason_of(check), []).append(check.check)
    return reasons


def write_summary(results: Iterable[Stored], unreadable: Sequence[UnreadableFile], stream: IO[bytes]) -> None:
    """Markdown for ``$GITHUB_STEP_SUMMARY``: how many passed, what did not, a row for each cell."""
    rows, reasons, passed, partial = [], [], 0, 0
    for stored in results:
        rows.append(_row(stored))
        if stored.result.outcome is CellOutcome.PASSED:
            partial += bool(stored.result.groups)
            passed += not stored.result.groups
        else:
            reasons += [f"- {escape(title)}: {escape(message)}" for title, message in _findings(stored)]
    reasons += [f"- not a result: {escape(file.problem)}" for file in unreadable]
    head = [f"## Segment Anything: {_headline(passed, len(rows) - partial, partial)}", ""]
    failed = ["### What did not pass", "", *reasons, ""] if reasons else []
    table = grid(["cell", "device", "driver", "outcome", "checks"], rows) if rows else []
    stream.write(_limited([*head, *failed, *table], SUMMARY_LIMIT - SPARE))


def _headline(passed: int, whole: int, partial: int) -> str:
    """How many cells passed; some groups of checks that held are no cell that passed."""
    if not whole and not partial:
        return "no results"
    of_whole = f"{passed} of {counted(whole, 'cell')} passed" if whole else "no cell was run whole"
    return f"{of_whole}, {counted(partial, 'run')} of some groups passed" if partial else of_whole


def _row(stored: Stored) -> list[str]:
    result = stored.result
    outcomes = [check.outcome for check in result.checks]
    counts = [f"{outcomes.count(name)} {name}" for name in SEVERITY if name in outcomes]
    sign = "✓" if result.outcome is CellOutcome.PASSED else "✗"
    names = map(escape, (stored.device, stored.driver))
    return [row_name(result), *names, f"{sign} {result.outcome}", ", ".join(counts) or "none"]


def _limited(lines: list[str], limit: int) -> bytes:
    """As many of the lines as fit, and how many do not."""
    size = 0
    kept: list[str] = []
    for line in lines:
        size += len(line.encode()) + 1
        if size > limit:
            kept += ["", f"{len(lines) - len(kept)} more lines do not fit here: the table has them all."]
            break
        kept.append(line)
    return ("\n".join(kept) + "\n").encode()
