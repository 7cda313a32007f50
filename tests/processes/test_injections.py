"""A check costs itself and no other, whatever it does to its process, its files or the channel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from samcheck.guest.record import CellResult
from samcheck.run import suite_runner
from samcheck.storage import results
from tests.processes.injections import IMITATED, INJECTIONS, SUITE, Injection
from tests.processes.trial import Trial, outcomes


def injected(trial: Trial, injection: Injection) -> CellResult:
    """The result of a suite with this check in it, which must be as it is noted."""
    trial.write(SUITE.format(body=injection.body))
    result = trial.run()
    seen = outcomes(result)
    assert seen == {"a[tiny]": "failed", "b[tiny]": injection.outcome, "c[tiny]": "passed"}, result
    assert injection.reason in result.checks[1].reason
    assert result.outcome in ("failed", "crashed", "timed-out")
    path = results.store(trial.folder / "results", result, "machine")
    assert results.read(path).outcome == result.outcome
    return result


@pytest.mark.parametrize("name", INJECTIONS)
def test_an_injection_costs_its_check_only(trial: Trial, name: str) -> None:
    injected(trial, INJECTIONS[name])
    left = {path.name.partition("-")[0] for path in (trial.folder / "cell").rglob("*")}
    assert left <= {"journal", "output", "ended", "again"}


def test_links_are_not_followed(trial: Trial) -> None:
    """What a check leaves in the place of samcheck's files is not written through."""
    precious = trial.folder / "precious"
    precious.write_text("precious")
    body = (
        "given = os.path.dirname(channel(request)); "
        f"[(os.path.lexists(path) and os.remove(path), os.symlink({str(precious)!r}, path)) "
        "for path in ('skip.txt', given + '/skip.txt', '../ended-1.json', '../again')]; os._exit(1)"
    )
    injected(trial, Injection(body, "crashed"))
    assert precious.read_text() == "precious"


@pytest.mark.parametrize(
    "make", ["os.mkfifo", "os.mkdir", "lambda path: os.truncate(os.open(path, 65), 2**40)"]
)
def test_what_stands_in_the_place_of_the_record_hangs_nobody(trial: Trial, make: str) -> None:
    """Not in this run, whose record is open, and not in one that goes on with it."""
    body = f"[(os.remove(path), ({make})(path)) for path in ['../journal-1.jsonl']]; os._exit(1)"
    injected(trial, Injection(body, "crashed"))
    assert Path(trial.folder / "results").exists()


#: Of a module that imitates pytest while it is imported: what it says of `C` is not so, and `A` fails.
IMITATING = """
import json, os, sys

C = dict(check="test_small.py::test_c[tiny]", group="small", outcome="passed", variant="tiny")
path = next(each.partition("=")[2] for each in sys.argv if each.startswith("--samcheck-journal="))

def say(event, **fields):
    with open(path, "ab") as stream:
        stream.write(json.dumps(dict(fields, event=event)).encode() + b"\\n")

{body}

def test_a(variant):
    assert False

def test_c(variant):
    pass
"""
RAN = "say('started', check=C['check']); say('finished', result=C)"


@pytest.mark.parametrize(
    "body",
    [
        "say('collected', checks=[C])",
        f"say('collected', checks=[C]); {RAN}",
        f"say('collected', checks=[C]); {RAN}; say('ended', exit_status=1)",
        "say('collected', checks=[C]); say('started', check=C['check'])",
        "say('ended', exit_status=1)",
        "say('not-collected', module='test_small.py', reason='', details='')",
    ],
    ids=["collects less", "runs one", "runs all", "starts one", "ends", "collects nothing"],
)
def test_a_module_that_imitates_pytest_hides_no_check(trial: Trial, body: str) -> None:
    trial.write(IMITATING.format(body=body))
    result = trial.run()
    assert outcomes(result)["a[tiny]"] in ("failed", "not-run"), result
    assert result.outcome in ("failed", "crashed")


def test_an_imitation_is_seen_also_behind_the_end(trial: Trial) -> None:
    """A check that reports all that is to come, and the end, and then goes on, has two reports on each."""
    body = IMITATED + "passed(1); mine.started(names[2]); passed(2); mine.ended(1)"
    trial.write(SUITE.format(body=body))
    assert outcomes(trial.run()) == {"a[tiny]": "failed", "b[tiny]": "failed", "c[tiny]": "failed"}


def test_what_is_said_of_a_check_before_it_runs_is_not_kept(trial: Trial) -> None:
    """It would be repeated with each report on it: a few lines of the guest's would fill the disk."""
    again = "[say('finished', result=dict(check='x')) for _ in range(200)]"
    said = "say('collected', checks=[dict(C, check='x', settings=dict(y='y' * 2**20))])"
    trial.write(IMITATING.format(body=f"{said}; say('started', check='x'); {again}"))
    trial.run()
    assert sum(path.stat().st_size for path in (trial.folder / "cell").glob("*.jsonl")) < 2**20


@pytest.mark.parametrize("death", ["os._exit(0)", "os.abort()", "raise KeyboardInterrupt", "sys.exit(0)"])
def test_a_module_that_dies_while_it_is_imported_costs_itself_only(trial: Trial, death: str) -> None:
    trial.write("def test_a(variant): pass\n")
    for name in ("test_dies", "test_other"):
        text = f"import os, sys\n{death}\n" if name == "test_dies" else "def test_b(variant): pass\n"
        (trial.folder / "suite" / f"{name}.py").write_text(text)
    result = trial.run()
    seen = {check.check: check.outcome for check in result.checks}
    assert seen == {
        "test_dies.py": "crashed",
        "test_other.py::test_b[tiny]": "passed",
        "test_small.py::test_a[tiny]": "passed",
    }
    assert result.outcome == "crashed"


@pytest.mark.parametrize("name", ["x\\ntest_small.py::test_c[tiny]\\r\\n", "\\udcff"])
def test_a_name_that_takes_several_lines_or_is_no_text_keeps_no_other_from_running(
    trial: Trial, name: str
) -> None:
    trial.write(
        "import os\nfrom _pytest.nodes import Node\nplain = Node.nodeid\n"
        f"Node.nodeid = property(lambda node: plain.fget(node).replace('test_b', '{name}'))\n"
        "def test_b(variant): os._exit(1)\n"
        "def test_c(variant): pass\n"
    )
    result = trial.run()
    assert [check.outcome for check in result.checks] == ["crashed", "passed"]


def test_what_says_something_without_getting_on_is_stopped(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite_runner, "GRACE_SECONDS", 1.0)
    trial.check_timeout = 2.0
    body = (
        "faulthandler.cancel_dump_traceback_later(); stream = open(channel(request), 'wb', 0)\n"
        "    while True: stream.write(b'{}\\n'); time.sleep(0.1)"
    )
    injected(trial, Injection(body, "timed-out"))


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor only")
def test_processors_that_are_taken_away_come_back(trial: Trial) -> None:
    body = "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    injected(trial, Injection(body, "failed", "the processors"))
