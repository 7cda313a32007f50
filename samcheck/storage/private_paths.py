"""Texts without the paths of this machine: results are published."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from samcheck import files, paths


def anonymous(value: Any) -> Any:
    """A text, or all texts in lists and dicts, without the paths of this machine's checkout and home.

    Only where such a path begins: ``/data/root/x`` is not in the home of root.
    """
    if isinstance(value, str):
        for path, begins, name in private_folders():
            if path in value:
                value = begins.sub(rf"\g<before>{name}/", value)
        return value
    if isinstance(value, dict):
        return {anonymous(key): anonymous(part) for key, part in value.items()}
    return [anonymous(part) for part in value] if isinstance(value, list | tuple) else value


@cache
def private_folders() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Folders that are not published, where they begin in a text, what takes their place; longest first."""
    home = files.home()
    named = [(paths.ROOT, "<checkout>")]
    if home is not None:
        named += [(home, "~"), (Path(os.path.realpath(home)), "~")]
    spelled = {text: name for folder, name in reversed(named) for text in _spellings(folder)}
    longest_first = sorted(spelled, key=len, reverse=True)
    return tuple((text, _beginning(text), spelled[text]) for text in longest_first)


def _spellings(folder: Path) -> Iterator[str]:
    """How a folder's path is written in texts; one that is not UTF-8 in each way that programs have."""
    path = os.path.normpath(folder)
    if path.strip("/"):  # else every path would be below it
        raw = os.fsencode(path)
        yield from (raw.decode("utf-8", errors) for errors in ("replace", "backslashreplace"))
        yield from (path.encode("utf-8", errors).decode() for errors in ("replace", "backslashreplace"))


def _beginning(path: str) -> re.Pattern[str]:
    """Fits `path` and the slash behind it where a path begins: not behind what would be a part of it.

    It also begins behind an address's ``://``, a compiler's ``-I``, a terminal's colour, a difference's sign.
    """
    option, colour, sign = r"(?:\A|[\s\"'(\[=,:])-[A-Za-z]", r"\x1b\[[0-9;]*m", r"(?:\A|\n)[+-]"
    begins = rf"\A|[^\w.~+@%/\\-]|://|{option}|{colour}|{sign}|\\[nrt]"
    return re.compile(f"(?P<before>{begins}){re.escape(path)}/+")
