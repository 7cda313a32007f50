"""A reader's questions, answered from results/README.md alone, and held against the results themselves."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from packaging.version import Version

from samcheck import paths
from samcheck.cells import DEFAULT_SAM
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult
from samcheck.storage import results

MACHINE = "cpu-intel-r-xeon-r-processor"


@cache
def page() -> str:
    return (paths.RESULTS / "README.md").read_text(encoding="utf-8")


@cache
def section() -> list[str]:
    """What the page says of one machine."""
    return page().partition(f"## {MACHINE}, driver none\n")[2].partition("\n## ")[0].splitlines()


@cache
def truth() -> list[CellResult]:
    """The results of whole runs of segment-anything on that machine."""
    stored, problems = results.load(paths.RESULTS)
    assert not problems
    whole = [row.result for row in stored if row.device == MACHINE and not row.result.only]
    return [result for result in whole if result.cell.sam == DEFAULT_SAM]


def steps(axis: str) -> dict[tuple[str, str], list[str]]:
    """What changes between which values of an axis."""
    found: dict[tuple[str, str], list[str]] = {}
    current: list[str] = []
    for line in section():
        heading = re.match(r"- (\D+?) ([\d.]+) → ([\d.]+)", line)
        if heading:
            key = (heading[2], heading[3])
            current = found.setdefault(key, []) if heading[1] == axis else []
        elif line.startswith("  - "):
            current.append(line[4:])
    return found


def releases(outcome: CheckOutcome, defect: str) -> set[Version]:
    """Those in which a check had the outcome by the defect."""
    return {
        Version(result.cell.torch)
        for result in truth()
        for check in result.checks
        if check.defect == defect and check.outcome is outcome
    }


def test_which_pytorch_first_breaks_the_official_onnx_recipe() -> None:
    ((before, after),) = [
        step
        for step, lines in steps("PyTorch").items()
        if any("onnx-official-recipe" in line and line.startswith("new defect") for line in lines)
    ]
    broken = releases(CheckOutcome.KNOWN, "onnx-official-recipe")
    assert Version(after) == min(broken)
    tried = {Version(result.cell.torch) for result in truth()}
    assert Version(before) == max(tried - broken)


def test_what_changes_from_2_4_1_to_2_15_0() -> None:
    lines = [
        line
        for (before, after), changed in steps("PyTorch").items()
        if Version("2.4.1") <= Version(before) and Version(after) <= Version("2.15.0")
        for line in changed
    ]
    old, new = (
        {
            check.defect: check.group
            for result in truth()
            if result.cell.torch == torch
            for check in result.checks
            if check.outcome is CheckOutcome.KNOWN
        }
        for torch in ("2.4.1", "2.15.0")
    )
    answered = set(re.findall(r"^new defect \[?`([\w-]+)`", "\n".join(lines), re.MULTILINE))
    appeared = {defect for defect, group in new.items() if defect not in old and group != "recipes"}
    assert "onnx-official-recipe" in answered
    # What no other release could try is no change: it stands among the defects of every environment.
    rest = {defect for defect in appeared - answered if defect}
    everywhere = next(line for line in section() if line.startswith("Wherever it can be tried"))
    assert all(f"`{defect}`" in everywhere for defect in rest)


@pytest.mark.parametrize("torch", ["2.2.2", "2.4.1"])
def test_whether_float16_runs_on_this_cpu(torch: str) -> None:
    heads = next(line for line in section() if line.startswith("| environment | fp32 |")).split(" | ")
    rows = [line.split(" | ") for line in section() if line.startswith(f"| `torch{torch}-")]
    fields = {
        row[0].strip("| `"): dict(zip(heads, row, strict=False)) for row in rows if len(row) == len(heads)
    }
    for result in truth():
        if result.cell.torch != torch or result.outcome is not CellOutcome.PASSED:
            continue
        ran = any(
            check.precision == "fp16"
            and check.group == "correctness"
            and check.outcome is CheckOutcome.PASSED
            for check in result.checks
        )
        assert fields[result.cell.id]["fp16"] == ("✓" if ran else "○ cannot run")


def test_which_environments_fail_and_why() -> None:
    answered = {
        match[1]: match[2] for line in section() if (match := re.match(r"- ✗ `([\w.-]+)` \w+: (.+)", line))
    }
    failed = [result for result in truth() if result.outcome is not CellOutcome.PASSED]
    assert set(answered) == {result.cell.id for result in failed}
    for result in failed:
        first = next(check for check in result.checks if check.outcome.is_failure)
        assert first.reason.removesuffix(" (in setup)") in answered[result.cell.id]


def test_how_much_works_and_how_old_the_answers_are() -> None:
    headline = next(line for line in section() if "environments work." in line)
    works = sum(result.outcome is CellOutcome.PASSED for result in truth())
    assert headline.startswith(f"{works} of {len(truth())} environments work.")
    days = sorted(result.finished[:10] for result in truth())
    assert f"Results of {' to '.join(dict.fromkeys((days[0], days[-1])))}." in headline
    assert re.search(r"\d+ % were never tried", headline)


def test_what_was_measured_on_a_gpu() -> None:
    stored, _ = results.load(paths.RESULTS)
    on_gpu = any(row.result.observed and row.result.observed.device == "cuda" for row in stored)
    (answer,) = [line for line in page().splitlines() if line.startswith("Measured on a GPU: ")]
    assert (answer == "Measured on a GPU: nothing so far.") is not on_gpu


def test_the_page_is_short() -> None:
    environments = {line.split(" | ")[0] for line in page().splitlines() if line.startswith("| `torch")}
    packages = page().count("\n## ") - 2  # of one machine, beside segment-anything
    assert len(page().splitlines()) <= 150 * max(1, len(environments) / 20) + 15 * packages
    assert Path(paths.RESULTS / "README.md").stat().st_size < 40_000
