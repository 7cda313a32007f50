"""One real fault in a real environment, by the command line: seeded, caught, and nothing without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from samcheck import paths
from tests.faults import table


def test_wrong_normalisation_is_caught(tmp_path: Path, interpreter: str) -> None:
    """The run without a fault is green, or the command would say so and stop."""
    options = ("--only", "normalisation-mean", "--output", str(tmp_path), "--python", interpreter)
    command = [sys.executable, "-m", "tests.faults", *options]
    done = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = table.read(tmp_path / "faults.json")
    assert report is not None
    seen = report.outcomes["normalisation-mean"].fast
    assert seen is not None
    assert seen.check.startswith("test_correctness.py::")
    assert report.baseline["passed"] > 50
    assert "normalisation-mean" in (tmp_path / "README.md").read_text()
