"""The numbers in a result that can be compared, and what a change in them means (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from samcheck.guest.record import CellResult, CheckResult
from samcheck.measurable import UNMEASURABLE, deciding_clock, is_measurable, process_medians


@dataclass(frozen=True)
class Family:
    """How numbers of one kind are compared.

    Attributes:
        name: of the kind, for display.
        ratio: whether changes are relative (compared as logarithms), else absolute.
        worse: +1 if higher is worse, -1 if lower is worse.
        margin: the smallest change that matters; for relative changes, ratio minus one.
        exact: whether the number is reproducible for the same software and machine, so that any change
            that matters comes from the software.
        floor: smaller numbers are clamped to this, since their differences are rounding.
    """

    name: str
    ratio: bool
    worse: int
    margin: float
    exact: bool = False
    floor: float = 0.0

    def scale(self, value: float) -> float:
        """Return the number on the scale on which it is compared."""
        return math.log(max(value, self.floor)) if self.ratio else value

    def shown(self, change: float) -> str:
        """Return a change on that scale as text."""
        return f"{math.expm1(change):+.1%}" if self.ratio else f"{change:+.4f}"

    def between(self, low: float, high: float) -> str:
        """Return the interval of a change on that scale as text."""
        if self.ratio and not self.exact and not is_measurable(math.exp(low), math.exp(high)):
            return UNMEASURABLE
        return f"between {self.shown(low)} and {self.shown(high)}"

    @property
    def scaled_margin(self) -> float:
        return math.log1p(self.margin) if self.ratio else self.margin


LATENCY = Family("latency", ratio=True, worse=1, margin=0.03, floor=1e-6)
MEMORY = Family("resident memory", ratio=True, worse=1, margin=0.05, floor=1e-3)
#: On top of what is in use already: whether a 1 MiB block happens to be free makes it 2 MiB or 3.
NEEDED = replace(MEMORY, floor=16.0)
#: As counted by an allocator: the same steps take the same blocks.
ALLOCATED = Family("allocated memory", ratio=True, worse=1, margin=0.02, exact=True, floor=1e-3)
#: Against float64; the floor is the precision's own rounding, which varies between releases.
ERROR = Family("error", ratio=True, worse=1, margin=1.0, exact=True, floor=1e-3)
#: Lower floors: from PyTorch 1.13.1 to 2.15.0, float32 errors stay below 6e-7, and float16 errors above 1e-4
#: differ by at most 5 %.
ERROR_FLOORS = {"fp32": 1e-6, "fp16": 1e-4, "autocast-fp16": 1e-4, "tf32": 1e-4}
OVERLAP = Family("mask IoU", ratio=False, worse=-1, margin=0.005, exact=True)

#: Metrics by the end of their name; all others describe circumstances, not quality.
FAMILIES = (
    ("_held_mib", MEMORY),
    ("_allocated_mib", ALLOCATED),
    ("need_mib", NEEDED),
    ("_relative_l2", ERROR),
    ("score_error", ERROR),
    ("mask_iou", OVERLAP),
    ("mean_iou", OVERLAP),
    ("least_iou", OVERLAP),
)


@dataclass(frozen=True)
class Key:
    """One number of one check.

    Attributes:
        check: its name in the suite.
        metric: the number's name, with its unit.
    """

    check: str
    metric: str

    def __str__(self) -> str:
        return f"{self.check} {self.metric}"

    @classmethod
    def of(cls, name: str) -> Key:
        """Parse a key as written in files of A/A runs; no metric contains a space."""
        check, _, metric = name.rpartition(" ")
        return cls(check, metric)


@dataclass(frozen=True)
class Measure:
    """One number in one result.

    Attributes:
        values: on the family's scale, one for each undisturbed process.
        disturbed: why processes were left out, each reason once.
        runs: the values of each run, where they are of several.
        turns: for each process, disturbed or not, the values of its turns, if it took turns with another.
        conditions: what must match on both sides for the numbers to be comparable.
    """

    key: Key
    family: Family
    values: tuple[float, ...]
    conditions: tuple[tuple[str, str], ...] = ()
    disturbed: tuple[str, ...] = ()
    check: CheckResult | None = None
    turns: tuple[tuple[float, ...], ...] = ()
    runs: tuple[tuple[float, ...], ...] = ()

    @property
    def launch_bound(self) -> bool:
        """Whether it is a time in which the GPU waited for the host (`samcheck.guest.benchmark.kernels`)."""
        settings = self.check.settings if self.check else {}
        return self.family is LATENCY and settings.get("launch_bound") == "yes"

    @property
    def disturbed_processes(self) -> int:
        return max(len(self.turns) - len(self.values), 0)

    @property
    def by_run(self) -> tuple[tuple[float, ...], ...]:
        return self.runs or (self.values,)


#: Settings of a check that affect its numbers but are not compared; the last three are the batch sizes with
#: which memory peaks were measured.
CONDITIONS = ("device", "threads", "computed_in", "heap", "encode", "predict", "automatic")


def measures(result: CellResult, other: CellResult | None = None) -> Iterator[Measure]:
    """Yield every number in a result that can be compared.

    Args:
        other: what it is compared with: a time is by the clock that decides for both.
    """
    others = {check.check: check for check in other.checks if _is_timed(check)} if other else {}
    for check in result.checks:
        if not check.outcome.is_expected:
            continue
        conditions = tuple((name, check.settings[name]) for name in CONDITIONS if name in check.settings)
        weights = result.weights.get(check.variant or "")
        conditions += (("weights", weights),) if weights else ()
        if _is_timed(check):
            yield _timed(check, conditions, deciding_clock(check, others.get(check.check, check)))
        for name, value in check.metrics.items():
            family = family_of(name, check.precision)
            if family is not None:
                key = Key(check.check, name)
                yield Measure(key, family, (family.scale(value),), conditions, check=check)


def family_of(metric: str, precision: str | None) -> Family | None:
    """Return how a number is compared; None for circumstances."""
    family = next((candidate for end, candidate in FAMILIES if metric.endswith(end)), None)
    if family is ERROR:
        return replace(ERROR, floor=ERROR_FLOORS.get(precision or "", ERROR.floor))
    return family


def _is_timed(check: CheckResult) -> bool:
    timed = check.series or (check.group == "latency" and "median_ms" in check.metrics)
    return bool(timed) and check.outcome.is_expected


def _timed(check: CheckResult, conditions: tuple[tuple[str, str], ...], clock: str) -> Measure:
    """Return a benchmark's process medians; before schema 2 only one process's median was stored."""
    reasons = dict.fromkeys(reason for series in check.series for reason in series.disturbed)
    times = process_medians(check, clock) if check.series else [check.metrics["median_ms"]]
    values = tuple(map(LATENCY.scale, times))
    turns = tuple(tuple(map(LATENCY.scale, series.samples.get("turn_ms", ()))) for series in check.series)
    return Measure(Key(check.check, clock), LATENCY, values, conditions, tuple(reasons), check, turns)
