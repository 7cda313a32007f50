"""Blocks of data in a page: lines of JSON, deflated while they are written, in base64.

Base64 has no character that ends a script or starts a comment, whatever the text inside is.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Hashable, Iterable
from math import isfinite
from typing import Any, TypeVar

T = TypeVar("T", bound=Hashable)

#: Of a number that is shown and plotted, so many digits are kept.
DIGITS = 5
_FORMAT = f"%.{DIGITS}g "
_LINE = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


class Table(dict[T, int]):
    """Numbers things in the order in which they are first asked for: ``table[item]``."""

    def __init__(self, *first: T) -> None:
        super().__init__({item: number for number, item in enumerate(first)})

    def __missing__(self, item: T) -> int:
        self[item] = number = len(self)
        return number

    def all(self, items: Iterable[T]) -> list[int]:
        """The numbers of `items`."""
        return list(map(self.__getitem__, items))


class Block:
    """A line per call of `add`; what was added takes its compressed size only."""

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(level=4)  # half the time of 6, and a tenth more bytes
        self._parts: list[bytes] = []
        self._bytes = 0

    @property
    def size(self) -> int:
        """How long `close` is at least."""
        return self._bytes * 4 // 3

    def add(self, line: Any) -> None:
        part = self._deflater.compress(f"{_LINE.encode(line)}\n".encode("ascii"))
        if part:
            self._parts.append(part)
            self._bytes += len(part)

    def close(self) -> str:
        """The block; nothing can be added after this."""
        self._parts.append(self._deflater.flush())
        return base64.b64encode(b"".join(self._parts)).decode("ascii")


def number(value: float) -> float | str:
    """`value` as short as it is read, or the word for what JSON has no number for."""
    return numbers([value])[0]


def numbers(values: Iterable[float]) -> list[float | str]:
    """Each as `number` gives it, millions of them."""
    given = tuple(values)
    if all(map(isfinite, given)):
        return [*map(float, (_FORMAT * len(given) % given).split())]
    return [float(_FORMAT % value) if isfinite(value) else str(value) for value in given]
