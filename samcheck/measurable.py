"""How long a step takes, as it is shown: an interval from several undisturbed processes, or no number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, median, variance

from samcheck.guest.record import CheckResult

#: The samples of a benchmark by the host's clock, and by the GPU's.
WALL, DEVICE = "wall_ms", "device_ms"

#: Of the ends of an interval; a wider one says that this machine could not measure it.
MOST_SPREAD = 1.5
UNMEASURABLE = "not measurable on this machine"
#: Disturbed processes for each undisturbed one. Where there were more, others shared the machine all the
#: time; over a whole run, they have slowed it down by half without being seen.
MOST_DISTURBED = 0.34

#: Ends of the names of numbers that depend on how busy the machine was, and of those of their interval.
TIMES = (
    *("_ms", "_s", "seconds", "time_ratio", "seconds_ratio", "encoder_share", "timer_share", "_matrix_rate"),
    "of_the_second_call",
)
LOW, HIGH = "_low", "_high"
#: Begins the name of a number that somebody else states.
CLAIMED = "claimed_"

#: Standard deviation between runs, of logarithms, if no A/A run of the machine is stored: a conservative
#: guess, since shared machines vary by 3 to 10 % from one hour to the next.
ASSUMED_RUN_SD = 0.04
#: Degrees of freedom attributed to an assumed variance.
ASSUMED_DEGREES = 8.0
#: The 97.5 % quantile of Student's t with `ASSUMED_DEGREES`.
_QUANTILE = 2.306


def is_measurable(low: float, high: float) -> bool:
    """Whether the interval of a time or ratio is narrow enough to be shown."""
    return 0 < low <= high <= MOST_SPREAD * low


def limits(metrics: Mapping[str, float], name: str) -> tuple[float, float] | None:
    """The interval that was stored with a number; None if there is none."""
    low, high = metrics.get(f"{name}{LOW}"), metrics.get(f"{name}{HIGH}")
    return None if low is None or high is None else (low, high)


def is_time(metric: str) -> bool:
    """Whether a number depends on how busy the machine was."""
    return metric.endswith(TIMES) and not metric.startswith(CLAIMED)


def deciding_clock(*checks: CheckResult) -> str:
    """Which samples say how long a benchmark takes: the GPU's, where each process of `checks` has them.

    The host's also time what the host does until it notices that the GPU has finished.
    """
    has = (check.series and all(series.samples.get(DEVICE) for series in check.series) for check in checks)
    return DEVICE if all(has) else WALL


def process_medians(check: CheckResult, clock: str = "") -> list[float]:
    """The median of each undisturbed process, in ms, by the deciding clock unless another one is named."""
    name = clock or deciding_clock(check)
    samples = (series.samples.get(name) for series in check.series if not series.disturbed)
    return [median(times) for times in samples if times]


@dataclass(frozen=True)
class StepTime:
    """How long the step of a benchmark takes.

    Attributes:
        limits: its 95 % interval in ms, over processes and runs; None where `because` says why.
        processes: undisturbed ones.
        disturbed: those that were left out.
        clock: whose time it is, see `deciding_clock`.
    """

    limits: tuple[float, float] | None
    processes: int
    disturbed: int
    because: str = ""
    clock: str = WALL

    def __str__(self) -> str:
        if self.limits is None:
            return self.because
        low, high = self.limits
        left_out = f", {self.disturbed} disturbed left out" if self.disturbed else ""
        where = " on the GPU" if self.clock == DEVICE else ""
        return f"{low:.4g} to {high:.4g} ms{where} ({self.processes} processes{left_out})"


def step_time(check: CheckResult) -> StepTime | None:
    """How long the step of a check takes; None if it times none."""
    if not check.series and (check.group != "latency" or "median_ms" not in check.metrics):
        return None
    times, disturbed = process_medians(check), check.disturbed
    if len(times) < 2:
        return StepTime(None, len(times), disturbed, _too_few(len(times), disturbed))
    low, high = _limits(times)
    if disturbed > MOST_DISTURBED * len(times) or not is_measurable(low, high):
        return StepTime(None, len(times), disturbed, UNMEASURABLE)
    return StepTime((low, high), len(times), disturbed, clock=deciding_clock(check))


def _too_few(processes: int, disturbed: int) -> str:
    if not disturbed:
        return "no interval: one process only (--processes 5 measures it in five)"
    if processes + disturbed == 1:
        return "no interval: the only process was disturbed"
    left = "only one" if processes else "none"
    return f"no interval: {left} of {processes + disturbed} processes was undisturbed"


def _limits(times: list[float]) -> tuple[float, float]:
    """The 95 % interval of the mean, as `samcheck.analysis.compare.statistics` has it without A/A runs.

    On a shared machine, runs differ at least as much as the processes of one run.
    """
    logarithms = [math.log(max(time, 1e-6)) for time in times]
    middle, process = fmean(logarithms), variance(logarithms)
    half = _QUANTILE * math.sqrt(max(ASSUMED_RUN_SD**2, process) + process / len(times))
    return math.exp(middle - half), math.exp(middle + half)
