"""A page with the results that git keeps."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner

from samcheck.__main__ import cli
from samcheck.storage import results
from tests.unit import made


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.invalid")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_replaced_results_are_the_history(tmp_path: Path) -> None:
    git(tmp_path, "init")
    for day in ("01", "22"):
        then = f"2026-11-{day}T12:00:00+00:00"
        results.store(tmp_path, replace(made.RESULT, started=then, finished=then), "machine")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", day)
    alone = CliRunner().invoke(cli, ["html", str(tmp_path)])
    assert "1 results, 0 checks" in alone.output, alone.output
    whole = CliRunner().invoke(cli, ["html", str(tmp_path), "--commits", "9"])
    assert "2 results, 0 checks" in whole.output, whole.output
