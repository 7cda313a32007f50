"""What is known of one change: by results and by facts, each for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck.analysis.advise.cell_changes import CellChange
from samcheck.analysis.advise.question import Step, UpgradeQuestion
from samcheck.analysis.advise.verdict import Advice, advise
from samcheck.cells import Cell
from samcheck.facts.target_machine import NO_GPU, GpuDevice, Machine
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.storage.results import Stored
from tests.unit import made
from tests.unit.small_world import WORLD

OLD, NEW = Cell("2.0.0", "cu118", "3.9"), Cell("2.4.0", "cu121", "3.9")
CHANGE = CellChange(OLD, NEW)
H100, V100 = GpuDevice("H100", "9.0"), GpuDevice("V100", "7.0")
GOOD = CheckResult("test_a.py::test_one", "correctness", CheckOutcome.PASSED)
BAD = replace(GOOD, outcome=CheckOutcome.FAILED, reason="the mask is empty")


def torch(on: Machine = NO_GPU, before: Machine | None = None) -> UpgradeQuestion:
    return UpgradeQuestion({"torch": Step(OLD.torch, NEW.torch)}, before or on, on, {})


def driver(old: str, new: str, *gpus: GpuDevice) -> UpgradeQuestion:
    return UpgradeQuestion({"driver": Step(old, new)}, Machine(gpus, old), Machine(gpus, new), {})


def stored(
    cell: Cell,
    *checks: CheckResult,
    device: str = "one",
    variants: Sequence[str] = (),
    gpu: str = "",
    driver: str = "none",
) -> Stored:
    bad = any(check.outcome.is_bad for check in checks)
    seen = replace(made.SEEN, device="cuda", gpu=gpu, driver=driver) if gpu else made.SEEN
    result = replace(
        made.RESULT,
        cell=cell.record(()),
        outcome=CellOutcome.FAILED if bad else CellOutcome.PASSED,
        checks=list(checks or (GOOD,)),
        variants=list(variants),
        observed=seen,
    )
    return Stored(device, driver, result, Path(f"{device}/{driver}/{cell.id}.json"))


def advised(question: UpgradeQuestion, *rows: Stored, change: CellChange = CHANGE) -> Advice:
    return advise(change, question, rows, WORLD)


def grounds(question: UpgradeQuestion, change: CellChange = CHANGE) -> list[str]:
    return [f"{ground.kind}: {ground}" for ground in advised(question, change=change).grounds]


WHEELS = (
    "for: PyTorch 2.4.0 and torchvision 0.19.0 have wheels for Python 3.9 "
    "(python-no-wheel; source: page of 2.4)"
)
NUMPY = "for: PyTorch 2.4.0 works under NumPy 1 and 2 (numpy2-old-torch; source: page of 2.4)"
DRIVER = "for: CUDA 12.1 needs driver 525.60.13 or newer; 535.104.05 is (driver-too-old; source: floors)"
CODE = "for: the cu121 build of PyTorch 2.4.0 has code for H100 (gpu-no-kernel; source: cu121)"


def test_what_works_by_the_facts_works_for_reasons_that_have_a_source() -> None:
    assert grounds(torch()) == [WHEELS]
    assert grounds(torch(Machine((H100,), "535.104.05"))) == [WHEELS, DRIVER, CODE]
    assert grounds(torch(Machine((H100,)))) == [WHEELS, CODE]


def test_numpy_is_a_reason_where_somebody_asks_for_one_and_the_release_takes_any() -> None:
    numpy = replace(NEW, numpy="1.26.4")
    assert grounds(torch(), CellChange(OLD, numpy)) == [WHEELS, NUMPY]
    old = replace(OLD, numpy="1.26.4")
    assert grounds(torch(), CellChange(old, old)) == [
        "for: PyTorch 2.0.0 and torchvision 0.15.0 have wheels for Python 3.9 "
        "(python-no-wheel; source: page of 2.0)"
    ]


def test_a_build_for_the_cpu_is_not_asked_about_drivers() -> None:
    cell = replace(NEW, cuda="cpu")
    assert grounds(torch(Machine((H100,), "535.104.05")), CellChange(cell, cell)) == [WHEELS]


def test_what_is_installed_already_is_no_reason_for_a_driver() -> None:
    numpy = replace(NEW, numpy="1.26.4")
    question = driver("530.30.02", "535.104.05", H100)
    assert grounds(question, CellChange(numpy, numpy)) == [DRIVER, CODE]


def test_a_measured_verdict_needs_no_reasons_and_one_that_is_unknown_has_none() -> None:
    assert grounds(driver("535.104.05", "590.44.01", H100), CellChange(NEW, NEW)) == []
    assert advised(torch(), stored(NEW)).grounds == ()


def test_a_driver_newer_than_any_that_is_known_is_in_doubt() -> None:
    advice = advised(driver("535.104.05", "581.10", H100), change=CellChange(NEW, NEW))
    assert (advice.basis, advice.verdict) == ("unknown", "unknown")
    (doubt,) = advice.facts
    assert (doubt.kind, str(doubt)) == (
        "doubt",
        "R581 is newer than every driver branch in the facts (up to R580) (driver-unknown; source: branches)",
    )
    newest = advised(driver("535.104.05", "580.65.06", H100), change=CellChange(NEW, NEW))
    assert (newest.verdict, newest.facts) == ("works", ())


@pytest.mark.parametrize(
    ("old", "new", "gpu", "verdict"),
    [
        ("535.104.05", "580.65.06", H100, "works"),
        ("525.60.13", "530.30.02", H100, "works"),
        ("530.30.02", "525.60.13", H100, "works, with limits"),
        ("535.104.05", "470.82.01", H100, "breaks"),
        ("470.82.01", "535.104.05", H100, "starts to work"),
        ("535.104.05", "580.65.06", V100, "fails before and after"),
        ("535.104.05", "590.44.01", H100, "unknown"),
        # What is certain counts, and not what is in doubt.
        ("535.104.05", "590.44.01", V100, "fails before and after"),
    ],
)
def test_the_facts_before_and_after_make_a_verdict(old: str, new: str, gpu: GpuDevice, verdict: str) -> None:
    advice = advised(driver(old, new, gpu), change=CellChange(NEW, NEW))
    assert (advice.verdict, advice.speaks_against) == (verdict, verdict == "breaks")


def test_a_limit_that_is_there_before_is_none_of_the_changes() -> None:
    on = Machine((H100,), "525.60.13")
    question = UpgradeQuestion({"python": Step("3.9", "3.10")}, on, on, {})
    advice = advised(question, change=CellChange(NEW, replace(NEW, python="3.10")))
    assert [obstacle.kind for obstacle in advice.facts] == ["soft"]
    assert advice.verdict == "works"


def test_results_of_another_machine_than_the_one_that_is_there_now_do_not_count() -> None:
    on = Machine((H100,), "535.104.05")
    elsewhere = stored(OLD), stored(NEW)
    assert (advised(torch(on), *elsewhere).before, advised(torch(on), *elsewhere).basis) == ((), "predicted")
    assert len(advised(torch(), *elsewhere).before) == 1


def test_results_of_two_devices_are_not_compared_with_each_other() -> None:
    advice = advised(torch(), stored(OLD, BAD, device="one"), stored(NEW, BAD, device="other"))
    assert advice.pairs == ()
    assert advice.verdict == "breaks", "nobody knows what it did before, there"


def test_results_of_other_variants_are_not_compared_with_each_other() -> None:
    assert advised(torch(), stored(OLD, variants=["tiny"]), stored(NEW)).pairs == ()
    assert len(advised(torch(), stored(OLD), stored(NEW)).pairs) == 1


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (GOOD, GOOD, "works"),
        (GOOD, BAD, "breaks"),
        (BAD, BAD, "fails before and after"),
        (BAD, GOOD, "starts to work"),
        (GOOD, replace(GOOD, outcome=CheckOutcome.KNOWN, reason="so", defect="d"), "works, but worse"),
    ],
)
def test_results_before_and_after_make_a_verdict(
    before: CheckResult, after: CheckResult, verdict: str
) -> None:
    advice = advised(torch(), stored(OLD, before), stored(NEW, after))
    assert (advice.basis, advice.verdict) == ("measured", verdict)
    assert advice.speaks_against is (verdict in ("breaks", "works, but worse"))


def test_one_device_on_which_it_breaks_is_enough() -> None:
    rows = [stored(OLD, device="one"), stored(NEW, device="one"), stored(OLD, device="other")]
    assert advised(torch(), *rows, stored(NEW, BAD, device="other")).verdict == "breaks"
    fails = [stored(OLD, BAD, device="other"), stored(NEW, BAD, device="other")]
    assert advised(torch(), *rows[:2], *fails).verdict == "fails before and after"


def test_one_device_on_which_it_worked_before_does_not_start_to_work() -> None:
    rows = [stored(OLD, device="one"), stored(NEW, device="one")]
    rows += [stored(OLD, BAD, device="other"), stored(NEW, device="other")]
    assert advised(torch(), *rows).verdict == "works"
    assert advised(torch(), stored(NEW)).verdict == "works"


def test_what_is_compared_with_the_nearest_result_is_marked_so() -> None:
    near = stored(replace(NEW, python="3.10"), BAD)
    advice = advised(torch(), stored(OLD), near)
    assert advice.nearby is not None
    assert advice.nearby.stored == near
    assert [changed.nearby for changed in advice.pairs] == [True]
    assert [changed.nearby for changed in advised(torch(), stored(OLD), stored(NEW)).pairs] == [False]
    other = advised(torch(), stored(OLD, device="other"), near)
    assert (other.nearby is not None, other.pairs) == (True, ())


def test_what_works_asks_for_nothing_else() -> None:
    for rows in ((), (stored(OLD), stored(NEW))):
        advice = advised(torch(), *rows)
        assert (advice.remedies, advice.alternatives) == ((), ())


PYTHON_3_13 = Cell("2.0.0", "cu118", "3.13")


def python(old: str, on: Machine = NO_GPU) -> Advice:
    """Of a Python for which PyTorch 2.0 lacks a NumPy 1, and PyTorch 2.4 needs none."""
    change = CellChange(replace(PYTHON_3_13, python=old), PYTHON_3_13)
    return advised(UpgradeQuestion({"python": Step(old, "3.13")}, on, on, {}), change=change)


@pytest.mark.parametrize(("old", "verdict"), [("3.9", "breaks"), ("3.12", "fails before and after")])
def test_what_does_not_work_comes_with_what_puts_it_right(old: str, verdict: str) -> None:
    advice = python(old)
    assert advice.verdict == verdict
    assert [remedy.text for remedy in advice.remedies] == [
        "PyTorch 2.4.0 (build cu118, a plain pip install takes cu121)"
    ]
    assert advice.alternatives == ()


def test_a_remedy_is_refuted_by_a_result_of_this_machine_and_something_else_is_proposed() -> None:
    on = Machine((H100,), "535.104.05")
    question = UpgradeQuestion({"python": Step("3.9", "3.13")}, on, on, {})
    change = CellChange(replace(PYTHON_3_13, python="3.9"), PYTHON_3_13)
    remedy = replace(PYTHON_3_13, torch="2.4.0")
    for row, refuted in (
        (stored(remedy, BAD, gpu="H100", driver="535.104.05"), True),
        (stored(remedy, GOOD, gpu="H100", driver="535.104.05"), False),
        (stored(remedy, BAD), False),
        (stored(remedy, BAD, gpu="H100", driver="580.65.06"), False),
    ):
        advice = advised(question, row, change=change)
        assert [remedy.text for remedy in advice.remedies] == (
            [] if refuted else ["PyTorch 2.4.0 (build cu118, a plain pip install takes cu121)"]
        )
        assert advice.alternatives == (("Python 3.10",) if refuted else ())


def test_a_newer_driver_is_not_refuted_by_what_the_old_one_did() -> None:
    failed = stored(NEW, BAD, gpu="H100", driver="470.82.01")
    advice = advised(torch(Machine((H100,), "470.82.01")), failed)
    assert (advice.basis, advice.verdict) == ("measured", "breaks")
    assert "driver 525.60.13 or newer" in [remedy.text for remedy in advice.remedies]


def test_advice_says_what_it_is_about_and_what_comes_along() -> None:
    on = Machine((H100,))
    row = stored(NEW, gpu="H100", driver="535.104.05")
    advice = advised(torch(on), row)
    assert advice.change == CHANGE
    assert [evidence.stored for evidence in advice.after] == [row]
    assert advice.implied_changes == (
        "CUDA build cu118 -> cu121",
        "torchvision 0.15.0 -> 0.19.0",
        "numpy 1.26.4 -> 2.0.2",
        "on a GPU: driver 525.60.13 or newer (driver-too-old; source: floors)",
    )
    assert advice.required_driver == WORLD.floor("12.1")


def test_what_is_against_what_is_there_now_is_told_beside_what_is_against_the_change() -> None:
    advice = advised(driver("470.82.01", "525.60.13", H100), change=CellChange(NEW, NEW))
    assert [obstacle.rule for obstacle in advice.facts_before] == ["driver-too-old", "driver-before-gpu"]
    assert [obstacle.rule for obstacle in advice.facts] == ["driver-needs-exact"]
