"""The traces that `fake_cuda` makes, each once for all tests."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Images, prompts and points at once: enough that masks of the small variant are no small blocks.
AT_ONCE = {"tiny": 8, "vit_b": 4, "vit_l": 1, "vit_h": 1, "mobile_sam_mini": 8, "mobile_sam": 2}
PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "autocast-fp16", "autocast-bf16")

Traces = dict[str, dict[str, list[list[int]]]]


def on_fake_cuda(interpreter: str, cudart: Path, *module: str) -> subprocess.CompletedProcess[str]:
    """Run a module with its arguments where PyTorch believes in a GPU."""
    return subprocess.run(
        [interpreter, "-W", "ignore", "-m", *module],
        env={**os.environ, "LD_PRELOAD": str(cudart), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@cache
def traced(interpreter: str, cudart: Path, variant: str, program: str = "fake_cuda") -> Traces | str:
    """The traces of a variant, or why there are none: kept too, since each attempt takes seconds."""
    count = str(AT_ONCE[variant])
    done = on_fake_cuda(interpreter, cudart, f"tests.rehearsal.{program}", variant, count, *PRECISIONS)
    if done.returncode:
        return done.stderr[-4000:]
    traces: Traces = json.loads(done.stdout)
    return traces


def events_of(interpreter: str, cudart: Path, variant: str, precision: str, step: str) -> list[list[int]]:
    """The storages that a step takes and gives back."""
    traces = traced(interpreter, cudart, variant)
    assert not isinstance(traces, str), traces
    return traces[precision][step]
