"""Signals that end samcheck: each ends it cleanly, once, with everything it started."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from samcheck import streams

#: Ctrl-C, CI cancellation, a closed terminal, Ctrl-\, and what batch systems send before they kill.
#: Their default would end samcheck at once and leave its containers running.
ENDING = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
#: Repeats within this time count as one request: batch systems and impatient people send several.
REPEAT_SECONDS = 2.0


class _SignalState:
    """State of the signals received so far."""

    def __init__(self) -> None:
        self.polled = False
        self.held = False
        self.asked = False
        self.ever_asked = False
        self.last = float("-inf")


_state = _SignalState()


def install() -> None:
    """Make each signal raise KeyboardInterrupt in the main thread.

    Signals ignored at the start stay ignored, as `nohup` and shells intend; except SIGTERM, or a CI that
    ignores it by accident could only kill.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)  # a parent may have left them blocked
    for number in ENDING:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def _end(number: int, frame: object) -> None:
    streams.hurry()
    _state.asked = _state.ever_asked = True
    now = time.monotonic()
    if _state.polled or _state.held or now - _state.last < REPEAT_SECONDS:
        return
    _state.last = now
    raise KeyboardInterrupt


def asked() -> bool:
    """Return whether samcheck was ever asked to end: some libraries convert KeyboardInterrupt."""
    return _state.ever_asked


@contextmanager
def polled() -> Iterator[None]:
    """Defer signals until `check` is called.

    An exception at an arbitrary point in the main thread could leave a lock held for ever.
    """
    before, _state.polled, _state.asked = _state.polled, True, False
    try:
        yield
    finally:
        _state.polled = before


def check() -> None:
    """Raise a deferred signal; call this repeatedly while signals are `polled`.

    Raises:
        KeyboardInterrupt: samcheck was asked to end.
    """
    if _state.asked:
        _state.last = time.monotonic()
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Ignore signals while cleaning up: a second Ctrl-C must not interrupt what the first one started."""
    before, _state.held = _state.held, True
    try:
        yield
    finally:
        _state.held, _state.last = before, time.monotonic()


def ignore() -> None:
    """Ignore signals at the very end: Python drops its handlers shortly before it exits."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
