"""Images of many sizes on the model of PyTorch's allocator: what a check asks of a GPU holds there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from samcheck.guest.memory.image_sizes import BOXES, GROWTH, PASSES, SIZES
from samcheck.guest.memory_model import SHAPES, Work, needs
from samcheck.guest.memory_model.allocator import CachingAllocator
from samcheck.guest.memory_model.ledger import Event


def traces(variant: str) -> Iterator[list[Event]]:
    """What encoding and predicting take and give back, once for each size, after the weights."""
    keys = count()
    for height, width in SIZES:
        steps = needs(SHAPES[variant], "fp32", "cuda", Work(size=(height, width), prompts=BOXES))
        trace = [event for step in steps if step.step in ("encode", "predict") for event in step.trace]
        renamed = {event.key: next(keys) for event in trace if event.key >= 0}
        yield [Event(renamed[event.key], event.size) for event in trace if event.key >= 0]


@pytest.mark.parametrize("variant", SHAPES)
def test_nothing_is_added_once_all_sizes_were_seen(variant: str) -> None:
    allocator, after, most = CachingAllocator(), [], 0
    for _ in range(PASSES):
        for trace in traces(variant):
            held = 0
            for event in trace:
                held += event.size
                most = max(most, held)
            allocator.play(trace)
        after.append(allocator.reserved)
    assert allocator.reserved > most  # it fragments: what is reserved is not all in use
    assert after[-1] <= after[-2] * (1 + GROWTH)


def test_an_allocator_that_never_takes_a_free_block_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CachingAllocator, "give_back", lambda self, key: self._held.pop(key))
    with pytest.raises(AssertionError):
        test_nothing_is_added_once_all_sizes_were_seen("tiny")
