"""Environments between a good and a bad one: some of the packages that differ are those of the bad one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samcheck import facts
from samcheck.analysis.bisect import package_groups
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.package_groups import PackageGroup
from samcheck.environments.own.contents import OwnContents
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.matrix import LeftOut, own

#: Of a package that requirements name, and say nothing else of.
ANY = "any"
#: What the environments are called, before the digest of what is in them.
NAME = "mixed"
#: An installer itself is not to blame, and an environment has one of its own.
_INSTALLERS = ("pip", "uv")


@dataclass(frozen=True)
class MixedEnvironments:
    """Makes the environments of a search.

    Attributes:
        folder: for what they are installed from.
        before: what the good one has, as `said`.
        complete: whether both sides list everything: then just that is installed, whatever it requires.
        options: lines of the good side's requirements that say from where to install.
    """

    folder: Path
    before: Mapping[str, str]
    python: str
    complete: bool
    options: tuple[str, ...] = ()

    def __call__(self, taken: Sequence[PackageGroup]) -> Candidate:
        """Return the environment in which these groups have moved, and nothing else."""
        packages = package_groups.mixed(self.before, taken)
        text = _lock(packages) if self.complete else _requirements(packages, self.options)
        path = self.folder / hashlib.sha256(text.encode()).hexdigest()[:12]
        path.mkdir(parents=True, exist_ok=True)
        path /= "poetry.lock" if self.complete else "requirements.txt"
        path.write_text(text, encoding="utf-8")
        source = SourceKind.LOCK if self.complete else SourceKind.REQUIREMENTS
        made = OwnEnvironment(NAME, source, str(path), self.python)
        return Candidate("", own.cell(made, facts.load()), own=made)


def said(contents: OwnContents) -> dict[str, str]:
    """Return what a side says of each package: its version, or what requirements say instead."""
    loose = {} if contents.complete else {name: text or ANY for name, text in contents.loose.items()}
    every = {**contents.packages, **loose}
    return {name: text for name, text in every.items() if name not in _INSTALLERS}


def left_out(*sides: OwnContents) -> tuple[LeftOut, ...]:
    """Return the packages of lock files that have no version of their own, which are not installed."""
    return tuple(
        LeftOut(name, f"{side.title} has no one version of it ({text})")
        for side in sides
        if side.complete
        for name, text in side.loose.items()
    )


def _lock(packages: Mapping[str, str]) -> str:
    """Return a lock file of just these packages, whose dependencies are not asked for."""
    rows = (
        f"[[package]]\nname = {json.dumps(name)}\nversion = {json.dumps(version)}\n"
        for name, version in sorted(packages.items())
    )
    return "\n".join(rows)


def _requirements(packages: Mapping[str, str], options: Sequence[str]) -> str:
    lines = (_requirement(name, text) for name, text in sorted(packages.items()))
    return "\n".join((*options, *lines)) + "\n"


def _requirement(name: str, text: str) -> str:
    if text == ANY:
        return name
    if "://" in text:
        return f"{name} @ {text}"
    return f"{name}{text}" if text[0] in "<>=!~" else f"{name}=={text}"
