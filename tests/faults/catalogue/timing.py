"""Instruments that measure something else than they say."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import replace


@fault("units that change: https://github.com/pytorch/pytorch/pull/123650", "profiler", "torch")
def profiler_in_nanoseconds() -> None:
    """PyTorch's profiler gives nanoseconds for microseconds."""
    replace(
        "torch.autograd.profiler_util:Interval.elapsed_us",
        lambda elapsed: lambda self: elapsed(self) * 1000,
    )


@fault("events of two subscribers of CUPTI", "profiler", "torch")
def profiler_counts_twice() -> None:
    """PyTorch's profiler has each event twice."""
    _change(lambda events: [*events, *events])


@fault(
    "another profiler that holds CUPTI: https://github.com/pytorch/pytorch/issues/99615", "profiler", "torch"
)
def profiler_sees_nothing() -> None:
    """PyTorch's profiler has no events, and does not say so."""
    _change(lambda events: [])


def _change(change: Any) -> None:
    replace("torch.profiler.profiler:_KinetoProfile.events", lambda events: lambda self: change(events(self)))
