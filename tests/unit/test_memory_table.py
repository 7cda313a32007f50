from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from samcheck import report
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.storage import results
from tests.unit import made


def result(*checks: CheckResult) -> CellResult:
    return replace(made.RESULT, checks=list(checks))


def peaks(variant: str, precision: str, **metrics: float) -> CheckResult:
    name = f"test_peaks.py::test_peaks_are_as_counted[{variant}-{precision}]"
    at = {"encode": "16 at once, highest in attention of block 1"}
    return CheckResult(
        name, "peaks", CheckOutcome.PASSED, variant=variant, precision=precision, metrics=metrics, settings=at
    )


ENCODE = {"encode_allocated_mib": 78.2, "encode_held_mib": 79.7, "encode_counted_mib": 80.2}


def written(tmp_path: Path, *cell_results: CellResult) -> str:
    for result in cell_results:
        results.store(tmp_path, result, "machine")
    report.write(tmp_path)
    path = tmp_path / report.MEMORY
    return path.read_text() if path.exists() else ""


def test_counted_stands_beside_measured(tmp_path: Path) -> None:
    text = written(tmp_path, result(peaks("vit_b", "fp32", **ENCODE), peaks("tiny", "bf16", **ENCODE)))
    rows = [line for line in text.splitlines() if line.startswith("| `torch")]
    assert [row.split(" | ")[1] for row in rows] == ["tiny", "vit_b"]
    assert rows[0].endswith("| encode, 16 at once, highest in attention of block 1 | 78 | 80 | 80 | +2.6% |")


def test_without_peaks_there_is_no_table(tmp_path: Path) -> None:
    skipped = CheckResult(
        "test_peaks.py::test_it[tiny-fp16]", "peaks", CheckOutcome.SKIPPED, reason="no fp16"
    )
    assert written(tmp_path, result(skipped)) == ""


def test_other_backends_have_a_table_of_their_own(tmp_path: Path) -> None:
    elsewhere = CheckResult(
        "test_peaks.py::test_encoding_elsewhere[tiny-onnxruntime]",
        "peaks",
        CheckOutcome.PASSED,
        variant="tiny",
        backend="onnxruntime",
        metrics={"encode_held_mib": 12.58, "encode_plain_mib": 5.86},
    )
    text = written(tmp_path, result(elsewhere))
    assert [line for line in text.splitlines() if line.startswith("| `torch")] == [
        f"| `{made.RESULT.cell.id}` | tiny | onnxruntime | 13 | 6 | 2.15 |"
    ]


def test_strategies_of_recovery_stand_below(tmp_path: Path) -> None:
    """Those that failed have no masks to compare; a result without such checks has no table of them."""
    helped = CheckResult(
        "test_recovery.py::test_recovers_with_other_masks[vit_h-downscaled]",
        "recovery",
        CheckOutcome.PASSED,
        variant="vit_h",
        metrics={
            "limit_mib": 3915.6,
            "need_mib": 6024.2,
            "seconds_ratio": 0.546,
            "least_iou": 0.9354,
            "median_iou": 0.9778,
        },
        settings={"recovers": "yes"},
    )
    metrics = {"limit_mib": 3915.6, "need_mib": 6024.2, "seconds_ratio": 0.25}
    name = "test_recovery.py::test_does_not_help[tiny-kept-on-device]"
    failed = replace(helped, check=name, variant="tiny", metrics=metrics, settings={"recovers": "no"})
    narrow = "test_recovery.py::test_narrower_encoder_fits[vit_h-bf16]"
    metrics = {"limit_mib": 2091.7, "need_mib": 3218.2, "seconds": 99.0}
    fits = replace(helped, check=narrow, precision="bf16", metrics=metrics)
    text = written(tmp_path, result(helped, failed, fits, peaks("tiny", "bf16", **ENCODE)))
    rows = [
        line.split(" | ")[1:] for line in text.partition("### What helps")[2].splitlines() if "torch2" in line
    ]
    assert rows == [
        ["tiny", "kept-on-device", "no", "3916 of 6024", "× 0.25", "–", "– |"],
        ["vit_h", "encoder in bf16", "yes", "2092 of 3218", "–", "–", "– |"],
        ["vit_h", "downscaled", "yes", "3916 of 6024", "× 0.55", "0.935", "0.978 |"],
    ]
    assert "### What helps" not in written(tmp_path, result(peaks("tiny", "bf16", **ENCODE)))
