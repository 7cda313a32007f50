"""What SAM takes on a GPU, as PyTorch dispatches it, against what `samcheck.guest.memory_model` counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from samcheck.guest.memory_model import ESTIMATED, SHAPES, MemoryRequirement, Work, needs
from samcheck.guest.memory_model.allocator import CachingAllocator
from samcheck.guest.memory_model.ledger import Event
from tests.rehearsal.traces import AT_ONCE, PRECISIONS, events_of

STEPS = ("encode", "predict", "automatic")
#: Of what is counted, and of what is reserved for it, which depends on the order too.
COUNT, RESERVED = 0.02, 0.1
#: As `samcheck.guest.memory.peaks` measures.
SIZE = (480, 640)


def peak(events: Sequence[Sequence[int]]) -> int:
    held = most = 0
    for _, size in events:
        held += size
        most = max(most, held)
    return most


def counted(variant: str, precision: str, step: str) -> MemoryRequirement:
    count = AT_ONCE[variant]
    work = Work(SIZE, prompts=count, points_per_batch=count, images=count, filtered=False)
    every = needs(ESTIMATED[variant], precision, "cuda", work)
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
