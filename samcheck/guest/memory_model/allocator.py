"""A model of PyTorch's caching allocator on CUDA: what it reserves for a sequence of tensors.

Its rules are those of `c10/cuda/CUDACachingAllocator.cpp` with default settings, on one stream, which are
the same in the releases from 1.13 to 2.15:

- a request is rounded up to 512 bytes (`round_size`);
- up to 1 MiB it comes from a segment of 2 MiB, below 10 MiB from one of 20 MiB, and from 10 MiB on from one
  of its own size rounded up to 2 MiB (`get_allocation_size`); small and large requests never share a segment;
- of the free blocks it takes the smallest that is large enough (`get_free_block`), and splits it if at least
  512 bytes of a small block, or more than 1 MiB of a large one, are left (`should_split`);
- free neighbours in a segment are merged (`try_merge_blocks`);
- before it reports that memory is out, it returns segments that are wholly free, and tries once more
  (`release_cached_blocks`).

Not modelled: expandable segments, several streams, and what libraries take past the allocator.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional

from .ledger import Event

MIB = 2**20
LEAST = 512
#: Largest request that comes from a small segment, and the size of such a segment.
SMALL, SMALL_SEGMENT = MIB, 2 * MIB
#: Requests below the first come from segments of the second size.
MEDIUM, MEDIUM_SEGMENT = 10 * MIB, 20 * MIB
#: Larger segments are multiples of this.
ROUND = 2 * MIB


class OutOfMemory(Exception):
    """The limit does not allow a segment that is needed."""


class SegmentPart:
    """A part of a segment.

    Attributes:
        size: in bytes.
        free: whether no tensor holds it.
        before, after: its neighbours in the segment.
    """

    __slots__ = ("after", "before", "free", "size", "small")

    def __init__(self, size: int, small: bool) -> None:
        self.size, self.small, self.free = size, small, True
        self.before: Optional[SegmentPart] = None
        self.after: Optional[SegmentPart] = None

    @property
    def is_whole_segment(self) -> bool:
        return self.before is None and self.after is None

    def split(self, size: int) -> SegmentPart:
        """Keep the first `size` bytes, and return the rest as a new block."""
        rest = SegmentPart(self.size - size, self.small)
        rest.before, rest.after = self, self.after
        if self.after is not None:
            self.after.before = rest
        self.size, self.after = size, rest
        return rest

    def absorb_next(self) -> SegmentPart:
        """Merge the next block into this one, and return that."""
        gone = self.after
        assert gone is not None
        self.size += gone.size
        self.after = gone.after
        if self.after is not None:
            self.after.before = self
        return gone


class CachingAllocator:
    """The allocator's state.

    Attributes:
        reserved: bytes in segments, now; `peak`: the most so far.

    Args:
        limit: the most bytes that segments may take; None for no limit.
    """

    def __init__(self, limit: Optional[int] = None) -> None:
        self.reserved = self.peak = 0
        self._limit = limit
        self._free: Dict[bool, List[SegmentPart]] = {True: [], False: []}
        self._held: Dict[int, SegmentPart] = {}

    def play(self, events: Iterable[Event]) -> CachingAllocator:
        """Take and give back what the events say.

        Raises:
            OutOfMemory: the limit is reached.
        """
        for event in events:
            if event.size > 0:
                self.take(event.key, event.size)
            elif event.size < 0:
                self.give_back(event.key)
        return self

    def take(self, key: int, requested: int) -> None:
        """Give a tensor of `requested` bytes a block.

        Raises:
            OutOfMemory: the limit is reached.
        """
        size = max(LEAST, -(-requested // LEAST) * LEAST)
        small = size <= SMALL
        fitting = [block for block in self._free[small] if block.size >= size]
        block = min(fitting, key=lambda found: found.size) if fitting else self._new_segment(size)
        rest = block.size - size
        if rest >= LEAST if small else rest > SMALL:
            self._free[small].append(block.split(size))
        self._free[small].remove(block)
        block.free = False
        self._held[key] = block

    def give_back(self, key: int) -> None:
        """Free a tensor's block."""
        block = self._held.pop(key)
        block.free = True
        free = self._free[block.small]
        free.append(block)
        if block.after is not None and block.after.free:
            free.remove(block.absorb_next())
        if block.before is not None and block.before.free:
            free.remove(block.before.absorb_next())

    def _new_segment(self, size: int) -> SegmentPart:
        segment = segment_size(size)
        if self._limit is not None and self.reserved + segment > self._limit:
            self._release_free_segments()
            if self.reserved + segment > self._limit:
                raise OutOfMemory(
                    "a segment of {} MiB beside {} reserved exceeds the limit of {} MiB".format(
                        segment // MIB, self.reserved // MIB, self._limit // MIB
                    )
                )
        self.reserved += segment
        self.peak = max(self.peak, self.reserved)
        block = SegmentPart(segment, size <= SMALL)
        self._free[block.small].append(block)
        return block

    def _release_free_segments(self) -> None:
        for small, blocks in self._free.items():
            whole = [block for block in blocks if block.is_whole_segment]
            self.reserved -= sum(block.size for block in whole)
            self._free[small] = [block for block in blocks if not block.is_whole_segment]


def segment_size(size: int) -> int:
    """Return the size of the segment made for a request of `size` bytes."""
    if size <= SMALL:
        return SMALL_SEGMENT
    return MEDIUM_SEGMENT if size < MEDIUM else -(-size // ROUND) * ROUND
