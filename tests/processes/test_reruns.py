"""Failed checks are run again in fresh processes, which tells intermittent failures from others."""

from __future__ import annotations

import pytest

from samcheck.guest.outcomes import CellOutcome
from tests.processes.trial import Trial, outcomes

#: Checks that end badly the first time, and checks that always do.
SUITE = """
import os
from pathlib import Path

def first(name):
    seen = Path(r"{seen}") / name
    if seen.exists():
        return False
    seen.touch()
    return True

def test_good(): pass

def test_once():
    assert not first("once"), "as a race would"

def test_dies_once():
    if first("dies"): os._exit(7)

def test_always(): assert False, "each time"

def test_dies_always(): os._exit(7)
"""


@pytest.fixture
def reruns(trial: Trial) -> Trial:
    seen = trial.folder / "seen"
    seen.mkdir()
    trial.write(SUITE.replace("{seen}", str(seen)))
    return trial


def test_what_does_not_fail_again_is_intermittent(reruns: Trial) -> None:
    result = reruns.run()
    assert outcomes(result) == {
        "good": "passed",
        "once": "intermittent",
        "dies_once": "intermittent",
        "always": "failed",
        "dies_always": "crashed",
    }
    reasons = {check.check.partition("::test_")[2]: check.reason for check in result.checks}
    assert reasons["once"].startswith("failed, but passed when run again: AssertionError: as a race would")
    assert reasons["dies_once"].startswith("crashed, but passed when run again: the interpreter died")
    assert result.outcome is CellOutcome.CRASHED
    assert "::test_always: " in result.reason


def test_an_intermittent_check_still_fails_its_cell(trial: Trial) -> None:
    seen = trial.folder / "seen"
    trial.write(
        "from pathlib import Path\n"
        f"def test_once():\n    p = Path(r'{seen}'); there = p.exists(); p.touch(); assert there\n"
    )
    result = trial.run()
    assert result.outcome is CellOutcome.FAILED
    assert "1 of 1 checks: test_small.py::test_once: failed, but passed when run again" in result.reason


def test_a_check_that_fails_because_of_the_one_before_it_is_no_intermittent_one(trial: Trial) -> None:
    trial.write(
        "import builtins\n"
        "def test_leaves(): builtins.left = True\n"
        "def test_suffers(): assert not hasattr(builtins, 'left')\n"
    )
    assert outcomes(trial.run()) == {"leaves": "passed", "suffers": "failed"}


def test_a_check_that_fails_only_the_second_time_is_intermittent_too(trial: Trial) -> None:
    seen = trial.folder / "seen"
    trial.write(
        "from pathlib import Path\n"
        f"def test_second():\n    p = Path(r'{seen}'); there = p.exists(); p.touch(); assert not there\n"
        "def test_always(): assert False\n"
    )
    result = trial.run()
    assert outcomes(result) == {"second": "intermittent", "always": "failed"}
    assert result.checks[0].reason.startswith("passed, but failed when run again: ")


def test_nothing_is_run_again_where_all_is_well(trial: Trial) -> None:
    trial.write("def test_good(variant): pass\n")
    assert "run again" not in trial.run().phases


def test_a_rerun_does_not_follow_a_link_in_the_place_of_its_folder(trial: Trial) -> None:
    precious = trial.folder / "precious"
    precious.mkdir()
    trial.write(
        f"import os\ndef test_bad():\n    os.symlink({str(precious)!r}, '../again')\n    assert False\n"
    )
    assert outcomes(trial.run()) == {"bad": "failed"}
    assert not [*precious.iterdir()]
