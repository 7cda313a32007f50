"""Items that take disk space: the total, what each frees, which are old, which to remove (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: Items that are rebuilt when needed: all that `samcheck clean --environments` removes.
ENVIRONMENTS = ("image", "cache", "venv", "unfinished", "index")
RUNS = ("run",)


@dataclass(frozen=True)
class Item:
    """One item that can be removed by itself.

    Attributes:
        kind: ``image``, ``cache``, ``venv``, ``unfinished``, ``index``, ``run``, ``oracle`` or ``container``.
        name: for display.
        key: for its removal: an engine id or a path.
        parts: bytes by part (a layer, a file's inode): parts that two items share count once.
        used: time of last use, in seconds since 1970.
        cell: the id of its cell, if it belongs to one.
        stays: the parts that something other than samcheck holds too.
        held: why it cannot be removed now; empty if it can.
    """

    kind: str
    name: str
    key: str
    parts: Mapping[Hashable, int]
    used: float
    cell: str = ""
    stays: frozenset[Hashable] = field(default=frozenset())
    held: str = ""

    @property
    def size(self) -> int:
        return sum(self.parts.values())


def total(items: Iterable[Item]) -> int:
    """Return the bytes that the items take together; shared parts count once."""
    merged: dict[Hashable, int] = {}
    for item in items:
        merged.update(item.parts)
    return sum(merged.values())


def outside(items: Iterable[Item]) -> int:
    """Return the bytes that stay when all items are removed, since something else holds them too."""
    return sum({part: item.parts[part] for item in items for part in item.stays}.values())


def frees(items: Sequence[Item]) -> list[int]:
    """Return, for each item, the bytes that removing it alone frees."""
    holders = Counter(part for item in items for part in item.parts)
    return [
        sum(size for part, size in item.parts.items() if holders[part] == 1 and part not in item.stays)
        for item in items
    ]


def freed(gone: Iterable[Item], left: Iterable[Item]) -> int:
    """Return the bytes that removing the items `gone` frees while those in `left` stay."""
    kept = {part for item in left for part in item.parts}
    parts = {part: size for item in gone for part, size in item.parts.items() if part not in item.stays}
    return sum(size for part, size in parts.items() if part not in kept)


def older(items: Iterable[Item], than: float) -> list[Item]:
    """Return the items that were last used before the time `than`."""
    return [item for item in items if item.used < than]


def excess(items: Iterable[Item], removable: Iterable[Item], limit: int) -> list[Item]:
    """Return those of `removable` to remove, oldest first, until `items` take at most `limit` bytes."""
    everything = list(items)
    holders = Counter(part for item in everything for part in item.parts)
    taken = total(everything)
    chosen = []
    # Of two with the same time of use, the one with more layers is built on the other.
    for item in sorted(removable, key=lambda candidate: (candidate.used, -len(candidate.parts))):
        if taken <= limit:
            break
        chosen.append(item)
        holders.subtract(item.parts.keys())
        taken -= sum(size for part, size in item.parts.items() if holders[part] == 0)
    return chosen
