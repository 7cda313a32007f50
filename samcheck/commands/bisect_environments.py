"""``samcheck bisect --axis packages`` and ``--axis upgrade``: between two environments of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from samcheck import facts, matrix
from samcheck.analysis.bisect import mixed_environments, package_groups
from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.mixed_environments import MixedEnvironments
from samcheck.analysis.bisect.package_groups import PackageGroup
from samcheck.analysis.compare import sources
from samcheck.environments.own import contents, locks
from samcheck.environments.own.contents import OwnContents
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.errors import BadInput
from samcheck.facts.target_machine import NO_GPU
from samcheck.guest.record import CellResult
from samcheck.matrix import LeftOut
from samcheck.matrix import own as own_cells

#: What can be bisected besides the axes of cells.
AXES = ("packages", "upgrade")


@dataclass(frozen=True)
class Ends:
    """The two environments, as given.

    Attributes:
        python: that files are installed for; empty for their own.
        declared: the matrix file that declares them.
        results: in which an environment's name is looked up.
    """

    good: str
    bad: str
    python: str
    declared: Path | None
    results: Path


def packages(ends: Ends, folder: Path) -> tuple[MixedEnvironments, list[PackageGroup], tuple[LeftOut, ...]]:
    """Return what makes the environments between both ends, the groups that differ, and what is left out.

    Args:
        folder: for what these are installed from.

    Raises:
        BadInput: an end is none, or they differ in no package, or in their Python.
    """
    before, after = (
        _read(option, text, ends) for option, text in (("--good", ends.good), ("--bad", ends.bad))
    )
    python = ends.python or before.python
    if not ends.python and before.python != after.python:
        raise BadInput(
            f"--bad: {before.title} has Python {before.python}, {after.title} has {after.python}: bisect "
            "over packages with one of them, as in --python 3.11"
        )
    complete = before.complete and after.complete
    old, new = mixed_environments.said(before), mixed_environments.said(after)
    if not complete:  # what only one side leaves to the installer differs in nothing that can be chosen
        old, new = _named(old, before, after), _named(new, after, before)
    groups = package_groups.groups(old, new)
    if not groups:
        raise BadInput(f"--bad: {before.title} and {after.title} differ in no package: nothing to bisect")
    mix = MixedEnvironments(folder, old, python, complete, _options(before))
    return mix, groups, mixed_environments.left_out(before, after)


def _named(packages: Mapping[str, str], side: OwnContents, other: OwnContents) -> dict[str, str]:
    """Return what both sides speak of, where one of them is requirements and the other lists everything."""
    if not side.complete or other.complete:
        return dict(packages)
    return {name: text for name, text in packages.items() if name in mixed_environments.said(other)}


def _read(option: str, text: str, ends: Ends) -> OwnContents:
    """Return what is in an environment: a path's or an image's, or what a stored result has observed.

    Raises:
        BadInput: it is none of these.
    """
    try:
        if Path(text).exists() or "/" in text or ":" in text:
            own = contents.declared(text, ends.python)
            python = (contents.python_of(own) or ends.python) if own.source.is_file else ""
            if own.source.is_file and not python:
                raise BadInput(f"{text}: for which Python is it installed? Add --python 3.12")
            return contents.read(own, python)
        (result,) = sources.read(text, ends.results)
    except ValueError:
        raise BadInput(f"{option} {text}: has several results: give one of them") from None
    except BadInput as problem:
        raise BadInput(f"{option} {problem}") from None
    return _observed(option, result)


def _observed(option: str, result: CellResult) -> OwnContents:
    if result.observed is None or not result.observed.packages:
        raise BadInput(f"{option} {result.cell.id}: its result does not say what was installed: run it again")
    packages = {str(canonicalize_name(name)): text for name, text in result.observed.packages.items()}
    python = ".".join(result.observed.python.split(".")[:2])
    return OwnContents(OwnEnvironment(result.cell.id, SourceKind.IMAGE, result.cell.id), packages, python)


def _options(contents: OwnContents) -> tuple[str, ...]:
    """Return the lines of requirements that say from where to install."""
    if contents.own.source is not SourceKind.REQUIREMENTS:
        return ()
    lines = (line for path in contents.own.read_files for line in locks.lines_of(path))
    return tuple(line for line in lines if line.startswith(("--index", "--extra-index", "--find", "-f ")))


def upgraded(ends: Ends) -> tuple[Candidate, ...]:
    """Return the good environment, and it after one command more each, up to the bad one.

    Raises:
        BadInput: the matrix file does not declare the bad one as an upgrade of the good one.
    """
    if ends.declared is None:
        raise BadInput(
            "--matrix is missing: --axis upgrade needs the matrix file that declares --good and --bad"
        )
    known = facts.load()
    plan = matrix.plan(ends.declared, known, NO_GPU)
    found = {row.own.name: row.own for row in plan.cells if row.own is not None}
    for option, name in (("--good", ends.good), ("--bad", ends.bad)):
        if name not in found:
            raise BadInput(
                f"{option} {name}: {ends.declared} declares {', '.join(found) or 'no environment'}"
            )
    good, bad = found[ends.good], found[ends.bad]
    count = len(good.upgrade)
    if replace(bad, name=good.name, upgrade=good.upgrade) != good or bad.upgrade[:count] != good.upgrade:
        raise BadInput(
            f"--bad {bad.name}: is no upgrade of {good.name} in place: declare it with that as its base"
        )
    if len(bad.upgrade) == count:
        raise BadInput(f"--bad {bad.name}: is the same as {good.name}: there is no command between them")
    steps = [replace(bad, upgrade=bad.upgrade[:at]) for at in range(count + 1, len(bad.upgrade))]
    values = [good.name, *(f"after `{command}`" for command in bad.upgrade[count:])]
    return tuple(
        Candidate(f"{at}: {value}", own_cells.cell(own, known), own=own)
        for at, (value, own) in enumerate(zip(values, (good, *steps, bad), strict=True))
    )
