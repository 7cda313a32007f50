"""What samcheck keeps on this machine: sizes and times of last use."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from samcheck import owned, paths
from samcheck.environments import orphans, venv
from samcheck.environments.disk_items import Item
from samcheck.environments.offline import at_hand
from samcheck.errors import EnvironmentUnavailable
from samcheck.sanitize import visible
from samcheck.storage import runs
from samcheck.storage.index import index, parquet


def _temporary_place() -> Path:
    """Return the folder for temporary folders, even on a full disk, where `clean` is needed most."""
    with suppress(FileNotFoundError):
        return Path(tempfile.gettempdir())
    return Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108


#: Temporary folders that killed processes leave behind.
TEMPORARY = (
    (_temporary_place(), "samcheck-build-*"),
    (_temporary_place(), f"{at_hand.PREFIX}*"),
    (_temporary_place(), f"{parquet.TEMPORARY}*"),
    (Path("/var/tmp"), "samcheck-base.*"),  # noqa: S108
)
BLOCK = 512


@dataclass(frozen=True)
class Usage:
    """All items, and why those of the engine are missing (empty if they are not)."""

    items: tuple[Item, ...]
    no_engine: str = ""


def look() -> Usage:
    """Return everything that samcheck keeps, in the engine and in folders."""
    client, no_engine = engine()
    return Usage(tuple(everything(client)), no_engine)


def engine() -> tuple[Any, str]:
    """Return the engine's client, or None and why there is no engine."""
    from samcheck.environments import docker  # slow to import

    try:
        return docker.connect(), ""
    except EnvironmentUnavailable as error:
        return None, error.what


def everything(client: Any) -> list[Item]:
    """Return everything that samcheck keeps, including the engine's if there is one."""
    if client is None:
        return folders([])
    from samcheck.environments import engine_storage

    return [*engine_storage.look(client), *folders(engine_storage.working(client))]


def folders(working: Collection[str]) -> list[Item]:
    """Return everything that samcheck keeps in folders; containers are using the folders `working`."""
    busy = _busy(working)
    items = [
        *_settled([_venv(path, busy) for path in _inside(venv.folders()) if _is_venv(path)]),
        *(_run(path, busy) for path in _inside(paths.RUNS) if is_run(path)),
        *_settled([_folder("unfinished", path, busy) for path in _temporary()]),
    ]
    items += [_index(path) for path in _inside(index.home()) if _is_index(path)]
    if any(_answers()):
        items += _settled([_folder("oracle", oracle_folder(), "", _answers())])
    return items


def foreign(kinds: Collection[str]) -> Iterator[str]:
    """Yield the places, for these kinds, with folders that are not samcheck's own."""
    places: tuple[tuple[str, Callable[[], Path], Callable[[Path], bool]], ...] = (
        ("venv", venv.folders, _is_venv),
        ("run", lambda: paths.RUNS, is_run),
        ("index", index.home, _is_index),
    )
    for kind, place, own in places:
        names = [path.name for path in _inside(place()) if kind in kinds and not own(path)]
        if names:
            some = ", ".join(map(visible, names[:3])) + (", …" if len(names) > 3 else "")
            yield f"what is not marked as made by samcheck in {visible(str(place()))}: {some}"


def _is_venv(folder: Path) -> bool:
    return owned.is_own(folder, venv.completed)


def _is_index(folder: Path) -> bool:
    return owned.is_own(folder, index.listed_before)


def is_run(folder: Path) -> bool:
    """Return whether samcheck made this folder of a run."""
    return owned.is_own(folder, run_before)


def run_before(folder: Path) -> bool:
    """Return whether an old samcheck without marks made this folder of a run, of any command."""
    return any(made(folder) for made in (runs.is_run, runs.is_bisect, runs.is_meeting))


def killed_before(folder: Path) -> bool:
    """Return whether an old samcheck without marks left this temporary folder."""
    if re.fullmatch(r"samcheck-build-[a-z0-9_]{8}", folder.name):
        return all(owned.has_file(folder, name) for name in ("Dockerfile", "uv"))
    base = re.fullmatch(r"samcheck-base\.[A-Za-z0-9]{6}", folder.name)
    return base is not None and owned.is_own(folder / "debootstrap", lambda _: True)


def run(folder: Path, working: Collection[str]) -> Item:
    """Return the item of one run's folder; containers are using the folders `working`."""
    return _run(folder, _busy(working))


def oracle_folder() -> Path:
    """Return the guest's folder of oracle answers; the guest is standalone, so it repeats this rule."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("SAMCHECK_CACHE") or Path(home) / "samcheck" / "oracle")


def _answers() -> Iterator[Path]:
    """Yield the oracle's answers: their digest names identify them, wherever $SAMCHECK_CACHE points."""
    for path in oracle_folder().glob("*.npz"):
        if re.fullmatch(r"[0-9a-f]{64}\.npz", path.name) and owned.has_file(path.parent, path.name):
            yield path


def _inside(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _temporary() -> Iterator[Path]:
    """Yield what killed builds of this user left; another user's cannot be removed."""
    for place, name in TEMPORARY:
        for path in sorted(place.glob(name)):
            if owned.is_own(path, killed_before) and path.lstat().st_uid == os.getuid():
                yield path


def _busy(working: Collection[str]) -> str:
    """Return a text that names every folder that a process or a container uses."""
    return "\n".join([*_commands(), *working])


def _commands() -> Iterator[str]:
    """Yield the command lines of the other visible processes."""
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid():
            yield " ".join(process.info["cmdline"] or ())


@dataclass(frozen=True)
class _Folder:
    """A folder, and for its hard-linked files the number of links inside it and in total."""

    item: Item
    inside: Mapping[Hashable, int]
    anywhere: Mapping[Hashable, int]


def _settled(folders: Sequence[_Folder]) -> list[Item]:
    """Return the folders' items, noting the files that are also linked from outside the folders."""
    inside: Counter[Hashable] = Counter()
    for folder in folders:
        inside.update(folder.inside)
    return [
        replace(
            folder.item,
            stays=frozenset(file for file, count in folder.anywhere.items() if inside[file] < count),
        )
        for folder in folders
    ]


def _venv(folder: Path, busy: str) -> _Folder:
    """Return a virtual environment's item; its marker has the time of its last use."""
    marker = folder / venv.COMPLETE
    whole = _folder("venv" if venv.completed(folder) else "unfinished", folder, busy)
    item = replace(whole.item, cell=folder.name.rpartition("-")[0])
    if venv.completed(folder):
        item = replace(item, used=marker.stat().st_mtime)
    if not item.held and venv.is_locked(folder):
        item = replace(item, held="it is being built")
    return replace(whole, item=item)


def _index(folder: Path) -> Item:
    """Return an index's item; the list in it has the time of its last use."""
    (item,) = _settled([_folder("index", folder, "")])
    root = index.root_of(folder)
    held = index.IN_USE if index.in_use(folder) else ""
    return replace(item, name=f"{item.name}{f', of {root}' if root else ''}", held=held)


def _run(folder: Path, busy: str) -> Item:
    (item,) = _settled([_folder("run", folder, busy)])
    started_by = folder.name.rpartition("-")[2]
    if not item.held and started_by.isdigit() and orphans.lives(started_by):
        item = replace(item, held=f"it is running: process {started_by}")
    return item


def _folder(kind: str, folder: Path, busy: str, of: Iterable[Path] | None = None) -> _Folder:
    """Return a folder with all its files or just those in `of`; `busy` names the folders in use."""
    parts: dict[Hashable, int] = {}
    inside: Counter[Hashable] = Counter()
    anywhere: dict[Hashable, int] = {}
    devices, newest = set(), 0.0
    for status in _files(folder) if of is None else _stats(map(str, of)):
        inode = (status.st_dev, status.st_ino)
        parts[inode] = status.st_blocks * BLOCK
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            inside[inode] += 1
            anywhere[inode] = status.st_nlink
        devices.add(status.st_dev)
        newest = max(newest, status.st_mtime)
    held = "a process is using it" if str(folder) in busy else ""
    if len(devices) > 1 or owned.has_mounts(folder):
        held = owned.MOUNTED  # e.g. by a killed debootstrap
    return _Folder(Item(kind, folder.name, str(folder), parts, newest, held=held), inside, anywhere)


def _files(folder: Path) -> Iterator[os.stat_result]:
    """Yield the status of everything below a folder; ignore what disappears meanwhile."""
    for where, _, names in os.walk(folder):
        yield from _stats((where, *(os.path.join(where, name) for name in names)))


def _stats(paths: Iterable[str]) -> Iterator[os.stat_result]:
    for path in paths:
        with suppress(FileNotFoundError):
            yield os.lstat(path)
