"""What requirements and lock files say: exact versions, and the folders that they install from.

uv.lock: https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile
pylock.toml: https://packaging.python.org/en/latest/specifications/pylock-toml/
poetry.lock: no published format; as Poetry 1.1 to 2.x write it
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from samcheck import files
from samcheck.errors import BadInput

#: What a lock file may be called, and the name of its list of packages.
TABLES = {"uv.lock": "package", "pylock.toml": "packages", "poetry.lock": "package"}
#: Keys of a package that is installed from a folder beside the lock file, and where its path is.
_FOLDERS = (("source", "directory"), ("source", "editable"), ("directory", "path"))
_LOCAL = ("./", "../", "/", "file:")


def is_lock(name: str) -> bool:
    """Return whether a file of this name is a lock file; one for GPUs may be called ``pylock.gpu.toml``."""
    return name in TABLES or (name.startswith("pylock.") and name.endswith(".toml"))


def packages_of(path: Path) -> list[Mapping[str, Any]]:
    """Return the packages of a lock file.

    Raises:
        BadInput: it cannot be read, or is not a lock file.
    """
    try:
        content = files.parsed_toml(files.read(path))
    except ValueError as error:
        raise BadInput(f"{files.named(path)}: is not TOML: {str(error)[:200]}") from None
    rows = content.get(TABLES.get(path.name, "packages"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "name" in row for row in rows):
        raise BadInput(f"{files.named(path)}: is not a lock file: it has no list of packages with names")
    return rows


def markers_of(python: str) -> dict[str, str]:
    """Return what markers are asked of a Python, ``3.11``, on this machine."""
    return {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}


def pins_of_lock(path: Path, markers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the version of each package; a package with several, by platform say, is left out.

    Args:
        markers: where it is installed: what is for other places does not count. None for anywhere.
    """
    found = defaultdict(set)
    for row in packages_of(path):
        if isinstance(row.get("version"), str) and _is_for(_markers(row), markers):
            found[canonicalize_name(str(row["name"]))].add(str(row["version"]))
    return {name: versions.pop() for name, versions in found.items() if len(versions) == 1}


def loose_in_lock(path: Path, markers: Mapping[str, str]) -> dict[str, str]:
    """Return the packages of a lock file that have no version or several there, with what it says."""
    pinned = pins_of_lock(path, markers)
    found = defaultdict(set)
    for row in packages_of(path):
        if canonicalize_name(str(row["name"])) not in pinned and _is_for(_markers(row), markers):
            found[canonicalize_name(str(row["name"]))].add(str(row.get("version", "no version")))
    return {name: " or ".join(sorted(said)) for name, said in found.items()}


def _markers(row: Mapping[str, Any]) -> list[str]:
    """Return the markers of a package in a lock file, one of which has to hold; none if it has none."""
    given = row.get("marker") or row.get("markers") or row.get("resolution-markers") or []
    if isinstance(given, dict):  # poetry's, by group
        given = given.get("main", [])
    return [str(text) for text in ([given] if isinstance(given, str) else given)]


def _is_for(texts: Iterable[str], markers: Mapping[str, str] | None) -> bool:
    """Return whether one of several markers holds; one that cannot be read may hold."""
    return markers is None or not texts or any(_holds(text, markers) for text in texts)


def _holds(text: str, markers: Mapping[str, str]) -> bool:
    try:
        return Marker(text).evaluate(dict(markers))
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def pins_of_requirements(paths: Iterable[Path], markers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the packages that requirements files pin exactly, for every platform or where `markers` hold."""
    found: dict[str, str] = {}
    for requirement in _applying(paths, markers):
        exact = [given.version for given in requirement.specifier if given.operator in ("==", "===")]
        if len(requirement.specifier) == 1 and exact and not exact[0].endswith("*"):
            found[canonicalize_name(requirement.name)] = exact[0]
    return found


def loose_in_requirements(paths: Sequence[Path], markers: Mapping[str, str]) -> dict[str, str]:
    """Return the packages that requirements files name without an exact version, with what they say."""
    pinned = pins_of_requirements(paths, markers)
    found: dict[str, str] = {}
    for requirement in _applying(paths, markers):
        name = canonicalize_name(requirement.name)
        if name not in pinned:
            said = requirement.url or str(requirement.specifier)
            found[name] = ",".join(filter(None, (found.get(name, ""), said)))
    return found


def _applying(paths: Iterable[Path], markers: Mapping[str, str] | None) -> Iterator[Requirement]:
    for line in (line for path in paths for line in lines_of(path)):
        requirement = parsed(line)
        if requirement is None:
            continue
        marker = requirement.marker
        if marker is None or (markers is not None and marker.evaluate(dict(markers))):
            yield requirement


def require_requirements(path: Path) -> None:
    """Require a requirements file that names packages.

    Raises:
        BadInput: a line is no requirement, option or path, or none is a requirement.
    """
    found = lines_of(path)
    for line in found:
        elsewhere = line.startswith(("-", *_LOCAL)) or "://" in line or line.endswith((".whl", ".tar.gz"))
        if not elsewhere and parsed(line.partition(" -")[0]) is None:
            raise BadInput(f"{files.named(path)}: is no requirements file: {line[:80]!r} is no requirement")
    if not found:
        raise BadInput(f"{files.named(path)}: is no requirements file: it names no package")


def parsed(line: str) -> Requirement | None:
    """Return a line of a requirements file as a requirement; None for an option, a path, an error."""
    try:
        return Requirement(line.partition(" --hash")[0].strip())
    except InvalidRequirement:
        return None


def lines_of(path: Path) -> list[str]:
    """Return the lines of a requirements file without comments, those continued with a backslash joined.

    Raises:
        BadInput: it cannot be read.
    """
    text = files.read_text(path).replace("\\\n", " ")
    bare = (" ".join((" " + line).partition(" #")[0].split()) for line in text.splitlines())
    return [line for line in bare if line]


def folders_of_lock(path: Path) -> Iterator[Path]:
    """Yield the folders that a lock file installs from; a project's own is not named."""
    for row in packages_of(path):
        for table, key in _FOLDERS:
            entry = row.get(table)
            if isinstance(entry, dict) and isinstance(entry.get(key), str):
                yield path.parent / entry[key]
        source = row.get("source")
        if isinstance(source, dict) and source.get("type") == "directory":  # poetry's
            yield path.parent / str(source.get("url"))


def folders_of_requirements(path: Path) -> Iterator[Path]:
    """Yield the folders that a requirements file installs from: ``./acme_sam``, ``-e ../acme_sam``."""
    for line in lines_of(path):
        words = line.split()
        given = words[1] if words[0] in ("-e", "--editable") and len(words) > 1 else words[0]
        if given.startswith(_LOCAL):
            yield path.parent / given.removeprefix("file:").partition("[")[0]


def poetry_requirements(path: Path) -> Iterator[str]:
    """Yield the main packages of a poetry.lock as requirements, with their markers where it has them.

    Since Poetry 2 the file says which group a package is of; older ones have everything that is not optional.

    Raises:
        BadInput: it is not a lock file, or a package in it has no version.
    """
    for row in packages_of(path):
        groups = row.get("groups", ["main"])
        if row.get("optional") or "main" not in groups or row.get("category", "main") != "main":
            continue
        if not isinstance(row.get("version"), str):
            raise BadInput(f"{files.named(path)}: its package {row['name']!r} has no version")
        yield _pinned(row, path.parent)


def _pinned(row: Mapping[str, Any], folder: Path) -> str:
    """Return a package as a requirement: by its version, or by where it comes from if that is no index."""
    source = row.get("source") or {}
    kind, url = source.get("type", "legacy"), str(source.get("url", ""))
    if kind in ("directory", "file"):
        return str((folder / url).resolve())
    if kind == "git":
        return f"{row['name']} @ git+{url}@{source.get('resolved_reference') or source.get('reference')}"
    if kind == "url":
        return f"{row['name']} @ {url}"
    markers = row.get("markers", "")
    if isinstance(markers, dict):  # one for each group
        markers = markers.get("main", "")
    return f"{row['name']}=={row['version']}" + (f" ; {markers}" if markers else "")
