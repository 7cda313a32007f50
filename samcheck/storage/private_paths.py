"""Removal of this machine's paths from texts, since results are published."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from samcheck import files, paths


def anonymous(value: Any) -> Any:
    """Replace the paths of this machine's checkout and home in a text, or in all texts of lists and dicts.

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
    """Return private folders, patterns for their beginning in a text, replacements; longest first."""
    home = files.home()
    named = [(paths.ROOT, "<checkout>")]
    if home is not None:
        named += [(home, "~"), (Path(os.path.realpath(home)), "~")]
    spelled = {text: name for folder, name in reversed(named) for text in _spellings(folder)}
    longest_first = sorted(spelled, key=len, reverse=True)
    return tuple((text, _beginning(text), spelled[text]) for text in longest_first)


def _spellings(folder: Path) -> Iterator[str]:
    """Yield the ways a folder's path is written in texts; for non-UTF-8 paths all that programs use."""
    path = os.path.normpath(folder)
    if path.strip("/"):  # otherwise every path would be below it
        raw = os.fsencode(path)
        yield from (raw.decode("utf-8", errors) for errors in ("replace", "backslashreplace"))
        yield from (path.encode("utf-8", errors).decode() for errors in ("replace", "backslashreplace"))


def _beginning(path: str) -> re.Pattern[str]:
    """Return a pattern for `path` and its slash where a path begins, not in the middle of a longer one.

    A path also begins after a URL's ``://``, a compiler's ``-I``, a terminal colour code, a diff's sign.
    """
    option, colour, sign = r"(?:\A|[\s\"'(\[=,:])-[A-Za-z]", r"\x1b\[[0-9;]*m", r"(?:\A|\n)[+-]"
    begins = rf"\A|[^\w.~+@%/\\-]|://|{option}|{colour}|{sign}|\\[nrt]"
    return re.compile(f"(?P<before>{begins}){re.escape(path)}/+")
