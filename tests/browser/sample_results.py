"""Two devices, three PyTorch versions, every outcome, numbers, samples, and a cell that was not built."""

from __future__ import annotations

from dataclasses import replace

from samcheck.cells import Cell
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, Series
from tests.unit import made

#: One red pixel.
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGO4pqEBAAL+ASede1hvAAAAAElFTkSuQmCC"
GPU = replace(made.SEEN, device="cuda", gpu="NVIDIA V100", driver="535.104.05")


def checks(ms: float, outcome: str = "passed") -> list[CheckResult]:
    """Of one cell; the naive cast ends as it is said."""
    reason = "" if outcome == "passed" else f"it {outcome}"
    known = CheckResult(
        "test_state.py::test_threads[tiny]", "state", CheckOutcome.KNOWN, "tiny", reason="shared"
    )
    return [
        CheckResult("test_imports.py::test_torch", "imports", CheckOutcome.PASSED),
        replace(known, defect="shared-predictor"),
        CheckResult(
            "test_dtype.py::test_cast[tiny-fp16]",
            "dtype",
            CheckOutcome(outcome),
            "tiny",
            "fp16",
            "eager",
            reason,
            details="Traceback: line 1\nline 2" if reason else "",
            settings={"threads": "2"},
            pictures={"result": PICTURE, "input": "javascript:alert(1)"} if reason else {},
        ),
        CheckResult(
            "test_dtype.py::test_cast[tiny-tf32]", "dtype", CheckOutcome.SKIPPED, "tiny", "tf32", "eager", "-"
        ),
        CheckResult(
            "test_latency.py::test_encoder[tiny-fp32]",
            "latency",
            CheckOutcome.PASSED,
            "tiny",
            "fp32",
            "eager",
            metrics={"median_ms": ms, "mean_ms": ms, "min_ms": ms, "stddev_ms": 0.1, "rounds": 9.0},
            series=[Series({"wall_ms": [ms, ms * 1.1, ms * 1.2]}, 3, 1, "steady") for _ in range(3)],
        ),
        CheckResult(
            "test_peaks.py::test_peaks[tiny-fp32]",
            "peaks",
            CheckOutcome.PASSED,
            "tiny",
            "fp32",
            metrics={f"encode_{name}_mib": 20.0 for name in ("allocated", "held", "counted")},
        ),
    ]


def cell(torch: str, ms: float, outcome: str = "passed", gpu: bool = False, day: int = 22) -> CellResult:
    failed = outcome == "failed"
    return replace(
        made.RESULT,
        cell=Cell(torch, "cu121", "3.11").record(()),
        outcome=CellOutcome.FAILED if failed else CellOutcome.PASSED,
        reason="1 of 6 checks" if failed else "",
        observed=GPU if gpu else made.SEEN,
        started=f"2026-11-{day:02}T10:00:00+00:00",
        finished=f"2026-11-{day:02}T10:30:00+00:00",
        weights={"tiny": "trained (sha256 1)"},
        checks=checks(ms, outcome),
    )


UNBUILT = replace(
    cell("2.9.1", 1),
    outcome=CellOutcome.BUILD_FAILED,
    reason="no wheel of torch 2.9.1 for Python 3.11",
    observed=None,
    checks=[],
)
RESULTS = [
    cell("2.10.0", 5.0),
    cell("2.4.1", 9.0, "failed"),
    UNBUILT,
    cell("2.4.1", 4.0, gpu=True, day=23),
    cell("2.10.0", 2.0, "known", gpu=True, day=23),
]
OLDER = [cell("2.10.0", 7.0, "failed", day=1), cell("2.4.1", 8.0, day=1)]
