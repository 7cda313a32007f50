"""What SAM takes on a GPU, as PyTorch dispatches it, against what `samcheck.guest.memory_model` counts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from samcheck.guest.memory_model import SHAPES, MemoryRequirement, Work, needs
from samcheck.guest.memory_model.allocator import CachingAllocator
from samcheck.guest.memory_model.ledger import Event
from tests.cells.conftest import interpreter

__all__ = ["interpreter"]  # a fixture

ROOT = Path(__file__).parents[2]
#: Images, prompts and points at once: enough that masks of the small variant are no small blocks.
AT_ONCE = {"tiny": 8, "vit_b": 4, "vit_l": 1, "vit_h": 1}
PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "autocast-fp16", "autocast-bf16")
STEPS = ("encode", "predict", "automatic")
#: Of what is counted, and of what is reserved for it, which depends on the order too.
COUNT, RESERVED = 0.02, 0.1
#: As `samcheck.guest.memory.peaks` measures.
SIZE = (480, 640)

Traces = dict[str, dict[str, list[list[int]]]]


@pytest.fixture(scope="session")
def cudart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled stand-in of the CUDA runtime."""
    if shutil.which("cc") is None and not os.environ.get("CI"):
        pytest.skip("the stand-in of the CUDA runtime needs a C compiler: install gcc")
    library = tmp_path_factory.mktemp("cudart") / "libstub.so"
    source = Path(__file__).with_name("cudart_stub.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source], check=True)
    return library


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
def traced(interpreter: str, cudart: Path, variant: str) -> Traces | str:
    """The traces of a variant, or why there are none: kept too, since each attempt takes seconds."""
    count = str(AT_ONCE[variant])
    done = on_fake_cuda(interpreter, cudart, "tests.rehearsal.fake_cuda", variant, count, *PRECISIONS)
    if done.returncode:
        return done.stderr[-4000:]
    traces: Traces = json.loads(done.stdout)
    return traces


def events_of(interpreter: str, cudart: Path, variant: str, precision: str, step: str) -> list[list[int]]:
    """The storages that a step takes and gives back."""
    traces = traced(interpreter, cudart, variant)
    assert not isinstance(traces, str), traces
    return traces[precision][step]


def peak(events: Sequence[Sequence[int]]) -> int:
    held = most = 0
    for _, size in events:
        held += size
        most = max(most, held)
    return most


def counted(variant: str, precision: str, step: str) -> MemoryRequirement:
    count = AT_ONCE[variant]
    work = Work(SIZE, prompts=count, points_per_batch=count, images=count, filtered=False)
    every = needs(SHAPES[variant], precision, "cuda", work)
    return next(need for need in every if need.step == step)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("variant", SHAPES)
def test_the_count_is_what_pytorch_takes(
    interpreter: str, cudart: Path, variant: str, precision: str, step: str
) -> None:
    events = events_of(interpreter, cudart, variant, precision, step)
    assert counted(variant, precision, step).growth == pytest.approx(peak(events), rel=COUNT)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("variant", ["vit_b", "vit_l", "vit_h"])
def test_the_allocator_reserves_as_much_for_the_count_as_for_what_pytorch_takes(
    interpreter: str, cudart: Path, variant: str, precision: str, step: str
) -> None:
    need = counted(variant, precision, step)
    weights = [event for event in need.trace if event.key < 0]
    events = [Event(*event) for event in events_of(interpreter, cudart, variant, precision, step)]
    reserved = CachingAllocator().play([*weights, *events]).peak
    assert need.reserved == pytest.approx(reserved, rel=RESERVED)
