"""The group of a module's checks, found without importing it: the packages under test may be broken."""

from __future__ import annotations

import os
import re
from functools import lru_cache

_GROUP = re.compile(r'^GROUP = "([\w-]+)"$', re.MULTILINE)


@lru_cache(maxsize=100)
def group_of(path: str) -> str:
    """Return the group of a module's checks: its `GROUP`, or its name without ``test_``."""
    match = None
    if os.path.isfile(path):  # a folder cannot be collected either
        with open(path, encoding="utf-8", errors="replace") as stream:
            match = _GROUP.search(stream.read())
    return match.group(1) if match else os.path.splitext(os.path.basename(path))[0][len("test_") :]
