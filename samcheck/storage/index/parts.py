"""The parts of an index: which results each contains, what is out of date, what to join (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

#: Maximum number of results in a part: what is read in a few seconds, so that a kill loses no more.
PART = 500
#: Number of small parts to allow before they are joined.
FEW = 8


@dataclass(frozen=True)
class Stamp:
    """Identifies a version of a file: any write to it changes one of these."""

    size: int
    modified_ns: int
    changed_ns: int


Files = Mapping[str, Stamp]
#: Names of parts → the files in each.
Parts = Mapping[str, Files]


@dataclass(frozen=True)
class Pack:
    """Several parts to join into one.

    Attributes:
        parts: the parts whose rows go into the new one.
        files: the results to take; rows of others are dropped.
    """

    parts: tuple[str, ...]
    files: Files


def unread(parts: Parts, there: Files) -> list[str]:
    """Return the files whose current version is in no part."""
    held = {file: stamp for files in parts.values() for file, stamp in files.items()}
    return sorted(file for file, stamp in there.items() if held.get(file) != stamp)


def settled(parts: Parts, there: Files) -> tuple[list[str], list[Pack]]:
    """Return the parts that stay as they are, and what the others become.

    A part with a result that is gone or changed is rebuilt without it, and small parts are joined in the same
    step; too many small ones are joined even without that.
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
