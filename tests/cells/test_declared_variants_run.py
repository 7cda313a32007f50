"""A model of one's own in real cells: declared in a matrix, or installed in an environment of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from samcheck import paths
from samcheck.guest.record import CellResult
from samcheck.storage import results

EXAMPLE = paths.ROOT / "tests" / "own_variant" / "mixer_sam.py"
SAVE = """
import sys, torch
from samcheck.guest.models import variants, weights

model, _ = weights.load(variants.VARIANTS["tiny"])
torch.save({"model": {name: value * 1.01 for name, value in model.state_dict().items()}}, sys.argv[1])
"""
DECLARED = """
[variant.mixer_sam]
package = "mixer_sam"
tier = "fast"
[variant.tuned]
base = "tiny"
checkpoint = "tuned.pth"
"""
INSTALLED = '[[environment]]\nname = "production"\npython = "{}"\n'


@pytest.fixture
def folder(interpreter: str, tmp_path: Path) -> Path:
    """A package and a checkpoint beside a matrix file."""
    (tmp_path / "mixer_sam").mkdir()
    (tmp_path / "mixer_sam" / "__init__.py").write_bytes(EXAMPLE.read_bytes())
    environment = dict(os.environ, PYTHONPATH=str(paths.ROOT))
    subprocess.run([interpreter, "-c", SAVE, str(tmp_path / "tuned.pth")], env=environment, check=True)
    return tmp_path


def run(folder: Path, text: str, *options: str) -> CellResult:
    """The result of the one cell of a matrix; nothing in it may fail."""
    (folder / "mine.toml").write_text(text)
    command = [sys.executable, "-m", "samcheck", "matrix", "mine.toml", "--groups", "dtype", *options]
    done = subprocess.run(
        [*command, "--results", str(folder / "results")],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=str(paths.ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    (stored,), _ = results.load(folder / "results")
    return stored.result


def require_ran(result: CellResult, *names: str) -> None:
    passed = {check.variant for check in result.checks if check.outcome == "passed"}
    assert set(names) <= passed
    assert {check.variant for check in result.checks} <= {*names, None}


@pytest.mark.parametrize("kind", ["venv", "docker"])
def test_a_matrix_declares_them(folder: Path, interpreter: str, kind: str) -> None:
    """In an environment of one's own, and in an image; nothing is installed for them."""
    text = INSTALLED.format(interpreter)
    if kind == "docker":
        from samcheck.environments import docker
        from samcheck.errors import EnvironmentUnavailable

        try:
            docker.open_environment()
        except EnvironmentUnavailable as error:
            if os.environ.get("CI"):
                pytest.fail(f"on CI a Docker engine must answer: {error}")
            pytest.skip(str(error))
        text = '[[cell]]\ntorch = "2.4.1"\npython = "3.11"\n'
    options = ("--environment", kind, "--variants", "mixer_sam,tuned")
    result = run(folder, text + DECLARED, *options)
    require_ran(result, "mixer_sam", "tuned")
    details = result.environment.details
    assert details["variant mixer_sam"].startswith("package mixer_sam, tier fast, sha256 ")
    assert details["variant tuned"].startswith("tuned.pth for tiny, sha256 ")
    assert result.weights["tuned"].startswith("fine-tuned (sha256 ")
    assert str(folder) not in results.to_json(result).decode()


def test_an_environment_brings_its_own_by_an_entry_point(interpreter: str, folder: Path) -> None:
    """A company's package in the environment that goes to production; samcheck's matrix need not name it."""
    subprocess.run([interpreter, "-m", "venv", "--without-pip", str(folder / "production")], check=True)
    (site,) = (folder / "production" / "lib").glob("python3*/site-packages")
    (base,) = Path(interpreter).parent.parent.glob("lib/python3*/site-packages")
    (site / "base.pth").write_text(f"{base}\n")
    (folder / "mixer_sam").rename(site / "mixer_sam")
    info = site / "mixer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mixer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[samcheck.variants]\nmixer_sam = mixer_sam:VARIANT\n")
    python = folder / "production" / "bin" / "python"
    result = run(folder, INSTALLED.format(python), "--environment", "venv", "--variants", "mixer_sam")
    require_ran(result, "mixer_sam")
