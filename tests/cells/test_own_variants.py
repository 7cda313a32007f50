"""Variants of one's own in a real environment: the worked example, and a checkpoint."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from samcheck import paths
from samcheck.run.intake import Intake
from samcheck.run.records import Journal

EXAMPLE = paths.ROOT / "tests" / "own_variant"

TUNED = """
from samcheck.guest.models.variants import fine_tuned, register

register(fine_tuned("my_sam", base="tiny", checkpoint={checkpoint!r}))
"""

SAVE = """
import sys, torch
from samcheck.guest.models import variants, weights

model, _ = weights.load(variants.VARIANTS["tiny"])
torch.save({"model": {name: value * 1.01 for name, value in model.state_dict().items()}}, sys.argv[1])
"""


def run(interpreter: str, folder: Path, *arguments: str) -> Journal:
    """The suite with modules in `folder`; nothing in it may fail."""
    path = os.pathsep.join(map(str, (folder, EXAMPLE, paths.ROOT)))
    journal = folder / "journal"
    command = [interpreter, "-m", "pytest", "tests/suite", "-q", "-m", "fast", *arguments]
    done = subprocess.run(
        [*command, f"--samcheck-journal={journal}"],
        cwd=paths.ROOT,
        env=dict(os.environ, PYTHONPATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    intake = Intake()
    for line in journal.read_bytes().splitlines():
        intake.take(line)
    return intake.journal


def test_the_example_by_its_entry_point(interpreter: str, tmp_path: Path) -> None:
    """Every check that is about a variant runs on it, also the one that needs a process of its own."""
    info = tmp_path / "mixer-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mixer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[samcheck.variants]\nmixer_sam = mixer_sam:VARIANT\n")
    finished = run(interpreter, tmp_path, "--samcheck-variants=mixer_sam", "-k", "mixer_sam").finished
    passed = {check.group for check in finished.values() if check.outcome == "passed"}
    assert {"correctness", "dtype", "memory", "latency", "backends"} <= passed
    assert {check.variant for check in finished.values()} == {"mixer_sam"}


def test_a_family_of_ones_own(interpreter: str, tmp_path: Path) -> None:
    """A package that has only the predictor's arguments in common with SAM: checks that need no more run."""
    arguments = ("-p", "own_family", "--samcheck-families=blobs", "-k", "blobs")
    finished = run(interpreter, tmp_path, *arguments).finished
    passed = {check.group for check in finished.values() if check.outcome == "passed"}
    assert {"correctness", "dtype", "latency"} <= passed
    assert {check.variant for check in finished.values()} == {"blobs"}
    lines = (EXAMPLE / "own_family.py").read_text().splitlines()
    assert len(lines) <= 100


def test_a_checkpoint_of_ones_own(interpreter: str, tmp_path: Path) -> None:
    """It is compared with the oracle for its own weights."""
    checkpoint = tmp_path / "tuned.pth"
    environment = dict(os.environ, PYTHONPATH=str(paths.ROOT))
    subprocess.run([interpreter, "-c", SAVE, str(checkpoint)], env=environment, check=True)
    (tmp_path / "tuned.py").write_text(TUNED.format(checkpoint=str(checkpoint)))
    arguments = ("-p", "tuned", "--samcheck-variants=my_sam", "-k", "prediction_matches and fp32")
    journal = run(interpreter, tmp_path, *arguments)
    assert {check.outcome for check in journal.finished.values()} == {"passed"}
    assert journal.weights["my_sam"].startswith("fine-tuned (sha256 ")
