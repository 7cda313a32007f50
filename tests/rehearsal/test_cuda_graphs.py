"""What a CUDA graph of SAM can hold, and whether a wrong one would be seen, without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from samcheck.guest.defects.catalogue import DEFECTS
from samcheck.guest.oracle.tolerances import TOLERANCES

ROOT = Path(__file__).parents[2]
PARTS = ("encoder", "encoder-as-it-is", "decoder")


def printed(interpreter: str, module: str, **variables: str) -> Any:
    done = subprocess.run(
        [interpreter, "-W", "ignore", "-m", f"tests.rehearsal.{module}"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def played(interpreter: str) -> Any:
    """How graphs compare by what their stand-in does, and by part."""
    return printed(interpreter, "played_graphs")


def test_only_the_encoder_as_it_is_copies_from_the_cpu(interpreter: str, cudart: Path) -> None:
    """It is catalogued as a defect; with its positions made before, and in the decoder, nothing is copied."""
    for operators in printed(interpreter, "fake_capture", LD_PRELOAD=str(cudart)).values():
        assert operators == {"encoder": [], "encoder-as-it-is": ["aten.index.Tensor"], "decoder": []}


@pytest.mark.parametrize("part", PARTS)
def test_a_graph_that_computes_passes(played: Any, part: str) -> None:
    assert played["faithful"][part] == {"error": "", "relative_l2": 0.0, "same_bits": True}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("play", ["stale", "narrowed"])
def test_a_graph_that_computes_something_else_does_not(played: Any, play: str, part: str) -> None:
    assert not played[play][part]["error"]
    assert not played[play][part]["same_bits"]
    assert played[play][part]["relative_l2"] > TOLERANCES["fp32"].logits


@pytest.mark.parametrize("part", PARTS)
def test_a_refused_capture_names_its_cause(played: Any, part: str) -> None:
    class NotCaptured(Exception):
        """As in the suite."""

    error = NotCaptured(played["refused"][part]["error"])
    assert "previous error during capture" in str(error)
    assert DEFECTS["capture-relative-positions"].matches(error)
    assert not DEFECTS["capture-relative-positions"].matches(NotCaptured("CUDA error: out of memory"))


def test_streams_that_mix_their_images_are_seen(interpreter: str) -> None:
    """With threads in place of streams: each has its own features, and both are at work at the same time."""
    seen = printed(interpreter, "played_streams")
    assert seen["apart"] == {"right": True, "streams": 2, "overlap": True}
    assert not seen["mixed"]["right"]
