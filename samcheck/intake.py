"""What a guest says → the events that the host believes (pure but for the clock).

A check runs in the process that reports on it, so it can lie about itself. It must not be able to take back
what was reported before it, to end another check, or to report one twice. Whatever a guest sends, what comes
out here is well-formed and in order, and every check that was started has an end:

- ``collected`` is believed once, before anything has run;
- a check is started only if it was collected, and ended only while it is the one that runs;
- a second report on a check fails it, because one of the two is not pytest's;
- times are the host's, from its monotonic clock.

What cannot be found out from outside: whether the events of a check that has not yet run come from pytest, or
from an earlier check that imitates it and then ends the process. See docs/trust.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from samcheck.collect import Journal, group_of_check
from samcheck.guest.record import CHECK_OUTCOMES, GROUP_NAMES, CheckResult
from samcheck.shapes import Shape

#: What a check can have come to when its end is reported.
ENDS = frozenset(CHECK_OUTCOMES) - {"not-run"}
#: Of pytest: https://docs.pytest.org/en/stable/reference/exit-codes.html
EXIT_STATUSES = range(6)
#: Characters of a name that are kept.
NAME_LIMIT = 1000
_CHECK = Shape(CheckResult)

Event = dict[str, Any]


class Intake:
    """Takes the lines of one start of the suite.

    Attributes:
        journal: what was believed so far.
        unsound: nothing more is believed, because the guest did not report how a check ended.
    """

    def __init__(self) -> None:
        self.journal = Journal()
        self.unsound = False
        self._begun = time.monotonic()
        self._number = 0
        self._suspicions: dict[str, str] = {}

    @property
    def seconds(self) -> float:
        """Since the start."""
        return round(time.monotonic() - self._begun, 3)

    def take(self, line: bytes) -> bytes:
        """The lines to record for one of the guest's; often one, none if it says nothing that is believed."""
        said = _parsed(line)
        return b"".join(self._recorded(event) for event in self._believed(said))

    def _recorded(self, event: Event) -> bytes:
        event = {**event, "at": self.seconds, "n": self._number}
        self._number += 1
        content = json.dumps(event, allow_nan=False).encode()
        self.journal.feed(content)
        return content + b"\n"

    def _believed(self, said: Event) -> Iterator[Event]:
        if self.unsound or self.journal.exit_status is not None:
            return
        match said.get("event"):
            case "collected":
                yield from self._collected(said)
            case "not-collected" if not self.journal.collected:
                yield from _not_collected(said)
            case "started":
                yield from self._started(said.get("check"))
            case "finished":
                yield from self._finished(said.get("result"))
            case "weights":
                yield from self._weights(said)
            case "ended" if _is_status(said.get("exit_status")):
                yield {"event": "ended", "exit_status": int(said["exit_status"])}

    def _collected(self, said: Event) -> Iterator[Event]:
        if self.journal.collected or self.journal.finished or not isinstance(said.get("checks"), list):
            return
        checks = [result for each in said["checks"] if (result := _result(each)) is not None]
        bare = [asdict(replace(check, outcome="not-run", reason="", details="")) for check in checks]
        yield {"event": "collected", "checks": bare}

    def _started(self, check: object) -> Iterator[Event]:
        if not isinstance(check, str) or check not in self.journal.collected:
            return
        if self.journal.running is not None:
            # Whatever keeps the guest from reporting ends would keep it from reporting the next one's, too.
            self.unsound = True
            yield self._failed(
                self.journal.running[0], "crashed", "the guest went on without reporting its end"
            )
            return
        if check in self.journal.finished:
            yield from self._disputed(check)
        yield {"event": "started", "check": check}

    def _finished(self, reported: object) -> Iterator[Event]:
        name = reported.get("check") if isinstance(reported, dict) else None
        running = self.journal.running[0] if self.journal.running else None
        if name != running and isinstance(name, str) and name in self.journal.collected:
            if name in self.journal.finished:
                yield from self._disputed(name)
            if running is not None:
                self._suspicions[running] = f"it reported the end of another check, {name}"
            return
        if running is None or name != running:
            return
        result = _result(reported)
        if result is None or result.outcome not in ENDS:
            yield self._failed(running, "failed", "what the guest reported of it is not a result")
        elif running in self._suspicions:
            yield self._failed(running, "failed", self._suspicions[running])
        else:
            yield {"event": "finished", "result": asdict(_as_collected(result, self.journal))}

    def _disputed(self, check: str) -> Iterator[Event]:
        reason = "it was reported twice, so that one of the reports is not pytest's: another check wrote it"
        self._suspicions[check] = reason
        yield self._failed(check, "failed", reason)

    def _failed(self, check: str, outcome: str, reason: str) -> Event:
        result = replace(self.journal.collected[check], outcome=outcome, reason=reason)
        return {"event": "finished", "result": asdict(result)}

    def _weights(self, said: Event) -> Iterator[Event]:
        variant, description = said.get("variant"), said.get("description")
        if isinstance(variant, str) and isinstance(description, str) and variant not in self.journal.weights:
            yield {"event": "weights", "variant": _text(variant), "description": _text(description)}


def _parsed(line: bytes) -> Event:
    """The event in a line; empty for what is none."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_status(value: object) -> bool:
    return type(value) is int and value in EXIT_STATUSES


def _result(value: object) -> CheckResult | None:
    """The result in what a guest said; None if it is none, or could not be stored and read again."""
    try:
        result = _CHECK.taken(value)
        return _CHECK.whole(_CHECK.read(json.dumps(asdict(result), allow_nan=False).encode()))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def _as_collected(result: CheckResult, journal: Journal) -> CheckResult:
    """With the group, variant and so on under which the check was collected."""
    known = journal.collected[result.check]
    return replace(
        result,
        group=known.group,
        variant=known.variant,
        precision=known.precision,
        backend=known.backend,
    )


def _not_collected(said: Event) -> Iterator[Event]:
    module, reason, details = (said.get(name) for name in ("module", "reason", "details"))
    if isinstance(module, str) and group_of_check(module):
        group = said.get("group")
        shown = {
            "group": group if group in GROUP_NAMES else group_of_check(module),
            "reason": _text(reason),
            "details": str(details)[: 4 * NAME_LIMIT],
        }
        yield {"event": "not-collected", "module": _text(module), **shown}


def _text(value: object) -> str:
    return str(value)[:NAME_LIMIT]
