"""``[variant.NAME]`` tables → the user's own variants.

Paths are relative to the matrix file. A package is a folder with ``__init__.py``, a Python file, or the
folder of a project whose pyproject.toml has an entry point of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from samcheck import files
from samcheck.environments.own_variant import OwnVariant
from samcheck.errors import BadInput
from samcheck.guest.variant_names import VARIANT_TIERS
from samcheck.matrix.file import VariantTable
from samcheck.suggestions import did_you_mean

#: The group of entry points of `samcheck.guest.models.variants`.
ENTRY_POINTS = "samcheck.variants"


def read(tables: Mapping[str, VariantTable], folder: Path) -> tuple[OwnVariant, ...]:
    """Return the variants that a matrix file in `folder` declares.

    Raises:
        BadInput: lists everything that is wrong with them.
    """
    problems, found = [], []
    for name, table in tables.items():
        try:
            found.append(_read(name, table, folder))
        except BadInput as problem:
            problems.append(f"variant.{name}.{problem}")
    if problems:
        raise BadInput("\n".join(problems))
    return tuple(found)


def _read(name: str, table: VariantTable, folder: Path) -> OwnVariant:
    if name in VARIANT_TIERS:
        raise BadInput("package: samcheck has a variant of this name itself: choose another name")
    tier = table.tier or ""
    if table.package is not None:
        if table.base is not None or table.checkpoint is not None:
            raise BadInput("package: a variant has either a package, or a base and a checkpoint")
        path, target = _package(name, _path(folder, table.package))
        return OwnVariant(name, path, target=target, given_tier=tier)
    if table.base is None or table.checkpoint is None:
        missing = "checkpoint" if table.base else "base" if table.checkpoint else "package"
        needed = "a package, or a base and a checkpoint"
        raise BadInput(f"{missing}: is missing: a variant needs {needed}")
    if table.base not in VARIANT_TIERS:
        hint = did_you_mean(table.base, VARIANT_TIERS, lead="; ")
        known = ", ".join(VARIANT_TIERS)
        raise BadInput(f"base: none of {known} is called {table.base!r}{hint}")
    path = _path(folder, table.checkpoint)
    if not path.is_file():
        raise BadInput(f"checkpoint: there is no file {files.named(path)}")
    return OwnVariant(name, path, base=table.base, given_tier=tier)


def _path(folder: Path, given: str) -> Path:
    return (folder / Path(given).expanduser()).resolve()


def _package(name: str, path: Path) -> tuple[Path, str]:
    """Return the file or folder to import, and what registers the variant.

    Raises:
        BadInput: there is nothing that can be imported.
    """
    if path.suffix == ".py" and path.is_file():
        return _importable(path, path.stem)
    if (path / "__init__.py").is_file():
        return _importable(path, path.name)
    if (path / "pyproject.toml").is_file():
        return _of_project(name, path)
    if not path.exists():
        raise BadInput(f"package: there is no {files.named(path)}")
    raise BadInput(
        f"package: {files.named(path)} has neither __init__.py nor pyproject.toml: name a package's folder"
    )


def _importable(path: Path, module: str) -> tuple[Path, str]:
    if not module.isidentifier():
        raise BadInput(f"package: {module!r} cannot be imported: its name is no Python name")
    return path, module


def _of_project(name: str, folder: Path) -> tuple[Path, str]:
    """Return the package that the entry point `name` of a project leads to, and the entry point."""
    points = _entry_points(folder / "pyproject.toml")
    if name not in points:
        known = f"; it has {', '.join(points)}" if points else ""
        raise BadInput(
            f"package: {files.named(folder / 'pyproject.toml')} has no entry point {name} in the group "
            f"{ENTRY_POINTS}{known}"
        )
    target = points[name].replace(" ", "")
    top = target.partition(":")[0].partition(".")[0]
    found = _first(folder / place / top for place in ("src", ""))
    if found is None:
        raise BadInput(f"package: {files.named(folder)} has no package {top}, in src/ or directly in it")
    return found, target


def _first(bases: Iterable[Path]) -> Path | None:
    """Return the first one that is a package or a module."""
    for base in bases:
        if (base / "__init__.py").is_file():
            return base
        if base.with_suffix(".py").is_file():
            return base.with_suffix(".py")
    return None


def _entry_points(path: Path) -> dict[str, str]:
    try:
        content: Any = files.parsed_toml(files.read(path))
    except ValueError as error:
        raise BadInput(f"package: {files.named(path)} is not TOML: {str(error)[:200]}") from None
    for key in ("project", "entry-points", ENTRY_POINTS):
        content = content.get(key) if isinstance(content, dict) else None
    rows = content if isinstance(content, dict) else {}
    return {name: target for name, target in rows.items() if isinstance(target, str)}
