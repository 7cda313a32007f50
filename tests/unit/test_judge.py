"""Is an environment what its cell declares, and what do checks make of a cell?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from samcheck.cells import Cell
from samcheck.environments import Ended
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CheckResult, Fingerprint
from samcheck.run.judge import compare, judge
from samcheck.run.records import Attempt, Journal

CELL = Cell("2.4.1", "cu121", "3.11")
PINS = Requirements(
    tools=("pytest==9.2.0",),
    torch=("torch==2.4.1+cu121", "torchvision==0.19.1+cu121"),
    torch_index="https://download.pytorch.org/whl/cu121",
    numpy=("numpy==1.26.4",),
    export=("onnx==1.17.0",),
    sam=("segment-anything==1.0",),
)
SEEN = Fingerprint(
    python="3.11.7",
    implementation="CPython",
    platform="Linux",
    libc="glibc 2.36",
    cpu="AMD EPYC",
    cpu_count=2,
    memory_mib=24000,
    torch="2.4.1+cu121",
    torch_cuda="12.1",
    torchvision="0.19.1+cu121",
    numpy="1.26.4",
    segment_anything="1.0",
)


@pytest.mark.parametrize(
    ("seen", "differences"),
    [
        ({}, []),
        # The part of a version that names the build is compared as the build.
        ({"torch": "2.4.1", "torchvision": "0.19.1"}, []),
        ({"python": "3.12.1"}, ["Python: declared 3.11, observed 3.12"]),
        ({"python": "3.11"}, []),
        ({"torch": "2.4.0+cu121"}, ["PyTorch: declared 2.4.1, observed 2.4.0"]),
        ({"torch": None}, ["PyTorch: declared 2.4.1, observed absent"]),
        ({"torch_cuda": "11.8"}, ["CUDA build: declared cu121, observed cu118"]),
        ({"torch_cuda": None}, ["CUDA build: declared cu121, observed cpu"]),
        # What cannot be imported does not tell its build.
        ({"torch_cuda": None, "import_errors": {"torch": "no libcudart"}}, []),
        (
            {"torch_cuda": None, "import_errors": {"numpy": "broken"}},
            ["CUDA build: declared cu121, observed cpu"],
        ),
        ({"torchvision": "0.19.0+cu121"}, ["torchvision: declared 0.19.1, observed 0.19.0"]),
        ({"numpy": None}, ["numpy: declared 1.26.4, observed absent"]),
        ({"segment_anything": "1.1"}, ["segment-anything: declared 1.0, observed 1.1"]),
        ({"torch": "nightly"}, ["PyTorch: declared 2.4.1, observed 'nightly', which is not a version"]),
        ({"numpy": "1\x1b[2J"}, ["numpy: declared 1.26.4, observed 1\\x1b[2J"]),
    ],
)
def test_what_is_installed_is_compared_with_what_was_declared(
    seen: dict[str, object], differences: list[str]
) -> None:
    assert list(compare(CELL, PINS, replace(SEEN, **seen))) == differences  # type: ignore[arg-type]


def test_the_package_under_test_and_what_is_beside_it_are_compared() -> None:
    pins = replace(PINS, sam=("segment-anything==1.0", "timm==1.0.31"), bare=("rf-sam-2==1.0.3",))
    seen = replace(SEEN, packages={"timm": "1.0.31", "rf_sam_2": "1.0.3"})
    assert list(compare(CELL, pins, seen)) == []
    seen = replace(SEEN, packages={"timm": "1.0.30"})
    assert list(compare(CELL, pins, seen)) == [
        "timm: declared 1.0.31, observed 1.0.30",
        "rf-sam-2: declared 1.0.3, observed absent",
    ]


def test_a_build_for_the_cpu_has_no_cuda() -> None:
    seen = replace(SEEN, torch="2.4.1+cpu", torch_cuda=None)
    assert list(compare(replace(CELL, cuda="cpu"), PINS, seen)) == []


def test_sam_of_the_users_own_is_not_compared_with_a_package() -> None:
    seen = replace(SEEN, segment_anything=None)
    assert list(compare(CELL, replace(PINS, sam=()), seen)) == []


PASSED = CheckResult("test_a.py::test_one[tiny]", "correctness", CheckOutcome.PASSED, variant="tiny")
FAILED = replace(PASSED, check="test_a.py::test_two", outcome=CheckOutcome.FAILED, reason="too far off")
TIMED_OUT = replace(FAILED, check="test_a.py::test_three", outcome=CheckOutcome.TIMED_OUT, reason="too slow")
CRASHED = replace(FAILED, check="test_a.py::test_four", outcome=CheckOutcome.CRASHED, reason="SIGSEGV")
NOT_RUN = replace(FAILED, check="test_a.py::test_five", outcome=CheckOutcome.NOT_RUN, reason="stopped")
NOT_IMPORTED = replace(FAILED, check="test_imports.py::test_torch", group="imports", reason="no libcudart")


def attempt(status: int | None = 0, ended: Ended | None = None, output: str = "") -> Attempt:
    """A start of the suite; without a status it did not come to its end."""
    return Attempt(Journal(exit_status=status), ended or Ended(status), 1.0, output)


def said(*checks: CheckResult, last: Attempt | None = None, stopped: bool = False) -> tuple[CellOutcome, str]:
    return judge([attempt(None), last or attempt()], list(checks), stopped)


def test_a_cell_passed_where_its_checks_did() -> None:
    assert said(PASSED) == (CellOutcome.PASSED, "")


def test_the_first_check_that_is_bad_is_the_reason() -> None:
    assert said(PASSED, FAILED, replace(FAILED, check="test_a.py::test_other")) == (
        CellOutcome.FAILED,
        "2 of 3 checks: test_a.py::test_two: too far off",
    )


def test_what_cannot_be_imported_explains_what_fails_behind_it() -> None:
    outcome, reason = said(PASSED, CRASHED, FAILED, NOT_IMPORTED)
    assert (outcome, reason) == (
        CellOutcome.CRASHED,
        "3 of 4 checks: test_imports.py::test_torch: no libcudart",
    )


def test_what_did_not_run_explains_nothing() -> None:
    not_run = replace(NOT_IMPORTED, outcome=CheckOutcome.NOT_RUN)
    assert said(not_run, NOT_RUN, FAILED)[1] == "3 of 3 checks: test_a.py::test_two: too far off"
    assert said(NOT_RUN, PASSED) == (CellOutcome.FAILED, "1 of 2 checks: test_a.py::test_five: stopped")


@pytest.mark.parametrize(
    ("checks", "outcome"),
    [
        ((FAILED, TIMED_OUT, CRASHED), CellOutcome.CRASHED),
        ((FAILED, TIMED_OUT), CellOutcome.TIMED_OUT),
        ((FAILED, NOT_RUN), CellOutcome.FAILED),
    ],
)
def test_a_crash_says_more_than_a_time_limit_and_that_more_than_a_failure(
    checks: tuple[CheckResult, ...], outcome: CellOutcome
) -> None:
    assert said(PASSED, *checks)[0] is outcome


def test_a_cell_that_was_stopped_timed_out_where_nothing_failed_before() -> None:
    reason = "stopped by --stop-after: 1 of 3 checks ran; --resume continues"
    told = said(PASSED, NOT_RUN, NOT_RUN, last=attempt(None), stopped=True)
    assert told == (CellOutcome.TIMED_OUT, reason)
    assert said(PASSED, NOT_RUN, FAILED, last=attempt(None), stopped=True)[0] is CellOutcome.FAILED


def test_a_cell_is_not_taken_for_stopped_unless_that_is_said() -> None:
    unfinished = [attempt(None)]
    assert judge(unfinished, [PASSED, NOT_RUN])[0] is CellOutcome.FAILED
    assert judge(unfinished, [PASSED, NOT_RUN], stopped=True)[0] is CellOutcome.TIMED_OUT


def test_a_cell_that_was_stopped_behind_its_last_check_is_as_its_checks_are() -> None:
    assert said(PASSED, stopped=True) == (CellOutcome.PASSED, "")
    assert said(PASSED, NOT_RUN, stopped=True)[1].startswith("1 of 2 checks: ")
    assert said(PASSED, NOT_RUN, last=attempt(None))[1].startswith("1 of 2 checks: ")


@pytest.mark.parametrize(
    ("checks", "last", "expected"),
    [
        (
            (PASSED,),
            attempt(None, Ended(None, "SIGSEGV")),
            (CellOutcome.CRASHED, "the suite ended outside of a check: SIGSEGV: last words"),
        ),
        (
            (PASSED,),
            attempt(0, Ended(None, "SIGABRT")),
            (CellOutcome.CRASHED, "the interpreter died after the last check: SIGABRT: last words"),
        ),
        ((), attempt(5), (CellOutcome.FAILED, "no check ran (pytest status 5): last words")),
        (
            (PASSED,),
            attempt(1),
            (CellOutcome.FAILED, "pytest reports that checks failed, but none was recorded: last words"),
        ),
        (
            (replace(PASSED, variant=None), replace(PASSED, outcome=CheckOutcome.SKIPPED)),
            attempt(0),
            (CellOutcome.FAILED, "no check ran SAM itself: 2 checks of its environment held"),
        ),
    ],
)
def test_a_cell_without_a_bad_check_is_not_green_where_the_whole_is_wrong(
    checks: tuple[CheckResult, ...], last: Attempt, expected: tuple[CellOutcome, str]
) -> None:
    assert said(*checks, last=replace(last, output="a line\nlast words \n\n")) == expected


def test_a_check_of_the_model_that_stands_for_all_runs_sam() -> None:
    assert said(replace(PASSED, variant=None, settings={"model": "tiny"})) == (CellOutcome.PASSED, "")


def test_what_the_suite_said_last_is_told_in_short() -> None:
    assert said(last=attempt(5))[1] == "no check ran (pytest status 5)"
    assert said(last=attempt(5, output="x" * 1000))[1] == f"no check ran (pytest status 5): {'x' * 200}"
