"""Which results lie in which part of an index, what of that is out of date, what goes together (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

#: Results in one part at most: as many as are read in some seconds, so that a killed reading loses no more.
PART = 500
#: Parts that are small before they are joined.
FEW = 8


@dataclass(frozen=True)
class Stamp:
    """What tells a file from a later one at its path: anything that writes to it changes one of these."""

    size: int
    modified_ns: int
    changed_ns: int


Files = Mapping[str, Stamp]
#: Names of parts → what lies in each.
Parts = Mapping[str, Files]


@dataclass(frozen=True)
class Pack:
    """Several parts to be made one.

    Attributes:
        parts: whose rows go into the new one.
        files: of which results; rows of others are left behind.
    """

    parts: tuple[str, ...]
    files: Files


def unread(parts: Parts, there: Files) -> list[str]:
    """The files that no part holds as they are now."""
    held = {file: stamp for files in parts.values() for file, stamp in files.items()}
    return sorted(file for file, stamp in there.items() if held.get(file) != stamp)


def settled(parts: Parts, there: Files) -> tuple[list[str], list[Pack]]:
    """The parts that stay as they are, and what the others become.

    A part with a result that is gone or was changed is made anew without it, and small ones are joined on
    the way; many small ones are also joined without such an occasion.
    """
    current = {name: _current(files, there) for name, files in parts.items()}
    torn = [name for name in parts if len(current[name]) < len(parts[name])]
    small = [name for name in parts if name not in torn and len(parts[name]) <= PART // 2]
    if not torn and len(small) <= FEW:
        return list(parts), []
    moved = sorted({*torn, *small}, key=lambda name: (len(current[name]), name))
    packs = list(_packed([(name, current[name]) for name in moved if current[name]]))
    return [name for name in parts if name not in moved], packs


def _current(files: Files, there: Files) -> Files:
    return {file: stamp for file, stamp in files.items() if there.get(file) == stamp}


def _packed(parts: Sequence[tuple[str, Files]]) -> Iterator[Pack]:
    names: list[str] = []
    together: dict[str, Stamp] = {}
    for name, files in parts:
        if names and len(together) + len(files) > PART:
            yield Pack(tuple(names), together)
            names, together = [], {}
        names.append(name)
        together = {**together, **files}
    if names:
        yield Pack(tuple(names), together)
