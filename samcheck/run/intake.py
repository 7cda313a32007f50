"""A guest's reports → the events that the host accepts (pure, except for the clock).

A check runs in the process that reports on it, so it can lie about itself. It must not be able to retract
earlier reports, end another check, or report one twice. Whatever a guest sends, the output here is
well-formed and in order, and every started check ends:

- ``collected`` checks stay collected: a later list adds to them, and ends the running check;
- a check can start only if it was collected, and end only while it is running;
- a second report on a check fails it, even after the session's end, because one of the two is not pytest's;
- times are the host's, from its monotonic clock: no check took longer than it was seen to run.

Undetectable from outside: whether the events of a check that has not run yet come from pytest, or from an
earlier check that imitates it and then ends the process. See docs/explanations/trust.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from samcheck.codec import RecordDecoder
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import GROUP_NAMES, CheckResult, Series
from samcheck.run.records import Journal, group_of_check

#: Outcomes that a check can end with; whether it is intermittent is for the host to say.
ENDS = frozenset(CheckOutcome) - {CheckOutcome.NOT_RUN, CheckOutcome.INTERMITTENT}
#: pytest's: https://docs.pytest.org/en/stable/reference/exit-codes.html
EXIT_STATUSES = range(6)
#: Maximum characters kept of a name.
NAME_LIMIT = 1000
#: Far above any measurement, and squares and sums of it are still finite.
NUMBER_LIMIT = 1e100
#: Of a reference; vit_h has 32.
MOST_STEPS = 10_000
_CHECK = RecordDecoder(CheckResult)

Event = dict[str, Any]


class Intake:
    """The intake of lines from one start of the suite.

    Attributes:
        journal: what was accepted so far.
        unsound: whether nothing more is accepted, because the guest did not report how a check ended, or
            collected during one.
        advanced: when the suite last made progress, on `time.monotonic`'s clock. Output alone is no progress.
    """

    def __init__(self) -> None:
        self.journal = Journal()
        self.unsound = False
        self._begun = self.advanced = time.monotonic()
        self._number = 0
        self._suspicions: dict[str, str] = {}

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return round(time.monotonic() - self._begun, 3)

    def take(self, line: bytes) -> bytes:
        """Return the lines to record for one line of the guest: usually one, none if it is not accepted."""
        return b"".join(map(self._recorded, self._believed(_parsed(line))))

    def _recorded(self, event: Event) -> bytes:
        event = {**event, "at": self.seconds, "n": self._number}
        self._number += 1
        content = json.dumps(event, allow_nan=False).encode()
        before = self.journal.standing
        self.journal.feed(content)
        if self.journal.standing != before:
            self.advanced = time.monotonic()
        return content + b"\n"

    def _believed(self, event: Event) -> Iterator[Event]:
        if self.unsound:
            return
        over = self.journal.exit_status is not None
        match event.get("event"):
            case "importing" if not self.journal.collected:
                yield from _importing(event.get("module"))
            case "collected":
                yield from self._collected(event)
            case "not-collected" if self.journal.running is None:
                yield from _not_collected(event)
            case "started":
                yield from self._repeated(event.get("check")) if over else self._started(event.get("check"))
            case "finished":
                yield from self._repeated(_name(event)) if over else self._finished(event.get("result"))
            case "weights" if not over:
                yield from self._weights(event)
            case "computing" if self.journal.running is not None:
                yield from _computing(event)
            case "ended" if not over and _is_status(event.get("exit_status")):
                yield {"event": "ended", "exit_status": int(event["exit_status"])}

    def _collected(self, event: Event) -> Iterator[Event]:
        if not isinstance(event.get("checks"), list):
            return
        checks = [check for reported in event["checks"] if (check := _result(reported)) is not None]
        new = {check.check: _bare(check) for check in checks if check.check not in self.journal.collected}
        if new or not self.journal.collected:
            collected = {**self.journal.collected, **new}
            yield {"event": "collected", "checks": [asdict(check) for check in collected.values()]}
        if new and self.journal.running is not None:
            self.unsound = True
            reason = "it reported a collection, as pytest does"
            yield self._failed(self.journal.running[0], CheckOutcome.CRASHED, reason)

    def _started(self, check: object) -> Iterator[Event]:
        if not isinstance(check, str) or check not in self.journal.collected:
            return
        if self.journal.running is not None:
            # Whatever kept the guest from reporting this end would keep it from reporting the next one, too.
            self.unsound = True
            reason = "the guest continued without reporting its end"
            yield self._failed(self.journal.running[0], CheckOutcome.CRASHED, reason)
            return
        yield from self._repeated(check)
        yield {"event": "started", "check": check}

    def _finished(self, reported: object) -> Iterator[Event]:
        name = _name({"result": reported})
        running, since = self.journal.running or (None, 0.0)
        if name != running and isinstance(name, str) and name in self.journal.collected:
            yield from self._repeated(name)
            if running is not None:
                self._suspicions[running] = f"it reported the end of another check, {name[:NAME_LIMIT]}"
            return
        if running is None or name != running:
            return
        result = _result(reported)
        if result is None or result.outcome not in ENDS:
            reason = "what the guest reported about it is not a result"
            yield self._failed(running, CheckOutcome.FAILED, reason)
        elif running in self._suspicions:
            yield self._failed(running, CheckOutcome.FAILED, self._suspicions[running])
        else:
            seconds = max(0.0, min(result.seconds, self.seconds - since))
            result = replace(_as_collected(result, self.journal), seconds=round(seconds, 4))
            yield {"event": "finished", "result": asdict(result)}

    def _repeated(self, check: object) -> Iterator[Event]:
        """Fail, once, a check that has already ended."""
        if not isinstance(check, str) or check not in self.journal.finished:
            return
        reason = "it was reported twice, so one of the reports is not pytest's: another check wrote it"
        if self._suspicions.get(check) != reason:
            self._suspicions[check] = reason
            yield self._failed(check, CheckOutcome.FAILED, reason)

    def _failed(self, check: str, outcome: CheckOutcome, reason: str) -> Event:
        result = replace(self.journal.collected[check], outcome=outcome, reason=reason)
        return {"event": "finished", "result": asdict(result)}

    def _weights(self, event: Event) -> Iterator[Event]:
        variant, description = event.get("variant"), event.get("description")
        if isinstance(variant, str) and isinstance(description, str) and variant not in self.journal.weights:
            yield {"event": "weights", "variant": _text(variant), "description": _text(description)}


def _parsed(line: bytes) -> Event:
    """Parse the event in a line; empty if it is not an event."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _is_status(value: object) -> bool:
    return type(value) is int and value in EXIT_STATUSES


def _name(event: Event) -> object:
    """Return the name of the check that a reported result claims to be of."""
    result = event.get("result")
    return result.get("check") if isinstance(result, dict) else None


def _result(value: object) -> CheckResult | None:
    """Parse a reported result; None if it is not a result, or cannot be stored, read back and used."""
    try:
        result = _CHECK.taken(value)
        result = _CHECK.whole(_CHECK.read(json.dumps(asdict(result)).encode()))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return result if _usable(result) else None


def _usable(result: CheckResult) -> bool:
    """Return whether its name fits on one line of a list, and its numbers are within range."""
    one_line = not {"\n", "\r"} & set(result.check)
    return one_line and _moderate(result.metrics.values()) and all(map(_measured, result.series))


def _measured(series: Series) -> bool:
    samples = series.samples.values()
    return bool(series.samples.get("wall_ms")) and all(map(_moderate, (*samples, series.readings.values())))


def _moderate(numbers: Iterable[float]) -> bool:
    return all(abs(number) < NUMBER_LIMIT for number in numbers)


def _bare(check: CheckResult) -> CheckResult:
    """Reduce a check to what is known before it runs; anything else would be repeated with each blame."""
    return CheckResult(
        check.check,
        check.group,
        CheckOutcome.NOT_RUN,
        variant=check.variant,
        precision=check.precision,
        backend=check.backend,
    )


def _as_collected(result: CheckResult, journal: Journal) -> CheckResult:
    """Return the result with the group, variant and so on under which the check was collected."""
    known = journal.collected[result.check]
    return replace(
        result,
        group=known.group,
        variant=known.variant,
        precision=known.precision,
        backend=known.backend,
    )


def _importing(module: object) -> Iterator[Event]:
    if isinstance(module, str) and module.isprintable() and group_of_check(module):
        yield {"event": "importing", "module": _text(module)}


def _not_collected(event: Event) -> Iterator[Event]:
    module, reason, details = (event.get(name) for name in ("module", "reason", "details"))
    if isinstance(module, str) and group_of_check(module):
        group = event.get("group")
        content = {
            "group": group if group in GROUP_NAMES else group_of_check(module),
            "reason": _text(reason),
            "details": _text(details, 4 * NAME_LIMIT),
        }
        yield {"event": "not-collected", "module": _text(module), **content}


def _computing(event: Event) -> Iterator[Event]:
    """Accept how far a reference is, if it can be: the numbers are only shown."""
    done, total, seconds = (event.get(name) for name in ("done", "total", "seconds"))
    whole = type(done) is int and type(total) is int and type(seconds) is float
    if whole and 0 < done <= total <= MOST_STEPS and 0 < seconds < NUMBER_LIMIT:  # type: ignore[operator]
        yield {"event": "computing", "done": done, "total": total, "seconds": seconds}


def _text(value: object, most: int = NAME_LIMIT) -> str:
    """Return the start of a text, without lone surrogates, which JSON allows and UTF-8 does not."""
    return value[:most].encode("utf-8", "replace").decode() if isinstance(value, str) else ""
