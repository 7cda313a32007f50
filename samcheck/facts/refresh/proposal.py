"""Updates from the configured package index that the facts lack: proposed as a diff, written on request.

Only what an index contains is proposed: releases, their Pythons, and the CUDA of the wheel that a plain
``pip install`` takes. The GPUs that a build has code for are not in the metadata and stay empty.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import tomlkit
from packaging.version import Version
from pydantic import ValidationError

from samcheck import files
from samcheck.errors import BadInput
from samcheck.facts import FOLDER, TABLES
from samcheck.facts.refresh import drivers, sam_releases, torch_releases
from samcheck.facts.refresh.simple_index import PYTHONS, PackageIndex, Wheel
from samcheck.units import counted

FILES = ("torch", "packages", "numpy", "drivers", "sam")
#: What no index knows: to be looked at by hand.
BY_HAND = ("gpus", "backends", "bases", "rules", "claims")


@dataclass(frozen=True)
class FileChange:
    """A facts file before and after a change."""

    path: Path
    old: str
    new: str


@dataclass(frozen=True)
class Proposal:
    """Proposed changes of the facts.

    Attributes:
        notes: what to check or do manually.
        by_hand: how old the files are that no index helps with.
    """

    changes: tuple[FileChange, ...]
    notes: tuple[str, ...]
    by_hand: str = ""

    def diff(self) -> str:
        """Return all changes as one unified diff; empty if there are none."""
        return "".join(
            line
            for change in self.changes
            for line in difflib.unified_diff(
                change.old.splitlines(keepends=True),
                change.new.splitlines(keepends=True),
                f"a/{change.path.name}",
                f"b/{change.path.name}",
            )
        )

    def write(self) -> None:
        """Apply the diff to the files.

        Raises:
            BadInput: a file changed since it was read, or cannot be written.
        """
        for change in self.changes:
            if files.read_text(change.path) != change.old:
                raise BadInput(f"{change.path} changed while the index was read: run the command again")
        for change in self.changes:
            try:
                files.write_atomically(change.path, change.new.encode())
            except OSError as error:
                raise BadInput(f"{change.path} cannot be written: {error.strerror}") from None


def propose(index: PackageIndex, folder: Path = FOLDER, today: date | None = None) -> Proposal:
    """Compare the facts in `folder` with `index`.

    Raises:
        EnvironmentUnavailable: the index cannot be reached, or its answer is invalid.
        BadInput: a facts file cannot be read.
    """
    notes: list[str] = []
    changes = []
    rewrites = (torch_releases.add, _packages, _numpy, drivers.add, sam_releases.note_newer)
    for name, rewrite in zip(FILES, rewrites, strict=True):
        path = folder / f"{name}.toml"
        try:
            old = files.read_text(path)
            new = rewrite(index, old, notes)
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise BadInput(f"{path} is not a valid facts file: {error}") from None
        if new != old:
            new = re.sub(r'^as_of = ".*"$', f'as_of = "{today or date.today()}"', new, flags=re.MULTILINE)
            _validate(name, new)
            changes.append(FileChange(path, old, new))
    ages = ", ".join(_ages(folder, today or date.today()))
    return Proposal(tuple(changes), tuple(notes), f"in no package index, to be checked by hand: {ages}")


def _ages(folder: Path, today: date) -> Iterator[str]:
    """Yield how old the files are that no index helps with."""
    for name in BY_HAND:
        path = folder / f"{name}.toml"
        if not path.exists():  # a folder with some of the files only
            continue
        as_of = date.fromisoformat(tomllib.loads(files.read_text(path))["as_of"])
        age = counted((today - as_of).days, "day")
        yield f"{name}.toml ({age} old)"


def _validate(name: str, text: str) -> None:
    """Check that the proposed file can be loaded."""
    content = tomllib.loads(text)
    for file, key, model in TABLES.values():
        for row in content[key] if file == name else ():
            try:
                model.model_validate(row)
            except ValidationError as error:
                first = error.errors()[0]
                raise BadInput(
                    f"the index led to an invalid row in {name}.toml: {first['loc']}: {first['msg']}"
                ) from None


def _packages(index: PackageIndex, text: str, notes: list[str]) -> str:
    document: Any = tomlkit.parse(text)
    for row in document["package"]:
        wheels = index.releases(str(row["name"]))
        if row["role"] == "numpy1":
            wheels = {version: of_version for version, of_version in wheels.items() if version < Version("2")}
        newer = dict(_newer(wheels, row["versions"]))
        if row["role"] in ("tool", "numpy", "numpy1"):
            row["versions"].update(newer)
        elif newer:
            which = ", ".join(f"{version} for Python {python}" for python, version in newer.items())
            notes.append(
                f"{row['name']} has newer releases ({which}): its pin is resolved together with others"
            )
    return tomlkit.dumps(document)


def _newer(wheels: dict[Version, tuple[Wheel, ...]], pins: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield Python and newest release for each Python whose pin is older."""
    for python, pinned in pins.items():
        for version in sorted(wheels, reverse=True):
            if version <= Version(pinned):
                break
            if any(wheel.fits(python) for wheel in wheels[version]):
                yield python, str(version)
                break


def _numpy(index: PackageIndex, text: str, notes: list[str]) -> str:
    document: Any = tomlkit.parse(text)
    rows = {Version(row["series"]): row for row in document["numpy"]}
    wheels = index.releases("numpy")
    newest = {Version(f"{version.major}.{version.minor}"): version for version in sorted(wheels)}
    added = ""
    for series, version in sorted(newest.items()):
        pythons = [python for python in PYTHONS if any(wheel.fits(python) for wheel in wheels[version])]
        if series in rows and Version(rows[series]["newest"]) < version:
            rows[series]["newest"] = str(version)
            rows[series]["pythons"] = pythons
        elif series > max(rows):
            added += (
                f'\n[[numpy]]\nseries = "{series}"\nnewest = "{version}"\npythons = {json.dumps(pythons)}\n'
                'status = "verified"\nsource = ["pypi-links"]\n'
            )
            notes.append(f"NumPy {series} is a new series")
    return str(tomlkit.dumps(document)) + added
