"""The texts inside of shared libraries, read without loading them."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

#: Of a header in a 64-bit ELF file (``man elf``): where the sections' headers are, their size and number, and
#: which section holds their names; of a section's header: its name, and where it is and how long.
FILE, SECTION = "<40xQ10xHHH", "<I20xQQ"


@cache
def constants(library: Path) -> bytes:
    """Return the read-only data of a library: its texts, without the code for GPUs, which is most of it."""
    with library.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return b"\0".join(content[begin : begin + size] for begin, size in _read_only(content))


def _read_only(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    first, length, count, names = struct.unpack_from(FILE, content)
    sections = [struct.unpack_from(SECTION, content, first + length * number) for number in range(count)]
    for name, begin, size in sections:
        at = sections[names][1] + name
        if content[at : at + 7] == b".rodata":
            yield begin, size


def texts_with(library: Path, piece: str) -> Iterator[str]:
    """Yield each printable text in a library that holds `piece`."""
    data, sought = constants(library), piece.encode()
    at = data.find(sought)
    while at >= 0:
        end = data.find(b"\0", at)
        text = data[data.rfind(b"\0", 0, at) + 1 : end]
        if text.isascii() and text.decode().isprintable():
            yield text.decode()
        at = data.find(sought, end)
