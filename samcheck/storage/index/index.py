"""The index of a results folder: Parquet parts in the cache folder, kept up to date.

Parts are immutable: a new part replaces an old one, then a new list of parts replaces the old list. So a kill
at any moment leaves a valid, if incomplete, index. Updates hold an exclusive lock; queries hold a shared one
that keeps unlisted parts from being removed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from samcheck import codec, files, measurable, owned, paths
from samcheck.errors import BadInput
from samcheck.files import InUse
from samcheck.guest import record
from samcheck.storage import results
from samcheck.storage.index import check_rows, parquet, parts, tables
from samcheck.storage.index.parts import Parts, Stamp

LIST, READERS, COMPLETE = "index.json", "readers", ".parquet"
#: Suffixes of all files in an index folder, except the list, the lock and the mark.
MADE = (COMPLETE, ".ndjson", files.DRAFT)
#: Modules that determine an index: if one changes, the index is rebuilt.
MAKERS = (tables, parquet, check_rows, results, measurable, codec, record)
#: Time in which a file may change without a new timestamp: file system clocks are coarse.
TICK_SECONDS = 0.1
#: A stamp that no file has.
UNREADABLE = Stamp(-1, 0, 0)
#: Maximum bytes of the list, which names every file.
LARGEST = 256 * 2**20
IN_USE = "a query is using it"
#: Lock mode that fails if anybody else holds the lock.
NOBODY = fcntl.LOCK_EX | fcntl.LOCK_NB

Say = Callable[[str], None]


@dataclass(frozen=True)
class ResultsIndex:
    """An up-to-date index.

    Attributes:
        cells, checks: its files, with `samcheck.storage.index.tables.CELLS` and `CHECKS`.
        problems: a sentence for each file that is not a result.
        results: number of results in it.
    """

    cells: Sequence[Path]
    checks: Sequence[Path]
    problems: Sequence[str]
    results: int


def home() -> Path:
    """Return the folder of the indexes."""
    return paths.home() / "index"


def folder_of(root: Path) -> Path:
    """Return the index folder of one results folder."""
    whole = root.resolve()
    name = hashlib.sha256(os.fsencode(whole)).hexdigest()[:12]
    return home() / f"{results.slug(whole.name)[:40]}-{name}"


@contextmanager
def current(root: Path, say: Say) -> Iterator[ResultsIndex]:
    """Update the index of `root` and yield it; its files stay as long as this is open.

    Raises:
        BadInput: there is no such folder, or DuckDB is not installed.
    """
    if not root.is_dir():
        raise BadInput(f"there is no folder {root}")
    folder = folder_of(root)
    with ExitStack() as reading:
        with _alone(folder):
            held, problems = _updated(folder, root, say)
            _sweep(folder, held)
            reading.enter_context(_reading(folder))
        cells, checks = ([_file(folder, name, table) for name in held] for table in ("cells", "checks"))
        yield ResultsIndex(cells, checks, problems, sum(map(len, held.values())))


def forget(root: Path) -> None:
    """Force a rebuild of the index of `root`, because it is damaged."""
    with _alone(folder_of(root)) as folder:
        (folder / LIST).unlink(missing_ok=True)


def remove(folder: Path) -> str:
    """Remove an index; return why it failed if it is in use, else nothing."""
    try:
        with files.locked(folder, wait=False), _reading(folder, NOBODY):
            return owned.remove(folder, listed_before)
    except (InUse, BlockingIOError):
        return IN_USE
    except FileNotFoundError:  # already removed by somebody else
        return ""


def listed_before(folder: Path) -> bool:
    """Return whether an old samcheck without marks made an index: it stored its results folder.

    The index must also be named after that folder, or any folder with such a list would match.
    """
    root = root_of(folder) if owned.has_file(folder, LIST) else ""
    return os.path.isabs(root) and folder_of(Path(root)).name == folder.name


def in_use(folder: Path) -> bool:
    """Return whether an index is being updated or queried."""
    try:
        with files.locked(folder, wait=False), _reading(folder, NOBODY):
            return False
    except (InUse, BlockingIOError):
        return True


def root_of(folder: Path) -> str:
    """Return the results folder of an index; empty if it is not recorded."""
    try:
        return str(files.parsed_json(files.read(folder / LIST, LARGEST))["root"])
    except (BadInput, ValueError, KeyError, TypeError):
        return ""


@contextmanager
def _alone(folder: Path, wait: bool = True) -> Iterator[Path]:
    """Lock an index's folder exclusively, creating it if needed."""
    while True:
        with ExitStack() as lock, suppress(FileNotFoundError):  # removed while we waited: try again
            owned.make(folder, listed_before)
            before = folder.stat().st_ino
            lock.enter_context(files.locked(folder, wait))
            if folder.stat().st_ino == before:
                held = lock.pop_all()
                break
    with held:
        yield folder


@contextmanager
def _reading(folder: Path, how: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Keep parts from being removed; with `how` set to `NOBODY`, require that nobody does so."""
    handle = os.open(folder / READERS, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb", buffering=0) as stream:
        fcntl.flock(stream, how)
        yield


def _updated(folder: Path, root: Path, say: Say) -> tuple[Parts, list[str]]:
    """Update the index; return its parts, and a sentence for each file that is not a result."""
    held, there = _listed(folder), _there(root)
    stay, packs = parts.settled(held, there)
    todo = parts.unread(held, there)
    if packs or todo or len(stay) < len(held):
        with parquet.connected() as duck:
            kept = {name: held[name] for name in stay}
            try:
                kept |= {_joined(folder, duck, pack): pack.files for pack in packs}
            except OSError:  # a part is damaged: rebuild all
                kept, todo = {}, sorted(there)
            _list(folder, root, kept)
            return _read_all(folder, root, todo, there, kept, duck, say)
    return held, []


def _read_all(
    folder: Path, root: Path, todo: Sequence[str], there: parts.Files, held: Parts, duck: Any, say: Say
) -> tuple[Parts, list[str]]:
    """Read files into new parts, each of which is listed before the next is started."""
    problems: list[str] = []
    if len(todo) > parts.PART:
        say(f"reading {len(todo)} new or changed results of {root} into an index ({folder})")
    for start in range(0, len(todo), parts.PART):
        batch = todo[start : start + parts.PART]
        name, good, bad = _part(folder, root, batch, duck)
        problems += bad
        if good:
            held = {**held, name: {file: _noted(there[file]) for file in good}}
            _list(folder, root, held)
    return held, problems


def _noted(stamp: Stamp) -> Stamp:
    """Return the stamp to record for a file; one that never matches if it may change within the same tick."""
    settled = time.time() - stamp.changed_ns / 1e9 > TICK_SECONDS
    return stamp if settled else Stamp(-1, stamp.modified_ns, stamp.changed_ns)


def _part(folder: Path, root: Path, batch: Sequence[str], duck: Any) -> tuple[str, list[str], list[str]]:
    """Build a part from files; return its name, the files that are results, a sentence for each other."""
    name, cells, good, bad = uuid.uuid4().hex, [], [], []

    def checks() -> Iterator[dict[str, Any]]:
        for file in batch:
            path = root / file
            try:
                stored = results.stored(path, results.read(path))
            except BadInput as problem:
                bad.append(files.named(str(problem)))
                continue
            good.append(file)
            cells.append(tables.cell(Path(file), stored))
            yield from tables.checks(Path(file), stored)

    parquet.write_rows(duck, checks(), tables.CHECKS, _file(folder, name, "checks"))
    parquet.write_rows(duck, cells, tables.CELLS, _file(folder, name, "cells"))
    return name, good, bad


def _joined(folder: Path, duck: Any, pack: parts.Pack) -> str:
    """Join several parts into one; return its name."""
    name = uuid.uuid4().hex
    files = ", ".join(parquet.literal(tables.name_of(Path(file))) for file in pack.files)
    for table in ("checks", "cells"):
        old = [_file(folder, part, table) for part in pack.parts]
        parquet.copy(duck, f"FROM {parquet.scan(old)} WHERE file IN ({files})", _file(folder, name, table))
    return name


def _file(folder: Path, name: str, table: str) -> Path:
    return folder / f"{name}-{table}{COMPLETE}"


def _there(root: Path) -> dict[str, Stamp]:
    """Return the files that may be results: the same that the table is built from."""
    stamps = {}
    for path in results.result_files(root):
        try:
            seen = path.stat()
            stamp = Stamp(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
        except OSError:
            if not path.is_symlink():  # gone meanwhile
                continue
            stamp = UNREADABLE  # a dangling or circular link: reading it reports that
        stamps[str(path.relative_to(root))] = stamp
    return stamps


def _maker() -> str:
    """Return a digest of the code that turns results into rows."""
    code = hashlib.sha256()
    for module in MAKERS:
        code.update(Path(str(module.__file__)).read_bytes())
    return code.hexdigest()


def _list(folder: Path, root: Path, held: Parts) -> None:
    listed = {name: {file: astuple(stamp) for file, stamp in part.items()} for name, part in held.items()}
    content = {"maker": _maker(), "root": str(root.resolve()), "parts": listed}
    files.write_atomically(folder / LIST, json.dumps(content).encode())


def _listed(folder: Path) -> Parts:
    """Return the listed parts; none if other code wrote the list, or it cannot be read."""
    try:
        content = files.parsed_json(files.read(folder / LIST, LARGEST))
        if content["maker"] != _maker():
            return {}
        os.utime(folder / LIST)  # at each use: `samcheck clean` uses its time
        return {
            name: {file: Stamp(*stamp) for file, stamp in listed.items()}
            for name, listed in content["parts"].items()
            # DuckDB would block on a FIFO.
            if all(owned.has_file(folder, _file(folder, name, table).name) for table in ("cells", "checks"))
        }
    except (BadInput, OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _sweep(folder: Path, held: Parts) -> None:
    """Remove what is not listed: parts that were replaced, and what a killed process left."""
    listed = {_file(folder, name, table) for name in held for table in ("cells", "checks")}
    stale = [path for path in folder.iterdir() if path not in listed and path.name.endswith(MADE)]
    with suppress(BlockingIOError), _reading(folder, NOBODY):
        for path in stale:
            path.unlink(missing_ok=True)
