"""Signals that end samcheck: each does so in order, once, and what was started ends with it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from samcheck import streams

#: Ctrl-C, CI's way to say it, a terminal that is gone, Ctrl-\, and what batch systems send before they kill.
#: Their default would end samcheck at once, with its containers left running.
ENDING = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
#: What comes again within so many seconds is the same wish: batch systems and impatient people repeat it.
REPEAT_SECONDS = 2.0


class _SignalState:
    """What has been asked for so far."""

    def __init__(self) -> None:
        self.polled = False
        self.held = False
        self.asked = False
        self.ever_asked = False
        self.last = float("-inf")


_state = _SignalState()


def install() -> None:
    """Have each of them raise KeyboardInterrupt in the main thread.

    What was ignored when samcheck started stays so, as `nohup` and shells mean it to; but not SIGTERM, or a
    CI that ignores it by accident could only kill.
    """
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)  # of a parent's that forgot to
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
    """Whether samcheck was ever asked to end: some libraries make KeyboardInterrupt an error of theirs."""
    return _state.ever_asked


@contextmanager
def polled() -> Iterator[None]:
    """Here a signal only counts once `check` is called.

    An exception between any two steps of the main thread could leave a lock of the threads' taken for ever.
    """
    before, _state.polled, _state.asked = _state.polled, True, False
    try:
        yield
    finally:
        _state.polled = before


def check() -> None:
    """Called again and again where signals are `polled`.

    Raises:
        KeyboardInterrupt: samcheck was asked to end.
    """
    if _state.asked:
        _state.last = time.monotonic()
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """While cleaning up: another Ctrl-C must not leave behind what the first one ends."""
    before, _state.held = _state.held, True
    try:
        yield
    finally:
        _state.held, _state.last = before, time.monotonic()


def ignore() -> None:
    """At the end, when nothing is left to be ended: Python drops its handlers a moment before it is gone."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
