"""Things that take disk: how much in all, what each frees, which are old, which must go (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: What is made again when it is needed: all that `samcheck clean --environments` removes.
ENVIRONMENTS = ("image", "cache", "venv", "unfinished", "index")
RUNS = ("run",)


@dataclass(frozen=True)
class Item:
    """One thing that can go by itself.

    Attributes:
        kind: ``image``, ``cache``, ``venv``, ``unfinished``, ``index``, ``run``, ``oracle`` or ``container``.
        name: for people.
        key: for who removes it: an id of the engine, or a path.
        parts: bytes by what holds them (a layer, a file's inode): what two things share counts once.
        used: when it was used last, in seconds since 1970.
        cell: the cell's id, where it belongs to one.
        stays: the parts that something else than samcheck holds too.
        held: why it cannot go now; empty when it can.
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
    """Bytes that the items take together; shared ones once."""
    merged: dict[Hashable, int] = {}
    for item in items:
        merged.update(item.parts)
    return sum(merged.values())


def outside(items: Iterable[Item]) -> int:
    """Bytes of the items that something else holds too, so that they stay when all items go."""
    return sum({part: item.parts[part] for item in items for part in item.stays}.values())


def frees(items: Sequence[Item]) -> list[int]:
    """For each item the bytes that the disk gets back when it alone goes."""
    holders = Counter(part for item in items for part in item.parts)
    return [
        sum(size for part, size in item.parts.items() if holders[part] == 1 and part not in item.stays)
        for item in items
    ]


def freed(gone: Iterable[Item], left: Iterable[Item]) -> int:
    """Bytes that the disk gets back when the items `gone` go and those in `left` stay."""
    kept = {part for item in left for part in item.parts}
    parts = {part: size for item in gone for part, size in item.parts.items() if part not in item.stays}
    return sum(size for part, size in parts.items() if part not in kept)


def older(items: Iterable[Item], than: float) -> list[Item]:
    """The items that were last used before the moment `than`."""
    return [item for item in items if item.used < than]


def excess(items: Iterable[Item], removable: Iterable[Item], limit: int) -> list[Item]:
    """Those of `removable` that must go, oldest first, until `items` take at most `limit` bytes."""
    everything = list(items)
    holders = Counter(part for item in everything for part in item.parts)
    taken = total(everything)
    chosen = []
    # Of two that were used together, the one with more layers is built on the other.
    for item in sorted(removable, key=lambda candidate: (candidate.used, -len(candidate.parts))):
        if taken <= limit:
            break
        chosen.append(item)
        holders.subtract(item.parts.keys())
        taken -= sum(size for part, size in item.parts.items() if holders[part] == 0)
    return chosen
