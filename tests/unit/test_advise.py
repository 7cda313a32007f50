"""Advice on a change: what was measured and what is only predicted are never taken for each other."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samcheck import facts
from samcheck.analysis.advise import (
    Step,
    UpgradeAnswer,
    UpgradeQuestion,
    advice_text,
    advise,
    answer,
    ask,
    cell_changes,
    commands,
    evidence,
    json_output,
)
from samcheck.cells import Cell
from samcheck.errors import CELLS_FAILED, NOTHING_KNOWN
from samcheck.facts import gpu_support
from samcheck.facts.target_machine import NO_GPU, Machine
from samcheck.guest.outcomes import CellOutcome, CheckOutcome, FailureCause
from samcheck.guest.record import CheckResult
from samcheck.matrix.run_history import NONE
from samcheck.storage import results
from samcheck.storage.results import Stored
from tests.unit import made

FACTS = facts.load()
OLD, NEW = Cell("2.4.1", "cu121", "3.11"), Cell("2.15.0", "cu132", "3.11")
GOOD = CheckResult("test_a.py::test_one", "correctness", CheckOutcome.PASSED)
BAD = replace(GOOD, outcome=CheckOutcome.FAILED, reason="the mask is empty")


def stored(
    cell: Cell,
    *checks: CheckResult,
    outcome: str = "passed",
    day: int = 20,
    numpy: str | None = None,
    gpu: str = "",
    driver: str = "none",
    reason: str = "",
    cause: FailureCause | None = None,
) -> Stored:
    seen = replace(made.SEEN, numpy=numpy)
    if gpu:
        seen = replace(seen, device="cuda", gpu=gpu, driver=driver)
    result = replace(
        made.RESULT,
        cell=cell.record(()),
        outcome=CellOutcome(outcome),
        reason=reason,
        finished=f"2026-11-{day:02}T12:00:00+00:00",
        observed=seen,
        checks=list(checks or (GOOD,)),
        cause=cause,
    )
    device = results.slug(gpu or "cpu amd epyc")
    return Stored(device, driver, result, Path(f"{device}/{driver}/{cell.id}-{day}.json"))


def asked(
    subject: str = "torch", old: str = "2.4.1", new: str = "2.15.0", on: Machine = NO_GPU, **at: str
) -> UpgradeQuestion:
    return ask({subject: Step(old, new)}, on, at, FACTS)


def answered(
    question: UpgradeQuestion, rows: Sequence[Stored], cells: Sequence[Cell] = (OLD,)
) -> UpgradeAnswer:
    advices = [advise(step, question, rows, FACTS) for step in cell_changes(question, cells, FACTS)]
    return answer(question, advices, NONE, FACTS)


def said(answer: UpgradeAnswer) -> str:
    return "\n".join(advice_text.lines(answer, FACTS, tuple(commands.command_lines(answer, ())), True))


def section(shown: str, head: str) -> str:
    """The lines below a head, up to the next one."""
    lines = shown.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith(head)), None)
    if start is None:
        return ""
    rest = lines[start + 1 :]
    end = next((number for number, line in enumerate(rest) if not line.startswith(" ")), len(rest))
    return "\n".join(rest[:end])


def test_nothing_measured_is_a_prediction_and_says_so() -> None:
    answer = answered(asked(new="2.5.1"), ())
    assert [(advice.basis, advice.verdict) for advice in answer.advices] == [("predicted", "works")]
    assert answer.headline.startswith("YES, BUT ONLY PREDICTED")
    assert answer.exit_code == 0
    shown = said(answer)
    new = replace(OLD, torch="2.5.1", cuda="cu124")
    assert new.id in section(shown, "PREDICTED FROM FACTS")
    assert "python-no-wheel; source: pypi-links" in shown
    assert "MEASURED (by stored results)" not in shown
    assert [run.cell for run in answer.to_run] == [new]
    assert answer.to_compare == (OLD,)


def test_measured_says_which_file_when_and_by_what() -> None:
    answer = answered(asked(), [stored(OLD), stored(NEW, day=21)])
    assert [(advice.basis, advice.verdict) for advice in answer.advices] == [("measured", "works")]
    assert answer.headline.startswith("YES, MEASURED: nothing breaks in 1 cell on cpu-amd-epyc")
    assert not answer.to_run
    shown = section(said(answer), "MEASURED")
    assert f"{NEW.id}-21.json" in shown
    assert re.search(r"2026-11-21, .+, samcheck 0\.1\.0", shown)
    assert "PREDICTED" not in said(answer).replace("ALSO CHANGES (predicted from facts)", "")


def test_a_measurement_beats_the_facts() -> None:
    """By the facts the pair cannot work; a result that passed says more, and the facts stand beside it."""
    old = Cell("2.2.2", "cu121", "3.10", "1.26.4")
    new = replace(old, numpy="2.2.6")
    question = asked("numpy", "1.26.4", "2.2.6")
    (predicted,) = answered(question, (), [old]).advices
    assert (predicted.basis, predicted.verdict) == ("predicted", "breaks")
    answer = answered(question, [stored(new)], [old])
    assert [(advice.basis, advice.verdict) for advice in answer.advices] == [("measured", "works")]
    assert "also predicted (run): PyTorch 2.2.2 was compiled" in said(answer)


def test_a_measured_failure_beats_facts_that_have_nothing_against_it() -> None:
    answer = answered(asked(), [stored(OLD), stored(NEW, BAD, outcome="failed", reason="1 of 1 checks")])
    (advice,) = answer.advices
    assert (advice.basis, advice.verdict) == ("measured", "breaks")
    assert answer.exit_code == CELLS_FAILED
    assert "(measured): failed: 1 of 1 checks" in answer.headline
    assert "the mask is empty" in said(answer)


def test_what_failed_before_is_not_broken_by_the_change() -> None:
    rows = [stored(cell, BAD, outcome="failed") for cell in (OLD, NEW)]
    (advice,) = answered(asked(), rows).advices
    assert advice.verdict == "fails before and after"
    (advice,) = answered(asked(), [stored(OLD, BAD, outcome="failed"), stored(NEW)]).advices
    assert advice.verdict == "starts to work"


def test_one_more_failure_in_a_cell_that_failed_before_is_broken_by_the_change() -> None:
    other = replace(GOOD, check="test_a.py::test_other")
    old = stored(OLD, BAD, other, outcome="failed")
    new = stored(NEW, BAD, replace(other, outcome=CheckOutcome.CRASHED), outcome="crashed")
    (advice,) = answered(asked(), [old, new]).advices
    assert advice.verdict == "breaks"


def test_measured_and_predicted_cells_stand_apart() -> None:
    other = replace(OLD, python="3.12")
    answer = answered(asked(), [stored(OLD), stored(NEW)], [OLD, other])
    assert answer.headline.startswith(
        "YES, WITHOUT SAM's script export_onnx_model.py and torch.load of more than weights "
        "(1 of 2 cells): nothing breaks in 1 cell "
    )
    shown = said(answer)
    assert "py3.12" not in section(shown, "MEASURED")
    assert replace(NEW, python="3.12").id in section(shown, "PREDICTED")
    assert NEW.id not in section(shown, "PREDICTED").splitlines()[0]


@pytest.mark.parametrize("newest", ["passed", "failed"])
def test_of_conflicting_results_the_newest_counts_and_says_so(newest: str) -> None:
    other = {"passed": "failed", "failed": "passed"}[newest]
    checks = {"passed": GOOD, "failed": BAD}
    rows = [
        stored(NEW, checks[newest], outcome=newest, day=22),
        stored(NEW, checks[other], outcome=other, day=21),
    ]
    for order in (rows, rows[::-1]):
        answer = answered(asked(), order)
        assert answer.exit_code == (newest == "failed")
        assert f"older, overruled: {other}, 2026-11-21, " in said(answer)


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        ("not-run", FailureCause.UNEXPECTED),
        ("refused", FailureCause.GPU),
        ("misbuilt", FailureCause.CONTENT),
        ("build-failed", FailureCause.NETWORK),
    ],
)
def test_a_cell_that_was_never_tried_is_no_measurement(outcome: str, cause: FailureCause) -> None:
    (advice,) = answered(asked(), [stored(NEW, outcome=outcome, reason="x", cause=cause)]).advices
    assert advice.basis == "predicted"
    assert not advice.after


def test_some_groups_of_checks_that_held_are_no_measurement() -> None:
    before = stored(OLD)
    part = replace(before, result=replace(before.result, groups=["latency"]))
    assert evidence.find(OLD, NO_GPU, [before], FACTS)
    assert not evidence.find(OLD, NO_GPU, [part], FACTS)


def test_what_no_longer_works_is_in_the_first_line() -> None:
    t4 = gpu_support.host("T4", "580.95.05", FACTS)
    for machine in (NO_GPU, t4):
        answer = answered(asked(old="2.8.0", new="2.9.1", on=machine), ())
        assert answer.headline.startswith(
            "YES, WITHOUT SAM's script export_onnx_model.py, BUT ONLY PREDICTED"
        )
        assert "torch.onnx.export with dynamo=False works" in said(answer)
    again = answered(asked(old="2.9.1", new="2.10.0", on=t4), ())
    assert again.headline.startswith("YES, BUT ONLY PREDICTED")
    other = replace(OLD, torch="2.8.0", cuda="cu128", sam="sam2==1.1.0")
    assert not [
        loss
        for advice in answered(asked(old="2.8.0", new="2.9.1"), (), [other]).advices
        for loss in advice.losses
    ]


def test_a_result_of_another_machine_is_no_measurement() -> None:
    h100 = gpu_support.host("H100", "", FACTS)
    rows = [stored(NEW), stored(NEW, gpu="Tesla V100-SXM2-16GB", driver="580.95.05")]
    (advice,) = answered(asked(on=h100), rows).advices
    assert advice.basis == "predicted"
    (advice,) = answered(asked(on=h100), [stored(NEW, gpu="NVIDIA H100 PCIe", driver="580.1")]).advices
    assert advice.basis == "measured"


def test_the_nearest_result_decides_nothing() -> None:
    near = stored(replace(NEW, python="3.13"), BAD, outcome="failed", numpy="2.5.5")
    answer = answered(asked(), [stored(OLD), near])
    (advice,) = answer.advices
    assert (advice.basis, advice.verdict, answer.exit_code) == ("predicted", "works, with limits", 0)
    assert advice.nearby is not None
    assert advice.nearby.differs[0] == "Python 3.13 instead of 3.11"
    assert "nearest measurement, not conclusive" in said(answer)


@pytest.mark.parametrize(
    ("gpu", "old", "new", "cell", "wanted"),
    [
        # From R560 on, packages install the open kernel module, which Volta cannot use.
        ("V100", "550.54.15", "560.35.03", Cell("2.4.1", "cu121", "3.11"), "the proprietary kernel module"),
        ("RTX 5090", "570.86.16", "580.95.05", Cell("2.8.0", "cu128", "3.12"), ""),  # needed it before, too
        # The fabric manager must have exactly the driver's version, or CUDA fails with error 802.
        ("H100", "550.54.15", "580.95.05", Cell("2.4.1", "cu121", "3.11"), "nvidia-fabricmanager 580.95.05"),
        ("L4", "550.54.15", "580.95.05", Cell("2.4.1", "cu121", "3.11"), ""),
    ],
)
def test_what_a_driver_needs_beside_it_is_in_the_first_line(
    gpu: str, old: str, new: str, cell: Cell, wanted: str
) -> None:
    answer = answered(asked("driver", old, new, gpu_support.host(gpu, "", FACTS)), (), [cell])
    assert answer.exit_code == 0
    assert answer.headline.startswith(f"YES, WITH {wanted}" if wanted else "YES, BUT ONLY PREDICTED")


@pytest.mark.parametrize(
    ("gpu", "driver", "old", "new", "wanted"),
    [
        # A plain upgrade brings cu130, which driver 535 cannot run: "PyTorch 2.14.1" alone is no safe answer.
        (
            "A100",
            "535.183.01",
            "2.4.1",
            "2.14.1",
            "WITH the cu126 build, not the cu130 one of a plain pip install",
        ),
        ("GTX 1080 Ti", "550.54.15", "2.4.1", "2.8.0", "WITH the cu126 build, not the cu128 one"),
        ("K80", "470.256.02", "1.13.1", "2.4.1", "WITH the cu118 build, not the cu121 one"),
        ("A100", "580.95.05", "2.4.1", "2.14.1", ""),
        ("A100", "580.95.05", "2.0.1", "1.13.1", "WITHOUT torch.compile"),
        ("", "", "2.4.1", "2.14.1", ""),
    ],
)
def test_a_build_that_a_plain_upgrade_does_not_take_is_in_the_first_line(
    gpu: str, driver: str, old: str, new: str, wanted: str
) -> None:
    machine = gpu_support.host(gpu, driver, FACTS) if gpu else NO_GPU
    release = FACTS.release(old)
    assert release
    before = Cell(old, gpu_support.best_build(release, FACTS, machine), "3.10")
    answer = answered(asked("torch", old, new, machine), (), [before])
    assert answer.exit_code == 0
    assert answer.headline.startswith(f"YES, {wanted}") if wanted else "build" not in answer.headline
    chosen = asked("torch", old, new, machine, cuda=answer.advices[0].change.after.cuda)
    assert "plain pip install" not in answered(chosen, (), [replace(before, cuda=chosen.at["cuda"])]).headline


def test_drivers_by_their_branch() -> None:
    """A result under 550.54.14 is one of driver 550.54, and of no other."""
    cell = Cell("2.6.0", "cu124", "3.12")
    rows = [stored(cell, gpu="NVIDIA H100 PCIe", driver=driver) for driver in ("550.54.14", "580.95.05")]
    for new, basis in (("580.95", "measured"), ("580.9", "predicted"), ("580", "measured")):
        question = asked("driver", "550.54", new, gpu_support.host("H100", "", FACTS))
        (advice,) = answered(question, rows, [cell]).advices
        assert (advice.basis, len(advice.before)) == (basis, 1)


@pytest.mark.parametrize(
    ("gpu", "old", "new", "cell", "verdict"),
    [
        ("V100", "550.54", "580.95", Cell("2.4.1", "cu121", "3.11"), "works, on a condition"),
        ("L4", "550.54", "580.95", Cell("2.4.1", "cu121", "3.11"), "works"),
        ("V100", "580", "590", Cell("2.4.1", "cu121", "3.11"), "breaks"),
        ("H100", "550.54", "580.95", Cell("2.15.0", "cu132", "3.13"), "starts to work"),
        ("H100", "580.95", "550.54", Cell("2.15.0", "cu132", "3.13"), "breaks"),
        ("H100", "580.95", "570.26", Cell("2.8.0", "cu129", "3.13"), "works, on a condition"),
        ("L4", "580.95", "570.26", Cell("2.8.0", "cu129", "3.13"), "works, with limits"),
        ("V100", "550", "580", Cell("2.15.0", "cu132", "3.13"), "fails before and after"),
        ("H100", "580", "700", Cell("2.4.1", "cu121", "3.11"), "unknown"),
    ],
)
def test_without_results_facts_decide_on_a_driver(
    gpu: str, old: str, new: str, cell: Cell, verdict: str
) -> None:
    question = asked("driver", old, new, gpu_support.host(gpu, "", FACTS))
    answer = answered(question, (), [cell])
    (advice,) = answer.advices
    assert advice.verdict == verdict
    bad = verdict in ("breaks", "fails before and after")
    assert answer.exit_code == (NOTHING_KNOWN if verdict == "unknown" else CELLS_FAILED if bad else 0)


def test_what_puts_it_right_is_only_predicted() -> None:
    answer = answered(asked(on=gpu_support.host("H100", "550.54", FACTS)), ())
    assert answer.headline.startswith("YES, WITH driver 580.65.06 or newer (only predicted)")
    assert answer.exit_code == CELLS_FAILED
    answer = answered(asked("python", "3.11", "3.13"), ())
    assert [remedy.text for remedy in answer.advices[0].remedies] == ["PyTorch 2.6.0 (build cu124)"]
    # A remedy that a result refutes is none.
    tried = stored(answer.advices[0].remedies[0].cell, BAD, outcome="failed")
    refuted = answered(asked("python", "3.11", "3.13"), [tried])
    assert not refuted.advices[0].remedies
    assert refuted.headline.startswith("NO")


def test_a_build_without_code_for_the_gpu_has_no_remedy() -> None:
    answer = answered(asked("torch", "2.14.1", "2.15.0", gpu_support.host("V100", "", FACTS)), ())
    assert answer.headline.startswith("NO: it breaks (predicted from facts): the cu132 build")
    assert "try instead (predicted): PyTorch 2.14.1" in answer.headline
    assert answer.advices[0].change.before.cuda == "cu126"  # the build that runs on it


def test_a_new_cuda_asks_for_a_driver() -> None:
    assert answered(asked(), ()).headline.endswith("on a GPU WITH driver 580.65.06 or newer")
    assert "torchvision 0.19.1 -> 0.29.2" in answered(asked(), ()).advices[0].implied_changes


def test_a_cell_that_got_the_old_numpy_without_naming_it() -> None:
    cell, new = Cell("2.2.2", "cu121", "3.10"), Cell("2.2.2", "cu121", "3.10", "2.2.6")
    rows = [stored(cell, numpy="1.26.4"), stored(new, BAD, outcome="failed")]
    (advice,) = answered(asked("numpy", "1.26.4", "2.2.6"), rows, [cell]).advices
    assert (advice.basis, advice.verdict, len(advice.before)) == ("measured", "breaks", 1)
    assert advice.remedies[0].text == "PyTorch 2.3.1"


def test_a_cell_that_got_another_numpy_is_not_what_is_asked_about() -> None:
    cell = Cell("2.2.2", "cu121", "3.10")  # by today's pins it gets 1.26.4
    (advice,) = answered(asked("numpy", "1.26.4", "2.2.6"), [stored(cell, numpy="1.24.4")], [cell]).advices
    assert not advice.before
    (advice,) = answered(asked("torch", "2.2.2", "2.4.1"), [stored(cell, numpy="1.24.4")], [cell]).advices
    assert advice.before


def test_a_newly_met_defect_and_a_larger_number_make_it_worse() -> None:
    """Though nothing breaks; beside the nearest result they decide nothing."""
    met = replace(GOOD, outcome=CheckOutcome.KNOWN, defect="onnx-proportions", reason="cuts masks")
    small = replace(GOOD, check="test_p.py::test_peak", metrics={"peak_allocated_mib": 100.0})
    large = replace(small, metrics={"peak_allocated_mib": 200.0})
    for check, now, words in (
        (GOOD, met, "upstream defects newly met in 1 checks"),
        (small, large, "numbers regressed: 1"),
    ):
        answer = answered(asked(), [stored(OLD, check), stored(NEW, now)])
        assert [advice.verdict for advice in answer.advices] == ["works, but worse"]
        assert answer.exit_code == CELLS_FAILED
        assert answer.headline == f"YES, BUT WORSE (measured): nothing breaks; {words}"
        assert "regressed: " in said(answer) or "cuts masks" in said(answer)
        near = answered(asked(), [stored(OLD, check), stored(replace(NEW, python="3.13"), now)])
        assert (near.advices[0].basis, near.exit_code) == ("predicted", 0)
        assert "WORSE" not in near.headline


def test_what_the_nearest_result_shows_is_not_in_the_headline() -> None:
    small = replace(GOOD, check="test_p.py::test_peak", metrics={"peak_allocated_mib": 100.0})
    large = replace(small, metrics={"peak_allocated_mib": 200.0})
    met = replace(GOOD, outcome=CheckOutcome.KNOWN, defect="onnx-proportions", reason="cuts masks")
    other = replace(OLD, python="3.12")
    rows = [stored(OLD), stored(NEW, met), stored(other, small), stored(replace(NEW, python="3.13"), large)]
    answer = answered(asked(), rows, [OLD, other])
    assert [advice.basis for advice in answer.advices] == ["measured", "predicted"]
    assert answer.advices[1].pairs[0].worse == ("numbers regressed: 1",)
    assert "WORSE" in answer.headline
    assert "regressed" not in answer.headline


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([OLD, NEW, replace(NEW, python="3.12")]),
            st.sampled_from(["passed", "failed", "not-run", "refused"]),
            st.integers(1, 28),
        ),
        max_size=5,
    )
)
def test_measured_means_that_there_is_a_result(rows: list[tuple[Cell, str, int]]) -> None:
    """Whatever is stored: a verdict is measured exactly where a telling result of that cell is."""
    measured = [stored(cell, outcome=outcome, day=day) for cell, outcome, day in rows]
    (advice,) = answered(asked(), measured).advices
    telling = [row for row in rows if row[0] == NEW and row[1] in ("passed", "failed")]
    assert (advice.basis == "measured") == bool(telling)
    if telling:
        newest = max(day for _, _, day in telling)
        assert advice.after[0].result.finished.startswith(f"2026-11-{newest:02}")


def test_programs_are_told_the_same() -> None:
    answer = answered(asked(), [stored(OLD), stored(NEW)])
    shown = json_output.as_json(answer, ())
    assert shown["cells"][0]["basis"] == "measured"
    assert json.dumps(shown)
    assert shown["headline"] == answer.headline
