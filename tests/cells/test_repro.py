"""The line that ``samcheck repro`` prints, run in a shell: it runs that one check, in that environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from samcheck import facts, paths
from samcheck.cells import Cell
from samcheck.environments import venv
from samcheck.errors import EnvironmentUnavailable
from samcheck.facts import requirements
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, EnvironmentRecord
from samcheck.storage import results

CELL = Cell("2.4.1", "cu121", "3.11")
#: A check with brackets in its name, and what becomes of it with this PyTorch.
CHECK, SAID = "test_dtype.py::test_naive_cast[tiny-point-half]", "1 known in"


def details(kind: str, folder: Path) -> dict[str, str]:
    """Where the cell's environment is, made if it is not there."""
    pins = requirements.resolve(CELL, facts.load())
    if kind == "docker":
        from samcheck.environments import docker

        return docker.open_environment().prepare(CELL, pins, folder / "log").details
    place = venv.Venv().prepare(CELL, pins, folder / "log")
    return {"interpreter": place.python}


@pytest.mark.parametrize("kind", ["venv", "here", "docker"])
def test_the_line_runs_that_check(kind: str, tmp_path: Path) -> None:
    try:
        environment = EnvironmentRecord(kind, "", details(kind, tmp_path))
    except EnvironmentUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"on CI a Docker engine must answer: {error}")
        pytest.skip(str(error))
    check = CheckResult(CHECK, "dtype", CheckOutcome.KNOWN, reason="as catalogued")
    times = ("2026-11-22T12:00:00+00:00", "2026-11-22T12:30:00+00:00")
    result = CellResult(
        2, CELL.record(()), CellOutcome.PASSED, "", environment, "fast", *times, "0", checks=[check]
    )
    store = tmp_path / "results"
    results.store(store, result, "cpu")
    command = [sys.executable, "-m", "samcheck", "repro", CELL.id, CHECK, "--results", str(store)]
    line = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SAID in done.stdout
    assert f"{CHECK}\n" in done.stdout
