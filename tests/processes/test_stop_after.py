"""A machine that is lent for some minutes: what is finished by then is a result, and the rest follows."""

from __future__ import annotations

from pathlib import Path

from samcheck.guest.outcomes import CheckOutcome
from tests.processes.rig import Rig

#: Seconds: enough for starting on a busy machine, and not for all checks of a second each.
COUNT, STOP_AFTER = 16, 12.0
FAILING = """
import time

def test_a():
    assert 1 == 2

def test_b():
    time.sleep(60)
"""


def test_what_is_finished_is_stored_and_the_rest_follows(tmp_path: Path) -> None:
    rig = Rig(tmp_path, environment={"STOP_AFTER": str(STOP_AFTER)})
    rig.steady(COUNT, pause=1.0)
    assert rig.run() == 1
    (result,) = rig.results().values()
    kinds = [check.outcome for check in result.checks]
    assert (result.outcome, result.stopped) == ("timed-out", True)
    assert set(kinds) == {"passed", "not-run"}
    assert f"{kinds.count(CheckOutcome.PASSED)} of {COUNT} checks ran" in result.reason
    assert rig.unfinished
    assert rig.left_over() == []

    rig.environment.clear()
    assert rig.run(resume=True) == 0
    (result,) = rig.results().values()
    assert (result.outcome, len(result.checks)) == ("passed", COUNT)
    assert "stopped" not in result.environment.details
    begun = sorted(rig.begun().values())
    assert begun in ([1] * COUNT, [1] * (COUNT - 1) + [2])  # at most the one that was stopped runs again


def test_a_check_that_failed_before_is_not_forgotten(tmp_path: Path) -> None:
    rig = Rig(tmp_path, environment={"STOP_AFTER": str(STOP_AFTER)})
    rig.steady()
    (tmp_path / "suite" / "test_small.py").write_text(FAILING)
    assert rig.run() == 1
    (result,) = rig.results().values()
    assert (result.outcome, result.stopped) == ("failed", True)
    assert [check.outcome for check in result.checks] == ["failed", "not-run"]
    assert "test_a" in result.reason
