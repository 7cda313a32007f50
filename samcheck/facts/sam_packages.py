"""The package that a cell tests, and the packages installed beside it (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import Version

from samcheck.cells import DEFAULT_SAM, Cell
from samcheck.facts import Facts, Release
from samcheck.facts.sam_schema import ModuleClash, SamPackage


def find(requirement: str, facts: Facts) -> SamPackage | None:
    """Return the package that a value of the axis names, ``sam2==1.1.0``; None if the facts lack it."""
    return next((row for row in facts.sam if row.requirement == requirement), None)


def releases_of(name: str, facts: Facts) -> list[SamPackage]:
    """Return the known releases of a package, newest first."""
    rows = [row for row in facts.sam if row.name == name]
    return sorted(rows, key=lambda row: Version(row.version), reverse=True)


def name_of(requirement: str) -> str:
    """Return the name in a value of the axis, which may be somebody else's and have no version."""
    return requirement.partition("==")[0]


def modules_of(cell: Cell, facts: Facts) -> tuple[str, ...]:
    """Return the modules that the package under test installs; none if the facts lack it."""
    row = find(cell.sam, facts)
    return row.modules if row else ()


def works_with(row: SamPackage, release: Release, cell: Cell, numpy: str, facts: Facts) -> bool:
    """Return whether a package can be installed in a cell that gets this NumPy."""
    build = release.build(cell.cuda)
    return (
        row.allows("python", cell.python)
        and not without_release(row, cell.python, facts)
        and row.allows("torch", release.version)
        and row.allows("torchvision", release.torchvision)
        and row.allows("numpy", numpy)
        and (build is None or row.allows("cuda", build.cuda))
        and not (row.gpu and build is None)
    )


@dataclass(frozen=True)
class SamPins:
    """Exact requirements of the tested package and of those beside it.

    Attributes:
        whole: wheels, installed with their dependencies.
        bare: installed after everything else, without their dependencies; built in the cell if they are
            source archives.
        build_environment: variables for the builds, ``NAME=value``.
    """

    whole: tuple[str, ...]
    bare: tuple[str, ...]
    build_environment: tuple[str, ...]


def pins(cell: Cell, release: Release, numpy: str, facts: Facts) -> SamPins:
    """Return what a cell gets of SAM: always segment-anything, and the package under test with its company.

    A reference implementation that does not fit the cell is left out: nothing is compared with it there.
    """
    tested = find(cell.sam, facts)
    if tested is None:
        return SamPins((cell.sam,), (), ())
    rows = [tested, *references(tested, release, cell, numpy, facts)]
    imported = needed(rows, cell.python, facts)
    whole = [row.requirement for row in rows if row.dependencies and row.file == "wheel"]
    bare = [row.requirement for row in rows if row.requirement not in whole]
    variables = {name: value for row in rows for name, value in row.build_environment.items()}
    return SamPins(
        tuple(dict.fromkeys((DEFAULT_SAM, *whole, *imported))),
        tuple(bare),
        tuple(f"{name}={value}" for name, value in variables.items()),
    )


def references(
    tested: SamPackage, release: Release, cell: Cell, numpy: str, facts: Facts
) -> Iterator[SamPackage]:
    """Yield the newest release of each reference that works in the cell."""
    for name in tested.references:
        fitting = (row for row in releases_of(name, facts) if works_with(row, release, cell, numpy, facts))
        yield from list(fitting)[:1]


def imported(row: SamPackage, python: str) -> tuple[str, ...]:
    """Return the dependencies that a package imports, and gets with a Python."""
    return (*row.needs, *row.optional.get(python, ()))


def needed(rows: list[SamPackage], python: str, facts: Facts) -> Iterator[str]:
    """Yield a pin for each dependency; the package under test, which is the first, has the first word."""
    versions = {row.name: row.versions for row in facts.dependencies}
    taken = set()
    for need in (need for row in rows for need in imported(row, python)):
        name, _, version = need.partition("==")
        if name not in taken:
            taken.add(name)
            yield f"{name}=={version or versions[name][python]}"


def without_release(row: SamPackage, python: str, facts: Facts) -> str:
    """Return the name of a dependency that has no known release for a Python; empty if all have one."""
    versions = {other.name: other.versions for other in facts.dependencies}
    names = [need for need in imported(row, python) if "==" not in need]
    return next((name for name in names if python not in versions.get(name, {})), "")


def newest_numpy(requirement: str, python: str, usual: str, facts: Facts) -> str:
    """Return the NumPy for a package: the `usual` one, or the newest series that it works with."""
    row = find(requirement, facts)
    if row is None or row.allows("numpy", usual):
        return usual
    fitting = [
        series.newest
        for series in facts.numpy
        if python in series.pythons
        and row.allows("numpy", series.newest)
        and Version(series.newest) < Version(usual)
    ]
    return max(fitting, key=Version, default=usual)


def guest_environment(facts: Facts) -> dict[str, str]:
    """Return the environment variables of everything that runs in a cell, whichever package it has."""
    return {name: value for row in facts.sam for name, value in row.environment.items()}


def clashes(packages: dict[str, str], facts: Facts) -> Iterator[tuple[ModuleClash, list[str]]]:
    """Yield what installs the same module among installed `packages`, by any spelling of their names."""
    present = {canonicalize_name(name) for name in packages}
    for clash in facts.clashes:
        both = [name for name in clash.packages if name in present]
        if len(both) > 1:
            yield clash, both
