"""Lists what was installed for its own sake: packages that no other installed package requires.

python -m samcheck.guest.installed.roots FILE

Writes JSON: by normalised name, ``version``, the ``folder`` that it was installed from (empty if it came from
an index), and whether it is a ``root``.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import metadata
from typing import Dict, List, Union
from urllib.parse import unquote, urlparse

#: Installers and what builds, which an environment may have besides what it is for.
TOOLS = ("pip", "setuptools", "wheel", "uv")


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(requires: List[str]) -> List[str]:
    """The names in Requires-Dist, without those of extras."""
    kept = [text for text in requires if not re.search(r"\bextra\s*==", text)]
    return [normalised(found.group()) for found in map(re.compile(r"[\w.-]+").match, kept) if found]


def folder_of(distribution: metadata.Distribution) -> str:
    """The folder that a package was installed from, by PEP 610; empty if it came from elsewhere."""
    try:
        told = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return ""
    url = urlparse(str(told.get("url", "")))
    return unquote(url.path) if url.scheme == "file" and "dir_info" in told else ""


def roots() -> Dict[str, Dict[str, Union[str, bool]]]:
    """Every installed package, the first of each name."""
    found: Dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(normalised(name), distribution)
    needed = {name for one in found.values() for name in required(list(one.requires or ()))}
    return {
        name: {
            "version": one.version,
            "folder": folder_of(one),
            "root": name not in needed and name not in TOOLS,
        }
        for name, one in found.items()
    }


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8") as stream:
        json.dump(roots(), stream)
