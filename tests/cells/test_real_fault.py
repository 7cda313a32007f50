"""One real fault in a real environment, by the command line: seeded, caught, and nothing without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from samcheck import facts, machine, matrix, requirements
from samcheck.environments import CHECKOUT, venv
from tests.faults import table


def interpreter(folder: Path) -> str:
    """One whose environment the other tests here need too."""
    path = folder / "one.toml"
    path.write_text('[[cell]]\ntorch = "2.4.1"\npython = "3.11"\n')
    cell = matrix.plan(path, facts.load(), machine.look()).cells[0].cell
    return venv.Venv().prepare(cell, requirements.resolve(cell, facts.load()), folder / "build.log").python


def test_wrong_normalisation_is_caught(tmp_path: Path) -> None:
    """The run without a fault is green, or the command would say so and stop."""
    options = ("--only", "normalisation-mean", "--output", str(tmp_path), "--python", interpreter(tmp_path))
    command = [sys.executable, "-m", "tests.faults", *options]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = table.read(tmp_path / "faults.json")
    assert report is not None
    seen = report.outcomes["normalisation-mean"].fast
    assert seen is not None
    assert seen.check.startswith("test_correctness.py::")
    assert report.baseline["passed"] > 50
    assert "normalisation-mean" in (tmp_path / "README.md").read_text()
