"""What was found, as JSON and as Markdown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from samcheck import paths
from samcheck.files import write_atomically
from samcheck.storage.private_paths import anonymous

from .verdict import Verdict

CODE = ("samcheck/guest", "tests/suite", "tests/faults")


@dataclass(frozen=True)
class Outcome:
    """What became of one fault.

    Attributes:
        not_seeded: why nothing can be said about it; empty as a rule.
        full: None where it was not tried in the full tier.
    """

    id: str
    title: str
    kind: str
    origin: str
    not_seeded: str = ""
    fast: Verdict | None = None
    full: Verdict | None = None
    seconds: float = 0.0

    @property
    def by(self) -> Verdict | None:
        """The verdict of the smallest tier that caught it, else of the last that was tried."""
        return self.full if self.full is not None else self.fast


@dataclass(frozen=True)
class CleanRun:
    """A run without a fault, and what failed in it all the same."""

    hash_seed: int
    threads: int
    shuffle: int
    failed: tuple[str, ...]
    seconds: float


@dataclass
class Report:
    """Everything that was found by one state of the code in one environment."""

    facts: dict[str, str]
    code: str
    started: str
    baseline: dict[str, int]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    clean: list[CleanRun] = field(default_factory=list)


_REPORT = TypeAdapter(Report)


def code_digest() -> str:
    """Of the suite, of what it stands on, and of the faults: results of other code do not mix."""
    summary = hashlib.sha256()
    for folder in CODE:
        for path in sorted((paths.ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".npz", ".ini"):
                summary.update(path.relative_to(paths.ROOT).as_posix().encode() + path.read_bytes())
    return summary.hexdigest()[:16]


def read(path: Path) -> Report | None:
    """The report of an earlier run; None if there is none that can be read."""
    try:
        return _REPORT.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write(folder: Path, report: Report) -> None:
    write_atomically(folder / "faults.json", _json(report))
    write_atomically(folder / "README.md", anonymous(markdown(report)).encode())


def _json(report: Report) -> bytes:
    return json.dumps(anonymous(_REPORT.dump_python(report, mode="json")), indent=1).encode() + b"\n"


def markdown(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    facts, outcomes = report.facts, list(report.outcomes.values())
    yield "# Does the suite see faults?"
    yield ""
    yield (
        "Each fault is a small patch of the installed packages (tests/faults/catalogue), seeded in the "
        "processes of one run of the suite. A fault is caught when a check that holds without it fails, "
        "crashes or runs out of time, or when the suite does not get to its end; checks that turn skipped or "
        "known do not count. A fault that no check saw is looked for by other means, and listed as not "
        "seeded if it changes nothing. Runs stop at the first check "
        "that sees the fault; checks that compare with the oracle come first. Written by `nox -s faults`; do "
        "not edit."
    )
    yield ""
    yield from (f"- {line}" for line in summary(report))
    yield f"- torch {facts['torch']}, torchvision {facts['torchvision']}, NumPy {facts['numpy']}, "
    yield f"  Python {facts['python']}, on {facts['device']} ({facts['cpu']}), {report.started[:10]}"
    yield ""
    missed = [each for each in outcomes if each.by is not None and not each.by.caught]
    if missed:
        yield from ("## Missed", "")
        yield from _table(missed)
    unseeded = [each for each in outcomes if each.not_seeded]
    if unseeded:
        yield from ("## Not seeded", "", *(f"- `{each.id}`: {each.not_seeded}" for each in unseeded), "")
    for kind in dict.fromkeys(each.kind for each in outcomes):
        yield from (f"## {kind.replace('_', ' ').capitalize()}", "")
        yield from _table([each for each in outcomes if each.kind == kind and each.by is not None])
    failed = [run for run in report.clean if run.failed]
    if failed:
        yield from ("## False alarms", "", *(f"- {run}" for run in failed), "")


def summary(report: Report) -> Iterator[str]:
    """The figures, one sentence each."""
    tried = [each for each in report.outcomes.values() if each.fast is not None]
    fast = sum(each.fast is not None and each.fast.caught for each in tried)
    if tried:
        yield f"fast tier: {fast} of {len(tried)} faults caught ({fast / len(tried):.0%})"
    if any(each.full is not None for each in tried):
        either = sum(each.by is not None and each.by.caught for each in tried)
        yield f"full tier: {either} of {len(tried)} ({either / len(tried):.0%})"
    if report.clean:
        alarms = sum(bool(run.failed) for run in report.clean)
        mean = sum(run.seconds for run in report.clean) / len(report.clean)
        yield (
            f"false alarms: {alarms} of {len(report.clean)} runs without a fault, with other hash seeds, "
            f"thread counts and orders, {mean:.0f} s each"
        )
    counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.baseline.items()))
    yield f"without a fault: {counted} checks"


def _table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield from ("| fault | what is broken | caught by | reason | s |", "| --- | --- | --- | --- | --- |")
    for each in outcomes:
        verdict = each.by
        assert verdict is not None
        by = f"`{verdict.check}`" if verdict.caught else "**missed**"
        if verdict.outcome not in ("", "failed"):
            by += f" ({verdict.outcome})"
        tier = ", full tier" if each.full is not None and verdict.caught else ""
        cells = (f"`{each.id}`", each.title, by + tier, verdict.reason, f"{each.seconds:.0f}")
        yield "| " + " | ".join(_cell(text) for text in cells) + " |"
    yield ""


def _cell(text: str) -> str:
    """Text for one cell of a table: one line, and no longer than two."""
    line = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    line = line.replace(f"{paths.ROOT}/", "").replace(str(Path.home()), "~")
    return line if len(line) <= 200 else line[:199] + "…"
