"""What of a result can be compared as a number, and what a change of it means (pure)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

from samcheck.guest.record import CellResult, CheckResult, Series


@dataclass(frozen=True)
class Family:
    """How numbers of one kind are compared.

    Attributes:
        name: of the kind, for the reader.
        ratio: whether changes are relative (compared as logarithms), else absolute.
        worse: +1 where more is worse, -1 where less is.
        margin: the least change that matters; relative changes as ratio minus one.
        exact: whether the same software gives the same number again on the same machine, so that any
            change that matters is one of the software.
        floor: below it differences are rounding, and numbers count as this.
    """

    name: str
    ratio: bool
    worse: int
    margin: float
    exact: bool = False
    floor: float = 0.0

    def scale(self, value: float) -> float:
        """The number on the scale on which it is compared."""
        return math.log(max(value, self.floor)) if self.ratio else value

    def shown(self, change: float) -> str:
        """A change on that scale, for people."""
        return f"{math.expm1(change):+.1%}" if self.ratio else f"{change:+.4f}"

    @property
    def scaled_margin(self) -> float:
        return math.log1p(self.margin) if self.ratio else self.margin


LATENCY = Family("latency", ratio=True, worse=1, margin=0.03, floor=1e-6)
MEMORY = Family("resident memory", ratio=True, worse=1, margin=0.05, floor=1e-3)
#: Beyond what was in use already: a block of a mebibyte lies free or does not, 2 MiB one time and 3 the next.
NEEDED = replace(MEMORY, floor=16.0)
#: As an allocator counts it: the same steps take the same blocks.
ALLOCATED = Family("allocated memory", ratio=True, worse=1, margin=0.02, exact=True, floor=1e-3)
#: Against float64; a floor is what the precision rounds by itself, which releases do differently.
ERROR = Family("error", ratio=True, worse=1, margin=1.0, exact=True, floor=1e-3)
#: Where that is less: from PyTorch 1.13.1 to 2.15.0 errors in float32 stay below 6e-7, and those of float16
#: above 1e-4 differ by a twentieth at most.
ERROR_FLOORS = {"fp32": 1e-6, "fp16": 1e-4, "autocast-fp16": 1e-4, "tf32": 1e-4}
OVERLAP = Family("mask IoU", ratio=False, worse=-1, margin=0.005, exact=True)

#: Metrics by the end of their name; what is not here is a circumstance, not a quality.
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
        """The key whose text is `name`, as files of A/A runs have it; no metric has a space."""
        check, _, metric = name.rpartition(" ")
        return cls(check, metric)


@dataclass(frozen=True)
class Measure:
    """What one result says of one number.

    Attributes:
        values: on the family's scale, one for each undisturbed process.
        disturbed: why processes were left out, each reason once.
        turns: of each process, disturbed or not, the values of its turns, where it took turns with another.
        conditions: what must be the same on both sides for the numbers to be comparable.
    """

    key: Key
    family: Family
    values: tuple[float, ...]
    conditions: tuple[tuple[str, str], ...] = ()
    disturbed: tuple[str, ...] = ()
    check: CheckResult | None = None
    turns: tuple[tuple[float, ...], ...] = ()


#: Settings of a check that change its numbers without being what is compared; the last three say how much
#: was done at once where peaks of memory were measured.
CONDITIONS = ("device", "threads", "computed_in", "heap", "encode", "predict", "automatic")


def measures(result: CellResult) -> Iterator[Measure]:
    """Everything in a result that can be compared as a number."""
    for check in result.checks:
        if not check.outcome.is_expected:
            continue
        conditions = tuple((name, check.settings[name]) for name in CONDITIONS if name in check.settings)
        weights = result.weights.get(check.variant or "")
        conditions += (("weights", weights),) if weights else ()
        if check.series or (check.group == "latency" and "median_ms" in check.metrics):
            yield _timed(check, conditions)
        for name, value in check.metrics.items():
            family = family_of(name, check.precision)
            if family is not None:
                key = Key(check.check, name)
                yield Measure(key, family, (family.scale(value),), conditions, check=check)


def family_of(metric: str, precision: str | None) -> Family | None:
    """How a number is compared; None for what is a circumstance."""
    family = next((candidate for end, candidate in FAMILIES if metric.endswith(end)), None)
    if family is ERROR:
        return replace(ERROR, floor=ERROR_FLOORS.get(precision or "", ERROR.floor))
    return family


def _timed(check: CheckResult, conditions: tuple[tuple[str, str], ...]) -> Measure:
    """A benchmark: the medians of its processes; before schema 2 only that of one process was kept."""
    undisturbed = [_typical(series) for series in check.series if not series.disturbed]
    reasons = dict.fromkeys(reason for series in check.series for reason in series.disturbed)
    times = undisturbed if check.series else [check.metrics["median_ms"]]
    values = tuple(map(LATENCY.scale, times))
    turns = tuple(tuple(map(LATENCY.scale, series.samples.get("turn_ms", ()))) for series in check.series)
    return Measure(Key(check.check, "wall_ms"), LATENCY, values, conditions, tuple(reasons), check, turns)


def _typical(series: Series) -> float:
    return median(series.samples["wall_ms"])
