"""The next value to try, from the verdicts so far (pure).

Values are numbered from the good end, 0, to the bad end. Each step is decided from all verdicts, so an
interrupted search continues where it stopped once the finished verdicts are loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "bad", "untestable"]
State = Literal["open", "good", "bad", "untestable", "flaky"]
#: The verdict of each run, by value number.
Runs = Mapping[int, Sequence[Verdict]]


@dataclass(frozen=True)
class Probe:
    """A value to try, and why."""

    at: int
    why: str


@dataclass(frozen=True)
class Boundary:
    """The boundary, as close as it can be determined.

    Attributes:
        good, bad: the last good value and the first bad one.
        between: undecided values between these two: untestable or flaky.
        good_again: good values after `bad`: the outcome changes more than once, and this is the first change.
    """

    good: int
    bad: int
    between: tuple[int, ...] = ()
    good_again: tuple[int, ...] = ()

    @property
    def exact(self) -> bool:
        return not self.between


@dataclass(frozen=True)
class WrongEnd:
    """An end that is not what it was said to be, so that there is nothing to search."""

    at: int
    state: State


def bound(count: int) -> int:
    """Return the maximum number of testable values that are probed of `count`, without repeats."""
    return math.ceil(math.log2(count)) + 2


def state(runs: Sequence[Verdict]) -> State:
    """Return the state of a value from its runs; untestable runs count only if there are no others."""
    verdicts = set(runs) - {"untestable"}
    if len(verdicts) > 1:
        return "flaky"
    if "good" in verdicts:
        return "good"
    if "bad" in verdicts:
        return "bad"
    return "untestable" if runs else "open"


def next_step(count: int, runs: Runs, repeat: int = 2) -> Probe | Boundary | WrongEnd:
    """Return the next of `count` values to try, or the end of the search.

    Both ends come first, then the middle of the open values between the last good and the first bad one, then
    the values next to the boundary again, until each has `repeat` runs. `bound` says how many probes that
    takes.
    """
    states = [state(runs.get(at, ())) for at in range(count)]
    for end, wanted in ((0, "good"), (count - 1, "bad")):
        if states[end] == "open":
            return Probe(end, f"{wanted} end")
        if states[end] != wanted:
            return WrongEnd(end, states[end])
    bad = states.index("bad")
    good = max(at for at in range(bad) if states[at] == "good")
    still_open = [at for at in range(good + 1, bad) if states[at] == "open"]
    if still_open:
        return Probe(still_open[len(still_open) // 2], f"middle of {len(still_open)}")
    for at in (good, bad):
        if len(runs[at]) < repeat:
            return Probe(at, f"next to the boundary: run {len(runs[at]) + 1} of {repeat}")
    good_again = tuple(at for at in range(bad + 1, count) if states[at] == "good")
    return Boundary(good, bad, tuple(range(good + 1, bad)), good_again)
