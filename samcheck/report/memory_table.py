"""Measured peaks of memory, how near the count comes to them, and what helps where they are too high."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from samcheck.guest.memory_model import STEPS
from samcheck.guest.record import PRECISION_NAMES, CellResult, CheckResult
from samcheck.guest.variant_names import VARIANT_TIERS
from samcheck.report.escaping import escape, grid, row_name
from samcheck.report.table_rows import ResultEntry, by_machine, without_checks
from samcheck.storage.results import Stored

GROUP = "peaks"
#: What a check has measured that belongs there.
NEEDED = {"encode_held_mib", "encode_plain_mib"}
ELSEWHERE = "Encoding one image by other backends"

INTRODUCTION = """\
# How much memory SAM takes, measured and counted

`Tensors` is what PyTorch's allocator had given out at the peak of a step, above what was there before (the
model is, and is not in it); `process` is by how much the process grew (resident memory on a CPU, what the
caching allocator reserved on a GPU). `Counted` is what `samcheck memory` says without running anything, and
the error is its distance from `tensors`. Of other backends only the process can be measured.

Written by `samcheck table`; do not edit.
"""
ELSEWHERE_HEADS = ("cell", "variant", "backend", "process, MiB", "plain PyTorch, MiB", "ratio")
STRATEGIES = "What helps when the automatic generator does not fit"
STRATEGIES_TEXT = """\
Each strategy under a real limit, which leaves a part of what the generator needs with 64 points in a batch;
with a large variant, whose encoder needs more, a part of what that needs in float32. The time, until it was
done or failed, is against the run without a limit in the same process. So are the masks: how well the one is
found again that is found worst, and the median.\
"""
STRATEGIES_HEADS = (
    "cell",
    "variant",
    "strategy",
    "recovers",
    "limit, MiB",
    "time",
    "least IoU",
    "median IoU",
)
HEADS = ("cell", "variant", "precision", "step", "tensors, MiB", "process, MiB", "counted, MiB", "error")


@dataclass(frozen=True)
class Peaks(ResultEntry):
    """What one result says of memory, as lines of the three tables."""

    lines: Sequence[Sequence[str]]
    others: Sequence[Sequence[str]]
    strategies: Sequence[Sequence[str]]


def peaks(stored: Stored) -> list[Peaks]:
    """One, or none where nothing was measured."""
    result = stored.result
    entry = Peaks(
        stored.device,
        stored.driver,
        without_checks(result),
        tuple(_peak_rows(result)),
        tuple(_other_backends(result)),
        tuple(_strategies(result)),
    )
    return [entry] if entry.lines or entry.others or entry.strategies else []


def document(every: Iterable[Peaks]) -> str:
    """The whole document; empty where nothing was measured."""
    parts = []
    for device, driver, group in by_machine(every):
        lines = [line for entry in group for line in entry.lines]
        if lines:
            parts += [f"## {escape(device)}, driver {escape(driver)}", "", *grid(HEADS, lines), ""]
        others = [line for entry in group for line in entry.others]
        if others:
            parts += [f"### {ELSEWHERE}, {escape(device)}", "", *grid(ELSEWHERE_HEADS, others), ""]
        strategies = [line for entry in group for line in entry.strategies]
        if strategies:
            parts += [f"### {STRATEGIES}, {escape(device)}", "", STRATEGIES_TEXT, ""]
            parts += [*grid(STRATEGIES_HEADS, strategies), ""]
    return "\n".join([INTRODUCTION, *parts]) if parts else ""


def _peak_rows(result: CellResult) -> Iterator[list[str]]:
    checks = (check for check in result.checks if check.group == GROUP and check.precision)
    for check in sorted(checks, key=_sort_key):
        for step in STEPS:
            if {f"{step}_{name}_mib" for name in ("allocated", "held", "counted")} <= check.metrics.keys():
                yield [
                    row_name(result),
                    escape(check.variant or ""),
                    escape(check.precision or ""),
                    *_figures(check, step),
                ]


def _other_backends(result: CellResult) -> Iterator[list[str]]:
    """Encoding by other backends than plain PyTorch."""
    checks = [check for check in result.checks if check.group == GROUP and check.metrics.keys() >= NEEDED]
    for check in sorted(checks, key=_sort_key):
        held, plain = (check.metrics[f"encode_{name}_mib"] for name in ("held", "plain"))
        names = [f"`{result.cell.id}`", check.variant or "", check.backend or ""]
        yield [*names, f"{held:.0f}", f"{plain:.0f}", f"{held / plain:.2f}" if plain else "–"]


def _strategies(result: CellResult) -> Iterator[list[str]]:
    """The check group `recovery`: what became of each strategy under its limit."""
    checks = [check for check in result.checks if check.group == "recovery" and "recovers" in check.settings]
    for check in sorted(checks, key=_sort_key):
        metrics, variant = check.metrics, check.variant or ""
        if not {"limit_mib", "need_mib"} <= metrics.keys():
            continue
        strategy = (
            f"encoder in {check.precision}"
            if check.precision
            else check.parameters.removeprefix(f"{variant}-")
        )
        yield [
            row_name(result),
            escape(variant),
            escape(strategy),
            escape(check.settings["recovers"]),
            f"{metrics['limit_mib']:.0f} of {metrics['need_mib']:.0f}",
            f"× {metrics['seconds_ratio']:.2f}" if "seconds_ratio" in metrics else "–",
            *(f"{metrics[name]:.3f}" if name in metrics else "–" for name in ("least_iou", "median_iou")),
        ]


def _sort_key(check: CheckResult) -> tuple[int, int]:
    variants, precisions = list(VARIANT_TIERS), list(PRECISION_NAMES)
    variant, precision = check.variant or "", check.precision or ""
    return (
        variants.index(variant) if variant in variants else len(variants),
        precisions.index(precision) if precision in precisions else len(precisions),
    )


def _figures(check: CheckResult, step: str) -> list[str]:
    tensors, process, counted = (
        check.metrics[f"{step}_{name}_mib"] for name in ("allocated", "held", "counted")
    )
    place = check.settings.get(step, "")
    return [
        f"{step}, {escape(place)}",
        f"{tensors:.0f}",
        f"{process:.0f}",
        f"{counted:.0f}",
        f"{counted / tensors - 1:+.1%}" if tensors else "–",
    ]
