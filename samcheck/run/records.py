"""Records of a cell → what became of each check.

A record is a file of the host's with the events of one start of the suite, as far as `samcheck.run.intake`
believed them.
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
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import DETAILS_LIMIT, CheckResult, module_of

#: Bytes of one start's record: what a guest may say in it, and what is noted beside that.
LARGEST_RECORD = 2 * channel.TOTAL_LIMIT
#: Of pytest: it ran all that it had to run: some, with success or not, or none.
ALL_RAN = (0, 1, 5)
#: The host hears of a check's start a little after the guest's own clock for the time limit was set.
TIMEOUT_SLACK = 0.9
_CHECK = RecordDecoder(CheckResult)


@dataclass
class Journal:
    """The events of one start of the suite, as far as they go.

    Attributes:
        collected: every check that the guest set out to run, as ``not-run``.
        finished: results by check.
        running: the check that was started and not finished, with the seconds at its start.
        importing: the module whose checks were about to be collected.
        broken: modules that could not be imported, as failed results.
        weights: what each variant carried.
        exit_status: pytest's, once the session ended in order.
        lines: how many were taken.
        torn: one is missing or cannot be read: the file was damaged.
    """

    collected: dict[str, CheckResult] = field(default_factory=dict)
    finished: dict[str, CheckResult] = field(default_factory=dict)
    running: tuple[str, float] | None = None
    importing: str = ""
    broken: list[CheckResult] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)
    exit_status: int | None = None
    lines: int = 0
    torn: bool = False

    def feed(self, line: bytes) -> None:
        """Take in one line; one that is damaged is passed over, and noted."""
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
            case "finished":
                result = _CHECK.taken(event["result"])
                self.finished[result.check] = result
                if self.running is not None and self.running[0] == result.check:
                    self.running = None
            case "not-collected":
                self.broken.append(_broken(event))
            case "weights":
                self.weights[str(event["variant"])] = str(event["description"])
            case "ended":
                self.exit_status = int(event["exit_status"])

    @property
    def standing(self) -> tuple[int, int, tuple[str, float] | None, int | None]:
        """Changes whenever the suite gets on."""
        return len(self.collected), len(self.finished), self.running, self.exit_status

    @property
    def complete(self) -> bool:
        """Whether every check that was collected has an end, and pytest says that these are all."""
        return self.exit_status in ALL_RAN and not self.running and not self.unfinished

    @property
    def unfinished(self) -> list[str]:
        """The checks that were collected and have no end."""
        return [check for check in self.collected if check not in self.finished]


def read(path: Path) -> Journal:
    """The events in a record; none where there is none. A line that is not whole is left out."""
    journal = Journal()
    try:
        content = files.read(path, LARGEST_RECORD)
    except files.Missing:
        return journal
    except BadInput:  # a check outside of a container has put something else in its place
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
    """The group of a check, or of all checks of a module, by its name."""
    return module_of(check).removeprefix("test_").removesuffix(".py")


@dataclass(frozen=True)
class Attempt:
    """One start of the suite in a cell.

    Attributes:
        ended: how the guest ended; None when samcheck itself was killed or interrupted, and the check
            that was running is nobody's fault.
        ended_at: seconds since the start, on the clock of the journal.
        output: tail of what the guest printed.
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
        """Whether the interpreter died once the suite was over, as it can while libraries are unloaded."""
        if self.ended is None or not self.complete:
            return False
        return self.ended.exit_code != self.journal.exit_status

    def blamed(self, check_timeout: float) -> CheckResult | None:
        """The check at which the suite stopped short of its end, with the reason; None if at none."""
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
        """A suite that stops between two checks: the one before has done it, as far as anybody can know."""
        if last.outcome.is_bad:
            return last
        reason = f"the suite ended behind it, before all checks had run: {self.ended}"
        return replace(
            last,
            outcome=CheckOutcome.CRASHED,
            reason=reason,
            defect=None,
            evidence="",
            details=self.output,
        )


def read_attempt(record: Path, end: Path, output: Path) -> Attempt:
    """An attempt from its three files; those that samcheck did not get to write may be missing."""
    journal = read(record)
    ended, at = _read_end(end)
    if journal.torn:
        # As if interrupted: what can be read is kept, and the rest runs again.
        ended, journal.exit_status, journal.running = None, None, None
    return Attempt(journal, ended, at, tail(output))


def _read_end(path: Path) -> tuple[Ended | None, float]:
    """How the guest ended and when; None if that was not noted, or the note is damaged."""
    try:
        stored = files.parsed_json(files.read(path))
        cause = EndCause(stored["cause"]) if stored["cause"] else None
        return Ended(stored["exit_code"], stored["signal"], cause), float(stored["at"])
    except (BadInput, ValueError, KeyError, TypeError):
        return None, 0.0


def tail(path: Path) -> str:
    """The last characters of a file that may hold anything."""
    return files.tail(path, DETAILS_LIMIT).decode("utf-8", "replace")


def settled(attempts: Sequence[Attempt], check_timeout: float) -> dict[str, CheckResult]:
    """Every check that is finished or blamed, by its name; these are not run again."""
    results: dict[str, CheckResult] = {}
    for attempt in attempts:
        results.update(attempt.journal.finished)
        blamed = attempt.blamed(check_timeout)
        if blamed is not None:
            results[blamed.check] = blamed
    return results


def verdicts(attempts: Sequence[Attempt], check_timeout: float) -> list[CheckResult]:
    """One result for each check that was ever collected, in the order of collection."""
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
    return f"the suite stopped before: {ended}" if ended else "the run was interrupted"
