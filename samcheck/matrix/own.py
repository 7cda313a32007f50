"""``[[environment]]`` tables → own environments and their cells.

Paths are relative to the matrix file. What a lock file or requirements pin is declared, so that facts can
speak of it before anything is built; everything else is read inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from packaging.version import InvalidVersion, Version

from samcheck.cells import DEFAULT_PACKAGE, DEFAULT_SAM, Cell
from samcheck.environments.own import locks
from samcheck.environments.own.declaration import OwnEnvironment, SourceKind
from samcheck.errors import BadInput
from samcheck.facts import Facts
from samcheck.guest.variant_names import FAMILY_VARIANTS
from samcheck.matrix.file import EnvironmentTable
from samcheck.suggestions import did_you_mean

_KEYS = ", ".join(SourceKind)


def read(rows: Sequence[EnvironmentTable], folder: Path) -> list[OwnEnvironment]:
    """Return the environments that a matrix file in `folder` declares.

    Raises:
        BadInput: lists everything that is wrong with them.
    """
    problems, found = [], dict[str, OwnEnvironment]()
    for index, row in enumerate(rows):
        try:
            own = _read(row, found, folder)
            _require_usable(own)
            if own.name in found:
                raise BadInput(f"name: {own.name!r} is declared more than once")
            found[own.name] = own
        except BadInput as problem:
            problems.append(f"environment[{index}].{problem}")
    if problems:
        raise BadInput("\n".join(problems))
    return list(found.values())


def _read(row: EnvironmentTable, earlier: Mapping[str, OwnEnvironment], folder: Path) -> OwnEnvironment:
    if row.base is not None:
        return _on_top(row, earlier)
    if len(row.sources) != 1:
        named = ", ".join(row.sources) or "nothing"
        raise BadInput(f"name: {row.name!r} needs exactly one of {_KEYS}, or a base; it has {named}")
    ((source, given),) = row.sources.items()
    if row.fresh:
        raise BadInput("fresh: has no effect without an upgrade on a base")
    if row.context is not None and source is not SourceKind.DOCKERFILE:
        raise BadInput(f"context: belongs to a dockerfile, not to {source}")
    path = (
        str((folder / Path(given).expanduser()).absolute())
        if source.is_file or _is_path(source, given)
        else given
    )
    python = row.python or "" if source is not SourceKind.PYTHON else ""
    context = folder / row.context if row.context else Path(path).parent
    return OwnEnvironment(row.name, source, path, python, context, tuple(row.upgrade))


def _is_path(source: SourceKind, given: str) -> bool:
    return source is SourceKind.PYTHON and "/" in given


def _on_top(row: EnvironmentTable, earlier: Mapping[str, OwnEnvironment]) -> OwnEnvironment:
    """Return a base that is upgraded further."""
    base = earlier.get(row.base or "")
    if base is None:
        hint = did_you_mean(row.base or "", earlier, lead="; ")
        raise BadInput(f"base: no environment above is called {row.base!r}{hint}")
    if row.sources:
        raise BadInput(f"base: an environment with a base has no {next(iter(row.sources))} of its own")
    if not row.upgrade:
        raise BadInput("upgrade: is missing: an environment with a base needs commands that change it")
    return OwnEnvironment(
        row.name, base.source, base.given, base.python, base.context, (*base.upgrade, *row.upgrade), row.fresh
    )


def _require_usable(own: OwnEnvironment) -> None:
    """Require files that can be read, and combinations that have a meaning.

    Raises:
        BadInput: begins with the key.
    """
    if own.source is SourceKind.PYTHON and own.upgrade:
        raise BadInput("upgrade: an interpreter is used as it is, and never changed; use a copy of it")
    if own.fresh and own.source.is_image:
        raise BadInput(
            f"fresh: what is in {own.source} cannot be installed anew; declare what it is made from"
        )
    if own.source is SourceKind.LOCK and not locks.is_lock(own.path.name):
        raise BadInput(f"lock: {own.path.name} is none of {', '.join(locks.TABLES)}")
    if own.source.is_file:
        try:
            _ = own.id
            _ = pins(own)
        except BadInput as problem:
            raise BadInput(f"{own.source}: {problem}") from None


def pins(own: OwnEnvironment) -> dict[str, str]:
    """Return the exact versions that are declared, by normalised name; none if an upgrade changes them."""
    if own.upgrade:
        return {}
    if own.source is SourceKind.LOCK:
        return locks.pins_of_lock(own.path)
    if own.source is SourceKind.REQUIREMENTS:
        return locks.pins_of_requirements(own.read_files)
    return {}


def cell(own: OwnEnvironment, facts: Facts) -> Cell:
    """Return the cell of an own environment, with the fields that its declaration decides."""
    python = own.python if _is_version(own.python) else ""
    found = cell_of(pins(own), python, facts)
    if not facts.release(found.torch) or not python:  # facts speak of a whole combination
        return Cell("", "", "", "", DEFAULT_SAM, own.id)
    return replace(found, own=own.id)


def cell_of(pinned: Mapping[str, str], python: str, facts: Facts, build: str = "") -> Cell:
    """Return the cell that pins amount to: without a local version, PyTorch's default build.

    Args:
        build: of PyTorch, if it is known better than from its version.
    """
    torch, _, local = pinned.get("torch", "").partition("+")
    release = facts.release(torch)
    cuda = build or local or (release.default_build.tag if release else "")
    package = next((name for name in FAMILY_VARIANTS if name in pinned and name != DEFAULT_PACKAGE), "")
    version = pinned.get(package or DEFAULT_PACKAGE, "")
    sam = f"{package or DEFAULT_PACKAGE}=={version}" if version else DEFAULT_SAM
    return Cell(torch, cuda, python, pinned.get("numpy", ""), sam)


def _is_version(text: str) -> bool:
    try:
        return len(Version(text).release) == 2
    except InvalidVersion:
        return False


def cells(
    rows: Sequence[EnvironmentTable], folder: Path, facts: Facts
) -> Iterator[tuple[Cell, OwnEnvironment, EnvironmentTable]]:
    """Yield the cell of each environment of a matrix file in `folder`.

    Raises:
        BadInput: lists everything that is wrong with them.
    """
    for own, row in zip(read(rows, folder), rows, strict=True):
        yield cell(own, facts), own, row
