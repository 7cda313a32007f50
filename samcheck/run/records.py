"""Records of a cell → the result of each check.

A record is a file that the host writes, with the events of one start of the suite that `samcheck.run.intake`
accepted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from samcheck import files
from samcheck.codec import RecordDecoder
from samcheck.environments import EndCause, Ended, channel
from samcheck.errors import BadInput
from samcheck.guest.node_ids import module_of
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import DETAILS_LIMIT, CheckResult

#: Maximum bytes of one start's record: what a guest may report, and what the host adds to it.
LARGEST_RECORD = 2 * channel.TOTAL_LIMIT
#: pytest's exit statuses after a complete session: all passed, some failed, or no tests.
ALL_RAN = (0, 1, 5)
#: The host learns of a check's start slightly after the guest's own timer for the limit has started.
TIMEOUT_SLACK = 0.9
_CHECK = RecordDecoder(CheckResult)


@dataclass
class Journal:
    """The events of one start of the suite so far.

    Attributes:
        collected: every check that the guest was going to run, as ``not-run``.
        finished: results by check.
        running: the check that has started but not finished, with the seconds at its start.
        importing: the module whose checks were about to be collected.
        broken: modules that could not be imported, as failed results.
        weights: description of each variant's weights.
        exit_status: pytest's exit status, once the session has ended normally.
        computing: how far the running check's reference is: steps done, all steps, seconds so far.
        references: seconds that each finished one has taken.
        lines: number of lines read.
        torn: whether a line is missing or unreadable: the file was damaged.
    """

    collected: dict[str, CheckResult] = field(default_factory=dict)
    finished: dict[str, CheckResult] = field(default_factory=dict)
    running: tuple[str, float] | None = None
    importing: str = ""
    broken: list[CheckResult] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)
    exit_status: int | None = None
    computing: tuple[int, int, float] | None = None
    references: list[float] = field(default_factory=list)
    lines: int = 0
    torn: bool = False

    def feed(self, line: bytes) -> None:
        """Read one line; skip a damaged one and note that."""
        try:
            event = json.loads(line)
            self._take(event)
            self.torn = self.torn or event["n"] != self.lines
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            self.torn = True
        self.lines += 1

    def _take(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "importing":
                self.importing = str(event["module"])
            case "collected":
                self.importing = ""
                results = [_CHECK.taken(check) for check in event["checks"]]
                self.collected = {result.check: result for result in results}
            case "started":
                self.running = (str(event["check"]), float(event["at"]))
                self.computing = None
            case "finished":
                result = _CHECK.taken(event["result"])
                self.finished[result.check] = result
                if self.running is not None and self.running[0] == result.check:
                    self.running = None
            case "not-collected":
                self.broken.append(_broken(event))
            case "computing":
                done, total, seconds = int(event["done"]), int(event["total"]), float(event["seconds"])
                self.computing = (done, total, seconds) if done < total else None
                if done == total:
                    self.references.append(seconds)
            case "weights":
                self.weights[str(event["variant"])] = str(event["description"])
            case "ended":
                self.exit_status = int(event["exit_status"])

    @property
    def standing(self) -> tuple[int, int, tuple[str, float] | None, int | None]:
        """A state that changes whenever the suite makes progress."""
        return len(self.collected), len(self.finished), self.running, self.exit_status

    @property
    def complete(self) -> bool:
        """Whether every collected check has ended, and pytest reports that these are all."""
        return self.exit_status in ALL_RAN and not self.running and not self.unfinished

    @property
    def unfinished(self) -> list[str]:
        """The collected checks that have not ended."""
        return [check for check in self.collected if check not in self.finished]


def read(path: Path) -> Journal:
    """Read the events in a record, if there is one. Ignores an incomplete last line."""
    journal = Journal()
    try:
        content = files.read(path, LARGEST_RECORD)
    except files.Missing:
        return journal
    except BadInput:  # a check outside a container has put something else in its place
        journal.torn = True
        return journal
    for line in content.split(b"\n")[:-1]:
        journal.feed(line)
    return journal


def _broken(event: dict[str, Any]) -> CheckResult:
    module = str(event["module"])
    return CheckResult(
        check=module,
        group=str(event["group"]),
        outcome=CheckOutcome.FAILED,
        reason=f"the module cannot be imported: {event['reason']}",
        details=str(event["details"]),
    )


def group_of_check(check: str) -> str:
    """Return the group of a check, or of all checks of a module, by its name."""
    return module_of(check).removeprefix("test_").removesuffix(".py")


@dataclass(frozen=True)
class Attempt:
    """One start of the suite in a cell.

    Attributes:
        ended: how the guest ended; None if samcheck itself was killed or interrupted, so that the running
            check is not to blame.
        ended_at: seconds since the start, on the journal's clock.
        output: tail of the guest's output.
    """

    journal: Journal
    ended: Ended | None
    ended_at: float
    output: str

    @property
    def complete(self) -> bool:
        return self.journal.complete

    @property
    def died_at_exit(self) -> bool:
        """Whether the interpreter died after the suite was over, as it can while libraries are unloaded."""
        if self.ended is None or not self.complete:
            return False
        return self.ended.exit_code != self.journal.exit_status

    def blamed(self, check_timeout: float) -> CheckResult | None:
        """Return the check at which the suite ended prematurely, with the reason; None if there is none."""
        if self.ended is None or self.complete:
            return None
        if self.journal.running is not None:
            return self._died_in(*self.journal.running, check_timeout)
        if self.journal.importing:
            return self._died_importing(self.journal.importing)
        if self.journal.finished and self.journal.unfinished:
            return self._died_behind(list(self.journal.finished.values())[-1])
        return None

    def _died_in(self, check: str, started: float, check_timeout: float) -> CheckResult:
        took = max(0.0, self.ended_at - started)
        assert self.ended is not None
        late = took >= TIMEOUT_SLACK * check_timeout or self.ended.cause is EndCause.NO_PROGRESS
        if late:
            reason = f"stopped at its time limit of {check_timeout:.0f} s"
        elif self.journal.exit_status is not None:
            reason = f"it ended the whole suite: pytest status {self.journal.exit_status}"
        else:
            reason = f"the interpreter died: {self.ended}"
        outcome = CheckOutcome.TIMED_OUT if late else CheckOutcome.CRASHED
        result = self.journal.collected[check]
        return replace(result, outcome=outcome, reason=reason, details=self.output, seconds=round(took, 3))

    def _died_importing(self, module: str) -> CheckResult:
        reason = f"the interpreter died while it was imported: {self.ended}"
        group = group_of_check(module)
        return CheckResult(module, group, CheckOutcome.CRASHED, reason=reason, details=self.output)

    def _died_behind(self, last: CheckResult) -> CheckResult:
        """Blame the previous check for a suite that ends between two checks: the most likely cause."""
        if last.outcome.is_bad:
            return last
        reason = f"the suite ended after it, before all checks had run: {self.ended}"
        return replace(
            last,
            outcome=CheckOutcome.CRASHED,
            reason=reason,
            defect=None,
            evidence="",
            details=self.output,
        )


def read_attempt(record: Path, end: Path, output: Path) -> Attempt:
    """Read an attempt from its three files, some of which samcheck may not have written."""
    journal = read(record)
    ended, at = _read_end(end)
    if journal.torn:
        # As if interrupted: keep what is readable, and run the rest again.
        ended, journal.exit_status, journal.running = None, None, None
    return Attempt(journal, ended, at, tail(output))


def attempts_in(folder: Path) -> list[Attempt]:
    """Read the attempts of an earlier samcheck from their files."""
    numbers = range(1, len(list(folder.glob("output-*.log"))) + 1)
    return [
        read_attempt(journal_path(folder, n), folder / f"ended-{n}.json", folder / f"output-{n}.log")
        for n in numbers
    ]


def journal_path(folder: Path, number: int) -> Path:
    """Return the path of what the guest reported in its start with this number."""
    return folder / f"journal-{number}.jsonl"


def _read_end(path: Path) -> tuple[Ended | None, float]:
    """Read how the guest ended, and when; None if that was not recorded, or the record is damaged."""
    try:
        stored = files.parsed_json(files.read(path))
        cause = EndCause(stored["cause"]) if stored["cause"] else None
        return Ended(stored["exit_code"], stored["signal"], cause), float(stored["at"])
    except (BadInput, ValueError, KeyError, TypeError):
        return None, 0.0


def tail(path: Path) -> str:
    """Return the last characters of a file with arbitrary content."""
    return files.tail(path, DETAILS_LIMIT).decode("utf-8", "replace")


def settled(attempts: Sequence[Attempt], check_timeout: float) -> dict[str, CheckResult]:
    """Return every finished or blamed check, by its name; these are not run again."""
    results: dict[str, CheckResult] = {}
    for attempt in attempts:
        results.update(attempt.journal.finished)
        blamed = attempt.blamed(check_timeout)
        if blamed is not None:
            results[blamed.check] = blamed
    return results


def verdicts(attempts: Sequence[Attempt], check_timeout: float) -> list[CheckResult]:
    """Return one result for each check that was ever collected, in the order of collection."""
    done = settled(attempts, check_timeout)
    merged: dict[str, CheckResult] = {}
    for attempt in attempts:
        for name, check in attempt.journal.collected.items():
            merged[name] = done.get(name) or replace(check, reason=_stop_reason(attempts))
    merged = {**merged, **{check: result for check, result in done.items() if check not in merged}}
    for attempt in attempts:
        merged.update({result.check: result for result in attempt.journal.broken})
    return list(merged.values())


def _stop_reason(attempts: Sequence[Attempt]) -> str:
    ended = attempts[-1].ended
    return f"the suite stopped before it: {ended}" if ended else "the run was interrupted"
