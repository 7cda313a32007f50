"""Journals of a cell → what became of each check (the host's side of `samcheck.guest.journal`)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from samcheck.environments import Ended
from samcheck.guest.record import CheckResult

DETAILS_LIMIT = 4000


@dataclass
class Journal:
    """One journal, read as far as it goes; fed line by line, so that it can be followed.

    Attributes:
        collected: every check that the guest set out to run, as ``not-run``.
        finished: results by check.
        running: the check that was started and not finished, with the time of its start.
        broken: modules that could not be imported, as failed results.
        weights: what each variant carried.
        exit_status: pytest's, once the session ended in order.
    """

    collected: dict[str, CheckResult] = field(default_factory=dict)
    finished: dict[str, CheckResult] = field(default_factory=dict)
    running: tuple[str, float] | None = None
    broken: list[CheckResult] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)
    exit_status: int | None = None

    def feed(self, line: str) -> None:
        """Take in one line; a torn last line (the guest died while writing) is ignored."""
        try:
            event: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            return
        match event.get("event"):
            case "collected":
                results = (CheckResult(**each) for each in event["checks"])
                self.collected = {result.check: result for result in results}
            case "started":
                self.running = (event["check"], event["at"])
            case "finished":
                result = CheckResult(**event["result"])
                self.finished[result.check] = result
                self.running = None
            case "not-collected":
                self.broken.append(_broken(event))
            case "weights":
                self.weights[event["variant"]] = event["description"]
            case "ended":
                self.exit_status = event["exit_status"]


def _broken(event: dict[str, Any]) -> CheckResult:
    module = str(event["module"])
    return CheckResult(
        check=module,
        group=module.removeprefix("test_").removesuffix(".py"),
        outcome="failed",
        reason=f"the module cannot be imported: {event['reason']}",
        details=event["details"],
    )


class Follower:
    """Reads a journal while the guest writes it."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal()
        self.changed = time.monotonic()
        self._path = path
        self._offset = 0
        self._rest = b""

    def poll(self) -> bool:
        """Take in what is new; whether anything was."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                block = stream.read()
        except FileNotFoundError:
            return False
        if not block:
            return False
        self._offset += len(block)
        self.changed = time.monotonic()
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self.journal.feed(line.decode("utf-8", "replace"))
        return True


@dataclass(frozen=True)
class Attempt:
    """One start of the suite in a cell.

    Attributes:
        ended: how the guest ended; None when samcheck itself was killed or interrupted, and the check
            that was running is nobody's fault.
        ended_at: seconds since the epoch.
        output: tail of what the guest printed.
    """

    journal: Journal
    ended: Ended | None
    ended_at: float
    output: str

    @property
    def complete(self) -> bool:
        return self.journal.exit_status is not None

    def blamed(self, check_timeout: float) -> CheckResult | None:
        """The check in which the guest died, with the reason; None if it died in none."""
        if self.ended is None or self.journal.running is None:
            return None
        check, started = self.journal.running
        base = self.journal.collected.get(check)
        if base is None:
            return None
        took = self.ended_at - started
        late = took >= check_timeout or self.ended.cause == "no progress"
        reason = (
            f"stopped at its time limit of {check_timeout:.0f} s"
            if late
            else f"the interpreter died: {self.ended}"
        )
        return replace(
            base,
            outcome="timed-out" if late else "crashed",
            reason=reason,
            details=self.output,
            seconds=round(took, 3),
        )


def read_attempt(journal: Path, end: Path, output: Path) -> Attempt:
    """An attempt from its three files; those that the guest did not get to write may be missing."""
    follower = Follower(journal)
    follower.poll()
    ended, at = None, 0.0
    if end.exists():
        stored = json.loads(end.read_text(encoding="utf-8"))
        ended, at = Ended(stored["exit_code"], stored["signal"], stored["cause"]), stored["at"]
    return Attempt(follower.journal, ended, at, tail(output))


def tail(path: Path) -> str:
    """The last characters of a file that may hold anything."""
    if not path.exists():
        return ""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - DETAILS_LIMIT))
        return stream.read().decode("utf-8", "replace")


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
    for result in _ever_collected(attempts):
        merged[result.check] = done.get(result.check) or replace(result, reason=_stopped(attempts))
    for attempt in attempts:
        merged.update({result.check: result for result in attempt.journal.broken})
    return list(merged.values())


def _ever_collected(attempts: Sequence[Attempt]) -> Iterator[CheckResult]:
    for attempt in attempts:
        yield from attempt.journal.collected.values()


def _stopped(attempts: Sequence[Attempt]) -> str:
    ended = attempts[-1].ended
    return f"the suite stopped before: {ended}" if ended else "the run was interrupted"
