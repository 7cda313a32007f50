"""A GPU's memory, played by the model of PyTorch's caching allocator behind the functions of `torch.cuda`.

samcheck's own code measures, limits and retries on it. What runs there is a trace of what SAM takes on CUDA
(`fake_cuda`): tensors hold the blocks of the model, so frames that an exception keeps alive hold them too.
"""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch

from samcheck.guest.memory_model.allocator import MIB, CachingAllocator, OutOfMemory, SegmentPart

#: An H200's memory as CUDA reports it: no power of two, so that fractions of it are rounded.
TOTAL = 150_110_011_392
Events = Sequence[Sequence[int]]


class Card(CachingAllocator):
    """The allocator with the marks that `torch.cuda` reads.

    Attributes:
        allocated, most_allocated: bytes in blocks that are given out, now and at most.
        at: number of the event that is played.
    """

    def __init__(self) -> None:
        super().__init__()
        self.allocated = self.most_allocated = self.at = 0
        self._keys = itertools.count()

    def alloc(self, size: int) -> int:
        key = next(self._keys)
        try:
            self.take(key, size)
        except OutOfMemory as error:
            raise torch.cuda.OutOfMemoryError(f"CUDA out of memory. Tried to allocate: {error}") from None
        self.allocated += self._held[key].size
        self.most_allocated = max(self.most_allocated, self.allocated)
        return key

    def delete(self, key: int) -> None:
        self.allocated -= self._held[key].size
        self.give_back(key)

    def tensor(self, size: int) -> torch.Tensor:
        """Return a tensor that holds a block as long as it lives."""
        key, tensor = self.alloc(size), torch.empty(0)
        weakref.finalize(tensor, self.delete, key)
        return tensor

    def play_into(self, held: dict[int, torch.Tensor], events: Iterable[Sequence[int]]) -> None:
        """Take and give back tensors, which `held` holds."""
        for self.at, (key, size) in enumerate(events):
            if size < 0:
                del held[key]
            else:
                held[key] = self.tensor(size)

    def play_events(self, events: Iterable[Sequence[int]]) -> list[torch.Tensor]:
        """Likewise; return those that are left."""
        held: dict[int, torch.Tensor] = {}
        self.play_into(held, events)
        return list(held.values())

    def forget_peaks(self) -> None:
        self.peak, self.most_allocated = self.reserved, self.allocated

    def set_fraction(self, fraction: float) -> None:
        """As `setMemoryFraction` in c10/cuda/CUDACachingAllocator.cpp."""
        assert 0 <= fraction <= 1, fraction
        self._limit = int(fraction * TOTAL) if fraction < 1 else None

    def snapshot(self) -> Iterator[dict[str, Any]]:
        """Yield the segments, as `torch.cuda.memory_snapshot` describes them."""
        parts = [*self._held.values(), *self._free[True], *self._free[False]]
        for first in (part for part in parts if part.before is None):
            yield {
                "segment_type": "small" if first.small else "large",
                "blocks": [
                    {"size": part.size, "state": "inactive" if part.free else "active_allocated"}
                    for part in _row(first)
                ],
            }


def _row(part: SegmentPart | None) -> Iterator[SegmentPart]:
    while part is not None:
        yield part
        part = part.after


@contextmanager
def plugged() -> Iterator[Card]:
    """Inside, `torch.cuda` is that card."""
    card = Card()
    replaced = {
        "memory_allocated": lambda: card.allocated,
        "max_memory_allocated": lambda: card.most_allocated,
        "memory_reserved": lambda: card.reserved,
        "max_memory_reserved": lambda: card.peak,
        "reset_peak_memory_stats": card.forget_peaks,
        "memory_snapshot": lambda: list(card.snapshot()),
        "caching_allocator_alloc": card.alloc,
        "caching_allocator_delete": card.delete,
        "empty_cache": card._release_free_segments,
        "set_per_process_memory_fraction": card.set_fraction,
        "get_device_properties": lambda _: SimpleNamespace(total_memory=TOTAL),
    }
    gc.collect()
    gc.freeze()  # else each of many collections looks at all of PyTorch
    with ExitStack() as stack:
        for name, function in replaced.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, function))
        yield card


__all__ = ["MIB", "TOTAL", "Card", "Events", "plugged"]
