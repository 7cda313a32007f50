"""Releases of the packages that provide SAM which an index has and sam.toml lacks: said, not written.

What a release needs, and which models it has, is in no index: its row is written by hand.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.version import Version

from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.refresh.simple_index import PackageIndex

Row = dict[str, Any]


def note_newer(index: PackageIndex, text: str, notes: list[str]) -> str:
    """Return sam.toml as it is, and append what `index` has beyond it to `notes`."""
    content = tomllib.loads(text)
    pythons = sorted({python for row in content["dependency"] for python in row["versions"]}, key=Version)
    for name in dict.fromkeys(str(row["name"]) for row in content["sam"]):
        try:
            found = index.installable(name)
        except EnvironmentUnavailable as lacking:  # a mirror need not have it
            notes.append(f"new releases of {name} were not looked for: {lacking}")
            continue
        known = [Version(row["version"]) for row in content["sam"] if row["name"] == name]
        for version, fitting in _newer(found, max(known), pythons):
            notes.append(
                f"{name} {version} is new (Python {', '.join(fitting)}): look up what it needs, and add its "
                "row to sam.toml by hand"
            )
    _beside(index, content["dependency"], notes)
    return text


def _newer(
    found: dict[Version, tuple[str, ...]], newest: Version, pythons: list[str]
) -> Iterator[tuple[Version, list[str]]]:
    """Yield the releases after the `newest` known one that are the newest for some of the `pythons`."""
    left = list(pythons)
    for version in sorted((version for version in found if version > newest), reverse=True):
        fitting = [python for python in left if python in found[version]]
        if fitting:
            yield version, fitting
        left = [python for python in left if python not in fitting]


def _beside(index: PackageIndex, rows: list[Row], notes: list[str]) -> None:
    """Append which dependencies have newer releases for the newest Python that they are pinned for."""
    newer = []
    for row in rows:
        python, pinned = max(row["versions"].items(), key=lambda pin: Version(pin[0]))
        try:
            found = index.installable(row["name"])
        except EnvironmentUnavailable as lacking:
            notes.append(f"new releases of {row['name']} were not looked for: {lacking}")
            continue
        latest = max((version for version, fits in found.items() if python in fits), default=None)
        if latest is not None and latest > Version(pinned):
            newer.append(f"{row['name']} {latest}")
    if newer:
        notes.append(f"beside packages of SAM, newer: {', '.join(newer)}; their pins are resolved together")
