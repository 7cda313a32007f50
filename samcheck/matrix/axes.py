"""The values of an axis, from its specs in a matrix file: ``">=2.4 minors"``, ``"all"``, ``"3.12"``.

A spec is ``all``, one value, or version specifiers as in pip, and may end in a word that thins the values
out: ``minors`` (the newest patch release of each minor release), ``newest`` or ``oldest``. Builds are
``cu126``, ``cpu``, specifiers on their CUDA version, ``default`` (what a plain ``pip install torch`` gets)
or ``auto`` (what suits the machine); NumPy may also be ``auto``, the newest compatible one. A package that
provides SAM is ``sam2==1.1.0``, ``sam2`` (its newest known release), or ``all`` known ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from samcheck.facts import Facts, Release, sam_packages
from samcheck.facts.gpu_support import best_build
from samcheck.facts.target_machine import Machine
from samcheck.suggestions import did_you_mean

WORDS = ("minors", "newest", "oldest")


class BadSpec(ValueError):
    """A spec that matches no values; the message says what is wrong with it."""


def known(axis: str, facts: Facts) -> list[str]:
    """Return all values that the facts know for an axis, newest first."""
    values: dict[str, Iterable[str]] = {
        "torch": (release.version for release in facts.releases),
        "python": {python for release in facts.releases for python in release.pythons},
        "cuda": {build.tag for release in facts.releases for build in release.builds},
        "numpy": (row.newest for row in facts.numpy),
        "sam": (row.requirement for row in facts.sam),
    }
    if axis == "cuda":
        return sorted(values[axis], key=lambda tag: cuda_version(tag, facts), reverse=True)
    if axis == "sam":
        return list(values[axis])
    return sorted(values[axis], key=Version, reverse=True)


def cuda_version(tag: str, facts: Facts) -> Version:
    """Return a build's CUDA version from the facts: ``cu126`` → 12.6, ``cpu`` → 0."""
    rows = (build for release in facts.releases for build in release.builds if build.tag == tag)
    return next((Version(build.cuda) for build in rows), Version("0"))


def select(axis: str, specs: Sequence[str], facts: Facts) -> tuple[str, ...]:
    """Return the values of ``torch``, ``python``, ``numpy`` or ``sam`` that match `specs`, newest first.

    Raises:
        BadSpec: a spec matches no value.
    """
    values = known(axis, facts)
    chosen: set[str] = set()
    for spec in specs:
        if axis == "sam":
            chosen.update(values if spec == "all" else [package(spec, facts)])
        elif axis == "numpy" and spec == "auto":
            chosen.add("")
        else:
            chosen.update(_fitting(spec, values, Version))
    return tuple(value for value in ("", *values) if value in chosen)


def package(spec: str, facts: Facts) -> str:
    """Return the package that a spec means: ``sam2==1.1.0``, or the newest release of ``sam2``.

    Raises:
        BadSpec: the facts do not know it; the message suggests a similar one.
    """
    newest = [row.requirement for row in sam_packages.releases_of(spec, facts)]
    if newest or sam_packages.find(spec, facts):
        return newest[0] if newest else spec
    name = sam_packages.name_of(spec)
    known = [row.requirement for row in facts.sam]
    releases = [row.requirement for row in sam_packages.releases_of(name, facts)]
    clash = next((row for row in facts.clashes if name in row.packages), None)
    if clash is not None and not releases:
        other = next(other for other in clash.packages if other != name)
        why = f"is unknown, and installs the module {clash.module} as {other} does"
        raise BadSpec(f"{spec!r} {why}: they cannot be in one environment")
    hint = did_you_mean(spec, releases or [*known, *(row.name for row in facts.sam)], lead="; ")
    raise BadSpec(f"{spec!r} is unknown{hint or '.'} Known: {', '.join(releases or known)}")


def builds(specs: Sequence[str], release: Release, facts: Facts, host: Machine) -> tuple[str, ...]:
    """Return the builds of one release that match `specs`, and those named that it does not have.

    Raises:
        BadSpec: a spec matches no build of any release.
    """
    tags: dict[str, None] = {}
    for spec in specs:
        if spec == "auto":
            tags[best_build(release, facts, host)] = None
        elif spec == "default":
            tags[release.default_build.tag] = None
        elif spec == "all":  # each release has its own
            tags.update(dict.fromkeys(build.tag for build in release.builds))
        elif spec == "cpu":
            tags["cpu"] = None
        else:
            fitting = _fitting(spec, known("cuda", facts), lambda tag: cuda_version(tag, facts))
            exact = spec in fitting
            tags.update(dict.fromkeys(tag for tag in fitting if exact or release.build(tag)))
    return tuple(tags)


def fits(axis: str, specs: Sequence[str], value: str, facts: Facts) -> bool:
    """Return whether a value matches a rule's `specs`.

    Raises:
        BadSpec: a spec matches no value.
    """
    if axis == "cuda":
        releases = [release for release in facts.releases if release.build(value)]
        tags = {tag for release in releases for tag in builds(specs, release, facts, Machine())}
        return value in tags or (value == "cpu" and "cpu" in specs)
    return value in select(axis, specs, facts) or value in specs


def _fitting(spec: str, values: list[str], key: Callable[[str], Version]) -> list[str]:
    if spec in values:
        return [spec]
    rest, word = _word(spec)
    chosen = values if rest in ("", "all") else _by_specifier(rest, values, key)
    if not chosen:
        raise BadSpec(f"{spec!r} matches none of {values[-1]} to {values[0]}")
    if word == "minors":
        newest: dict[tuple[int, ...], str] = {}
        for value in chosen:  # newest first
            newest.setdefault(key(value).release[:2], value)
        return list(newest.values())
    return {"newest": chosen[:1], "oldest": chosen[-1:]}.get(word, chosen)


def _word(spec: str) -> tuple[str, str]:
    rest, _, last = spec.rpartition(" ")
    return (rest.strip(), last) if last in WORDS else (spec.strip(), "")


def _by_specifier(text: str, values: list[str], key: Callable[[str], Version]) -> list[str]:
    try:
        specifiers = SpecifierSet(text)
    except InvalidSpecifier:
        raise BadSpec(f"{text!r} {_not_understood(text, values)}") from None
    return [value for value in values if specifiers.contains(key(value))]


def _not_understood(text: str, values: list[str]) -> str:
    try:
        Version(text)
    except InvalidVersion:
        return f"is neither a value nor of the form '>=2.4', 'all', {', '.join(map(repr, WORDS))}"
    return f"is unknown: known are {values[-1]} to {values[0]}{did_you_mean(text, values, lead='; ')}"
