"""What is left out of a page that would be too large, step by step; and foretold, where that saves work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from samcheck.errors import BadInput
from samcheck.report import page_data
from samcheck.report.page_data import LARGEST_BYTES, REASONS, Packed, Packer
from samcheck.storage.results import Stored

#: From so many results, taken evenly, the size of all is foretold.
SAMPLE = 50
#: What comes out as so many times too large is certainly too large.
SURE = 1.5
#: Blocks that grow with every result; in others much repeats.
GROWING = ("samples", "numbers")

OLDER = "older runs"

Key = tuple[str, ...]


def blocks_without_room(sample: Iterable[Stored], share: float, room: int = LARGEST_BYTES) -> tuple[str, ...]:
    """Blocks that have no room in the page of all results, of which `sample` is a `share`."""
    packer = Packer(room=10 * LARGEST_BYTES)
    for stored in sample:
        packer.add(stored)
    blocks = packer.close({}).blocks
    sizes = {name: len(blocks[name]) / share for name in GROWING}
    without = []
    for name in GROWING:
        if sum(sizes.values()) > SURE * room:
            del sizes[name]
            without.append(name)
    return tuple(without)


def pack_to_fit(
    all_results: Callable[[], Iterable[Stored]],
    meta: Mapping[str, Any],
    without: tuple[str, ...] = (),
    room: int = LARGEST_BYTES,
) -> Packed:
    """A page's blocks of what `all_results` gives, each time it is called, as much as there is room for.

    When no block can be spared any more, older runs of cells go, then reasons of checks that fail nothing.

    Raises:
        BadInput: even then there are too many.
    """
    last: dict[Key, str] = {}
    packed = page_data.pack(_noting_last_runs(all_results(), last), meta, room, without)
    for step in ([OLDER] if len(last) < packed.results else []) + [REASONS]:
        if packed.size > room:
            packed = page_data.pack(_newest_runs(all_results(), last), meta, room, (*packed.left_out, step))
    if packed.size > room:
        raise BadInput(
            f"{packed.results} results are too many for one page of {room // 1_000_000} MB: "
            "name folders with fewer of them, or ask by `samcheck query`"
        )
    return packed


def _key(stored: Stored) -> Key:
    """As in the page, runs with the same are runs of one cell."""
    return stored.device, stored.driver, stored.result.name


def _noting_last_runs(results: Iterable[Stored], last: dict[Key, str]) -> Iterator[Stored]:
    """The results, and in `last` when the last run of each cell finished."""
    for stored in results:
        last[_key(stored)] = max(last.get(_key(stored), ""), stored.result.finished)
        yield stored


def _newest_runs(results: Iterable[Stored], last: Mapping[Key, str]) -> Iterator[Stored]:
    return (stored for stored in results if last[_key(stored)] == stored.result.finished)
