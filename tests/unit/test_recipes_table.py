from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck import report
from samcheck.cells import Cell
from samcheck.facts import load
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.report import recipes_table
from samcheck.storage import results
from tests.unit import made

SEEN = replace(made.SEEN, python="3.13.0", torch="2.15.0+cu132")
HALF = {"recipe": "half", "title": "model.half()", "claim": "faster", "says": "recipe"}
CLAIMED = {"claimed_time_ratio": 0.71, "claimed_memory_ratio": 0.63, "claimed_miou_change": -0.01}


def check(form: str, id: str, outcome: str, **fields: object) -> CheckResult:
    name = f"test_recipes.py::test_{form}[tiny-{id}]"
    return CheckResult(name, "recipes", CheckOutcome(outcome), variant="tiny", **fields)  # type: ignore[arg-type]


def result(*checks: CheckResult) -> CellResult:
    return replace(
        made.RESULT,
        cell=Cell("2.15.0", "cu132", "3.13").record(()),
        observed=SEEN,
        checks=list(checks),
    )


BROKEN = check(
    "as_written",
    "half",
    "known",
    defect="recipe-half-model",
    reason="title (expected m1 and m2)",
    metrics=CLAIMED,
    settings={**HALF, "verdict": "broken", "error": "RuntimeError: expected m1 and m2, but got: Half"},
)
CORRECTED = check(
    "corrected",
    "half",
    "passed",
    metrics={
        **CLAIMED,
        "time_ratio": 1.234,
        "time_ratio_low": 1.1,
        "time_ratio_high": 1.4,
        "time_ms": 9.0,
        "memory_ratio": 0.555,
        "iou": 0.9987,
    },
    settings={**HALF, "verdict": "works when corrected", "correction": "the encoder alone"},
)
WORKS = replace(
    BROKEN,
    outcome=CheckOutcome.FIXED,
    defect="recipe-half-model",
    metrics={**CLAIMED, "time_ratio": 0.5},
    settings={**HALF, "verdict": "works as written"},
)
NOT_TRIED = check(
    "as_written",
    "tensorrt",
    "skipped",
    reason="no GPU",
    settings={"recipe": "tensorrt", "title": "trtexec", "verdict": "not tried"},
)
CRASHED = check("as_written", "int8", "crashed", reason="signal 11")


def document(*checks: CheckResult) -> str:
    stored = results.Stored("cpu", "none", result(*checks))
    return recipes_table.document(recipes_table.recipes(stored), load())


def row(text: str, start: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return line


def test_claimed_and_measured_stand_side_by_side() -> None:
    text = document(BROKEN, CORRECTED)
    line = row(text, "model.half")
    assert "time 0.71 ×, memory 0.63 ×, mIoU -0.01" in line
    assert "≈ works when corrected" in line
    assert "time 1.10 to 1.40 ×<br>memory 0.56 ×<br>IoU 0.999" in line.replace("0.555", "0.56")
    assert "9 ms" not in line


@pytest.mark.parametrize(
    ("limits", "shown"),
    [
        ({}, "corrected</sup><br>memory"),
        ({"time_ratio_low": 1.0, "time_ratio_high": 1.5}, "time 1.00 to 1.50 ×"),
        (
            {"time_ratio_low": 1.0, "time_ratio_high": 1.51},
            "<br>time not measurable on this machine<br>memory",
        ),
        ({"time_ratio_low": 0.0, "time_ratio_high": 1.0}, "time not measurable on this machine"),
        ({"encoder_share_low": 0.7, "encoder_share_high": 0.8}, "encoder 70% to 80% of the time"),
    ],
)
def test_a_time_is_shown_with_its_interval_or_not_at_all(limits: dict[str, float], shown: str) -> None:
    metrics = {"time_ratio": 1.2, "encoder_share": 2.29, "memory_ratio": 0.5, **limits}
    line = row(document(BROKEN, replace(CORRECTED, metrics=metrics)), "model.half")
    assert "1.20" not in line
    assert "229%" not in line
    assert shown in line or not limits


def test_the_exact_error_is_a_footnote() -> None:
    text = document(BROKEN, CORRECTED)
    assert (
        " as written, known \\[recipe-half-model\\]: RuntimeError: expected m1 and m2, but got: Half" in text
    )
    assert " corrected: the encoder alone" in text
    assert "<sup>agbr7, ctuta</sup>" in row(text, "model.half")


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ((WORKS, CORRECTED), "✓ works as written"),
        ((WORKS,), "✓ works as written"),
        ((BROKEN, CORRECTED), "≈ works when corrected"),
        ((BROKEN,), "✗ broken"),
        ((BROKEN, replace(CORRECTED, outcome=CheckOutcome.FAILED, reason="boom")), "✗ broken"),
        ((NOT_TRIED,), "○ not tried"),
        ((CRASHED,), "✗ broken"),
        ((replace(CRASHED, outcome=CheckOutcome.NOT_RUN),), "– not run"),
        ((replace(WORKS, outcome=CheckOutcome.FAILED, reason="in teardown"),), "✗ broken"),
    ],
)
def test_the_verdict_on_a_recipe_follows_from_its_checks(
    checks: tuple[CheckResult, ...], verdict: str
) -> None:
    (tried,) = recipes_table.recipe_outcomes(result(*checks)).values()
    assert f"{recipes_table.SIGNS[tried.verdict]} {tried.verdict}" == verdict


def test_what_is_not_green_says_why() -> None:
    text = document(NOT_TRIED, CRASHED, replace(CORRECTED, outcome=CheckOutcome.FAILED, reason="it broke"))
    assert "as written, not tried: no GPU" in text
    assert "as written, crashed: signal 11" in text
    assert "corrected, failed: it broke" in text
    for start in ("trtexec", "int8", "model.half"):
        assert "<sup>" in row(text, start)
        assert "time" not in row(text, start).partition("✗")[2], "no gain of what does not work"


def test_what_gains_nothing_shows_what_it_costs() -> None:
    useless = replace(BROKEN, metrics={"time_ratio_low": 4.5, "time_ratio_high": 5.0, "memory_ratio": 1.0})
    written = row(document(useless), "model.half")
    assert re.search(r"✗ broken <sup>a\w+</sup><br>time 4\.50 to 5\.00 ×<br>memory 1\.00 ×", written)


def test_a_cpu_claims_nothing_about_gpus() -> None:
    on_cpu = document(BROKEN)
    assert "(CPU)" in on_cpu
    assert "say nothing about GPUs" in on_cpu
    gpu = replace(result(BROKEN), observed=replace(SEEN, device="cuda", gpu="NVIDIA H200"))
    on_gpu = recipes_table.document(recipes_table.recipes(results.Stored("nvidia-h200", "580", gpu)), load())
    assert "(GPU)" in on_gpu
    assert "say nothing about GPUs" not in on_gpu
    assert "NVIDIA H200" in row(on_gpu, "recipe |")


def test_each_size_of_sam_has_its_row() -> None:
    name = CORRECTED.check.replace("tiny", "vit_b")
    text = document(CORRECTED, replace(CORRECTED, check=name, variant="vit_b"))
    assert row(text, "model.half() |")
    assert row(text, "model.half() (vit_b) |")


def test_a_size_that_was_nowhere_tried_has_no_row() -> None:
    vit_b = NOT_TRIED.check.replace("tiny", "vit_b")
    text = document(NOT_TRIED, replace(NOT_TRIED, check=vit_b, variant="vit_b"))
    assert row(text, "trtexec |")
    assert "vit\\_b" not in text


def test_claims_about_versions_are_held_against_the_facts() -> None:
    facts = load()
    text = document(BROKEN)
    newest = facts.releases[-1]
    assert f"PyTorch {newest.version} has wheels for Python {', '.join(newest.pythons)}" in text
    assert "1.13.0, 1.13.1, 2.0.0, 2.0.1" in text
    assert "none of these builds has machine code for Hopper" in text


def test_hostile_text_stays_text() -> None:
    for text in ("<script>alert(1)</script>", "a | b\n| c |", "\x1b[31mred"):
        settings = {**HALF, "title": text, "verdict": "broken", "error": text}
        table = document(replace(BROKEN, settings=settings))
        assert "<script" not in table
        grid = [line for line in table.partition("## cpu")[2].splitlines() if line.startswith("| ")]
        assert len({line.count("|") for line in grid}) == 1


def test_the_table_is_written_beside_the_other_and_only_with_recipes(tmp_path: Path) -> None:
    without = replace(
        result(), checks=[CheckResult("test_imports.py::test_x", "imports", CheckOutcome.PASSED)]
    )
    results.store(tmp_path, without, "unused")
    assert report.write(tmp_path) == tmp_path / "README.md"
    assert not (tmp_path / "recipes.md").exists()
    results.store(tmp_path, result(BROKEN, CORRECTED), "unused")
    report.write(tmp_path)
    first = (tmp_path / "recipes.md").read_bytes()
    report.write(tmp_path)
    assert (tmp_path / "recipes.md").read_bytes() == first
