"""The model of PyTorch's caching allocator keeps that allocator's rules."""

from __future__ import annotations

import pytest

from samcheck.guest.memory_model import SHAPES, MemoryRequirement, Work, needs
from samcheck.guest.memory_model.allocator import MIB, CachingAllocator, OutOfMemory, segment_size
from samcheck.guest.memory_model.ledger import Event


@pytest.mark.parametrize(
    ("size", "segment"),
    [
        (512, 2 * MIB),
        (MIB, 2 * MIB),
        (MIB + 512, 20 * MIB),
        (10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB),
        (10 * MIB + 512, 12 * MIB),
        (953 * MIB, 954 * MIB),
    ],
)
def test_the_size_of_a_segment(size: int, segment: int) -> None:
    assert segment_size(size) == segment


def reserved(*sizes: int, limit: int | None = None) -> int:
    """What is reserved after tensors of these sizes; a negative one gives back the first of its size."""
    allocator = CachingAllocator(limit)
    held: dict[int, list[int]] = {}
    for key, size in enumerate(sizes):
        if size > 0:
            allocator.take(key, size)
            held.setdefault(size, []).append(key)
        else:
            allocator.give_back(held[-size].pop(0))
    return allocator.reserved


def test_small_tensors_share_a_segment_and_each_takes_at_least_512_bytes() -> None:
    assert reserved(*[1] * 4096) == 2 * MIB
    assert reserved(*[1] * 4097) == 4 * MIB
    assert reserved(*[513] * 2049) == 4 * MIB


def test_tensors_of_medium_size_share_a_segment_of_20_mib() -> None:
    assert reserved(*[4 * MIB] * 5) == 20 * MIB
    assert reserved(*[4 * MIB] * 6) == 40 * MIB
    assert reserved(6 * MIB, MIB) == 22 * MIB  # a small one is never among them


def test_a_large_block_is_not_split_for_a_rest_of_a_mebibyte() -> None:
    assert reserved(12 * MIB, -12 * MIB, 11 * MIB, MIB + 512) == 32 * MIB
    assert reserved(12 * MIB, -12 * MIB, 11 * MIB - 512, MIB + 512) == 12 * MIB


def test_the_smallest_free_block_that_fits_is_taken() -> None:
    sizes = (40 * MIB, 20 * MIB, -40 * MIB, -20 * MIB, 18 * MIB, 40 * MIB)
    assert reserved(*sizes) == 60 * MIB  # else the 18 MiB would lie in the larger one


def test_free_neighbours_become_one_block() -> None:
    assert reserved(8 * MIB, 8 * MIB, -8 * MIB, -8 * MIB, 16 * MIB) == 20 * MIB
    assert reserved(8 * MIB, 9 * MIB, -9 * MIB, 12 * MIB) == 20 * MIB
    assert reserved(8 * MIB, 9 * MIB, -8 * MIB, 12 * MIB) == 32 * MIB


def test_before_memory_is_out_free_segments_are_given_back() -> None:
    assert reserved(30 * MIB, -30 * MIB, 40 * MIB, limit=40 * MIB) == 40 * MIB
    with pytest.raises(OutOfMemory, match="40 MiB beside 20 reserved exceeds the limit of 59 MiB"):
        reserved(8 * MIB, 40 * MIB, limit=59 * MIB)


def test_the_peak_stays_when_memory_is_given_back() -> None:
    events = [Event(0, 30 * MIB), Event(1, 0), Event(0, -30 * MIB), Event(2, 16 * MIB)]
    allocator = CachingAllocator(30 * MIB).play(events)
    assert (allocator.peak, allocator.reserved) == (30 * MIB, 30 * MIB)


def automatic(variant: str, points: int) -> MemoryRequirement:
    work = Work((480, 640), points_per_batch=points, filtered=False)
    return next(need for need in needs(SHAPES[variant], "fp32", "cuda", work) if need.step == "automatic")


@pytest.mark.parametrize("variant", SHAPES)
def test_the_search_of_the_largest_batch_ends_where_it_is_counted(variant: str) -> None:
    """`samcheck.guest.memory.peaks.largest` on a GPU: neither more nor fewer points fit that card."""
    card = automatic(variant, 20).least_headroom
    fitting = [points for points in range(15, 26) if automatic(variant, points).least_headroom <= card]
    assert max(fitting) == pytest.approx(20, rel=0.1)
    assert automatic(variant, 20).growth <= card


def test_the_least_headroom_is_enough_and_two_mebibytes_less_are_not() -> None:
    need = automatic("vit_b", 20)
    step = [event for event in need.trace if event.key >= 0]
    CachingAllocator(need.least_headroom).play(step)
    with pytest.raises(OutOfMemory):
        CachingAllocator(need.least_headroom - 2 * MIB).play(step)
