"""A check costs itself and no other, whatever it does to its process, its files or the channel."""

from __future__ import annotations

from pathlib import Path

import pytest
from injections import INJECTIONS, SUITE, Injection
from trial import Trial, outcomes

from samcheck import results
from samcheck.guest.record import CellResult


def injected(trial: Trial, injection: Injection) -> CellResult:
    """The result of a suite with this check in it, which must be as it is noted."""
    trial.write(SUITE.format(body=injection.body))
    result = trial.run()
    seen = outcomes(result)
    assert seen == {"a[tiny]": "failed", "b[tiny]": injection.outcome, "c[tiny]": "passed"}, result
    assert injection.reason in result.checks[1].reason
    assert result.outcome in ("failed", "crashed")
    path = results.store(trial.folder / "results", result, "machine")
    assert results.read(path).outcome == result.outcome
    return result


@pytest.mark.parametrize("name", INJECTIONS)
def test_injection(trial: Trial, name: str) -> None:
    injected(trial, INJECTIONS[name])
    left = {path.name.partition("-")[0] for path in (trial.folder / "cell").iterdir()}
    assert left <= {"journal", "output", "ended"}


def test_links_are_not_followed(trial: Trial) -> None:
    """What a check leaves in the place of samcheck's files is not written through."""
    precious = trial.folder / "precious"
    precious.write_text("precious")
    body = (
        "given = os.path.dirname(channel(request)); "
        f"[(os.path.lexists(path) and os.remove(path), os.symlink({str(precious)!r}, path)) "
        "for path in ('skip.txt', given + '/skip.txt', '../ended-1.json')]; os._exit(1)"
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
