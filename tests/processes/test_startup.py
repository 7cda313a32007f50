"""The command line starts quickly, and ends quietly when it is interrupted as it starts."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
#: Each takes a tenth of a second to some seconds to import.
SLOW = ("docker", "duckdb", "numpy", "pydantic", "scipy")


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [(("--help",), SLOW), (("plan", "--help"), ("scipy",)), (("table", "--help"), ("scipy",))],
    ids=["all commands", "plan", "table"],
)
def test_help_needs_no_slow_import(arguments: tuple[str, ...], slow: tuple[str, ...]) -> None:
    code = f"""
import atexit, sys
from samcheck.__main__ import main
atexit.register(lambda: print("imported:", *sorted(set({slow}).intersection(sys.modules))))
main()
"""
    done = python(code, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage:")
    assert done.stdout.endswith("\nimported:\n")


@pytest.mark.parametrize("module", ["click", "samcheck.streams", "samcheck.errors"])
def test_an_interruption_during_the_first_imports_shows_no_traceback(module: str) -> None:
    code = f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from samcheck.__main__ import main
main()
"""
    done = python(code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_noxfile_finds_all_that_it_imports_among_its_own_dependencies() -> None:
    """nox installs only what the head of the noxfile lists, before anything of samcheck's is there."""
    head = (CHECKOUT / "noxfile.py").read_text(encoding="utf-8").partition('# ///\n"""')[0]
    given = {*re.findall(r'"([a-z-]+)[^"]*",', head), "nvidia-ml-py"}
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    others = {re.sub(r"[^\w-].*", "", text).lower() for text in project["dependencies"]} - given
    assert {"msgspec", "docker", "filelock", "uv"} <= others
    done = python(
        f"import sys; sys.modules.update(dict.fromkeys({sorted(others)!r})); "
        "import samcheck.facts, samcheck.matrix"
    )
    assert done.returncode == 0, done.stderr[-500:]


def test_the_plugin_loads_where_nothing_of_a_cell_is_installed() -> None:
    """An environment that lacks NumPy or PyTorch still has to say so check by check."""
    absent = (
        "numpy",
        "torch",
        "torchvision",
        "segment_anything",
        "sam2",
        "transformers",
        "timm",
        "ultralytics",
    )
    done = python(f"import sys; sys.modules.update(dict.fromkeys({absent!r})); import samcheck.guest.plugin")
    assert done.returncode == 0, done.stderr[-500:]
