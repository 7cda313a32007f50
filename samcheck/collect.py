"""Journals of a cell → what became of each check (the host's side of `samcheck.guest.journal`)."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from samcheck.environments import Ended
from samcheck.guest.record import CheckResult
from samcheck.shapes import Shape

DETAILS_LIMIT = 4000
#: Of pytest: every check that was collected was also run.
ALL_RAN = (0, 1)
_CHECK = Shape(CheckResult)


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
        """Take in one line; one that is torn (the guest died while writing) or damaged is passed over."""
        try:
            self._take(_storable(json.loads(line)))
        except (ValueError, KeyError, TypeError, RecursionError):
            return

    def _take(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "collected":
                results = [_CHECK.taken(each) for each in event["checks"]]
                self.collected = {result.check: result for result in results}
            case "started":
                self.running = (str(event["check"]), float(event["at"]))
            case "finished":
                result = _CHECK.taken(event["result"])
                self.finished[result.check] = result
                self.running = None
            case "not-collected":
                self.broken.append(_broken(event))
            case "weights":
                self.weights[str(event["variant"])] = str(event["description"])
            case "ended":
                self.exit_status = int(event["exit_status"])

    @property
    def damaged(self) -> bool:
        """Whether pytest ran every check, and what became of one of them cannot be read any more."""
        return self.exit_status in ALL_RAN and not self.collected.keys() <= self.finished.keys()


def _storable(value: Any) -> Any:
    """Without what no JSON file can hold: half characters (of file names, say), numbers that are none."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items() if not _no_number(each)}
    return value


def _no_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _broken(event: dict[str, Any]) -> CheckResult:
    module = str(event["module"])
    return CheckResult(
        check=module,
        group=_group(module),
        outcome="failed",
        reason=f"the module cannot be imported: {event['reason']}",
        details=str(event["details"]),
    )


def _group(check: str) -> str:
    return check.partition("::")[0].removeprefix("test_").removesuffix(".py")


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
        except OSError:  # not there yet, or a check has put something else in its place
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
        base = self.journal.collected.get(check) or CheckResult(check, _group(check), "not-run")
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
    seen = follower.journal
    ended, at = _read_end(end)
    if seen.damaged and seen.finished:
        # As if interrupted: what can be read is kept, the rest runs again (which ends: some was kept).
        ended, seen.exit_status, seen.running = None, None, None
    return Attempt(seen, ended, at, tail(output))


def _read_end(path: Path) -> tuple[Ended | None, float]:
    """How the guest ended and when; None if that was not noted, or the note is damaged."""
    try:
        stored = json.loads(path.read_bytes())
        return Ended(stored["exit_code"], stored["signal"], stored["cause"]), float(stored["at"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None, 0.0


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
    merged = {**merged, **{check: result for check, result in done.items() if check not in merged}}
    for attempt in attempts:
        merged.update({result.check: result for result in attempt.journal.broken})
    return list(merged.values())


def _ever_collected(attempts: Sequence[Attempt]) -> Iterator[CheckResult]:
    for attempt in attempts:
        yield from attempt.journal.collected.values()


def _stopped(attempts: Sequence[Attempt]) -> str:
    ended = attempts[-1].ended
    return f"the suite stopped before: {ended}" if ended else "the run was interrupted"
