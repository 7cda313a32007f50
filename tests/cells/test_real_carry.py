"""What is really collected for another machine is enough to start samcheck in a Python without packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In the checkout, where it has to be."""
    path = CHECKOUT / ".samcheck" / f"carried-{tmp_path.name}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_carried_samcheck_starts_in_a_bare_python(folder: Path) -> None:
    python = "{}.{}".format(*sys.version_info)
    command = [sys.executable, "-m", "samcheck", "carry", str(folder), "--python", python]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "guest" / "segment-anything" / "segment_anything" / "__init__.py").is_file()
    assert not any((folder / half / "torch").exists() for half in ("host", "guest"))
    # -S: without the packages of this Python. Any other interpreter than this would be looked into next.
    start = [sys.executable, "-S", str(folder), "--tier", "fast", "--python", "/nowhere/python"]
    done = subprocess.run(start, cwd=folder, capture_output=True, text=True, env={}, check=False)
    assert done.stderr.startswith("samcheck: /nowhere/python cannot be run"), done.stderr
    assert done.returncode == 4
