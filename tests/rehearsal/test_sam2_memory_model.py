"""What SAM 2 takes on a GPU, as PyTorch dispatches it, against what `samcheck.guest.memory_model` counts."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from samcheck.guest.memory_model import ESTIMATED, MemoryRequirement, Work, needs
from samcheck.guest.memory_model.allocator import CachingAllocator
from samcheck.guest.memory_model.hiera_shapes import HIERA_SHAPES
from samcheck.guest.memory_model.ledger import Event
from tests.cells.conftest import of_cell
from tests.rehearsal.test_memory_model import COUNT, RESERVED, SIZE, peak
from tests.rehearsal.traces import PRECISIONS, on_fake_cuda

#: Images at once in each precision, and prompts and points, which are always in float32.
IMAGES = {"sam2.1_mini": 8}
PROMPTS = 8
STILL = [*(("encode", precision) for precision in PRECISIONS), ("predict", "fp32"), ("automatic", "fp32")]
#: Precision, frames, objects, and whether the host keeps pixels and memories.
VIDEOS = [("fp32", 4, 1, False), ("bf16", 4, 3, True), ("autocast-fp16", 3, 2, False)]

Events = list[list[int]]


@pytest.fixture(scope="session")
def with_sam2(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with sam2."""
    fields = 'torch = "2.5.1"\npython = "3.11"\nsam = "sam2==1.1.0"'
    return of_cell(tmp_path_factory.mktemp("with-sam2"), fields)


@cache
def traced(interpreter: str, cudart: Path, variant: str, runs: str) -> list[Events] | str:
    """The events of each run, or why there are none."""
    done = on_fake_cuda(interpreter, cudart, "tests.rehearsal.fake_sam2", variant, runs)
    if done.returncode:
        return done.stderr[-4000:]
    events: list[Events] = json.loads(done.stdout)
    return events


def still_runs(variant: str) -> str:
    images = IMAGES.get(variant, 1)
    return json.dumps([[step, name, [images if step == "encode" else PROMPTS]] for step, name in STILL])


def counted(variant: str, precision: str, step: str, work: Work) -> MemoryRequirement:
    every = needs(ESTIMATED[variant], precision, "cuda", work)
    return next(need for need in every if need.step == step)


def held_against(need: MemoryRequirement, traces: list[Events] | str, number: int) -> None:
    """The count is what PyTorch takes, and the allocator reserves as much for the one as for the other."""
    assert not isinstance(traces, str), traces
    assert need.growth == pytest.approx(peak(traces[number]), rel=COUNT)
    weights = [event for event in need.trace if event.key < 0]
    events = [Event(*event) for event in traces[number]]
    assert need.reserved == pytest.approx(CachingAllocator().play([*weights, *events]).peak, rel=RESERVED)


@pytest.mark.parametrize("number", range(len(STILL)), ids=["-".join(run) for run in STILL])
@pytest.mark.parametrize("variant", HIERA_SHAPES)
def test_the_count_for_images_is_what_pytorch_takes(
    with_sam2: str, cudart: Path, variant: str, number: int
) -> None:
    step, precision = STILL[number]
    traces = traced(with_sam2, cudart, variant, still_runs(variant))
    work = Work(SIZE, PROMPTS, PROMPTS, IMAGES.get(variant, 1), filtered=False)
    held_against(counted(variant, precision, step, work), traces, number)


@pytest.mark.parametrize(("precision", "frames", "objects", "on_host"), VIDEOS)
@pytest.mark.parametrize("variant", ["sam2.1_mini", "sam2.1_hiera_tiny"])
def test_the_count_for_videos_is_what_pytorch_takes(
    with_sam2: str, cudart: Path, variant: str, precision: str, frames: int, objects: int, on_host: bool
) -> None:
    runs = json.dumps([["video", precision, [frames, objects, on_host]]])
    work = Work(SIZE, frames=frames, objects=objects, video_on_host=on_host, state_on_host=on_host)
    held_against(counted(variant, precision, "video", work), traced(with_sam2, cudart, variant, runs), 0)
