"""Removal of what samcheck keeps on a machine, and nothing else."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samcheck import owned, paths, units
from samcheck.environments import disk_items, orphans, venv
from samcheck.environments.disk_items import Item
from samcheck.errors import BadInput
from samcheck.storage import disk_usage
from samcheck.storage.index import index

#: Step for an item that could not be removed.
FAILED = "could not remove"


@dataclass(frozen=True)
class CleanRequest:
    """What to remove besides containers of killed runs.

    Attributes:
        environments: images, their build cache, virtual environments, and indexes of results.
        runs: folders of runs.
        older_than: only items not used for this many seconds; of all kinds if none is given.
        keep_under: remove the oldest until everything that samcheck keeps takes at most this many bytes.
        run: the one run with this id, and its containers.
        dry_run: report what would be removed, and remove nothing.
    """

    environments: bool = False
    runs: bool = False
    older_than: int | None = None
    keep_under: int | None = None
    run: str | None = None
    dry_run: bool = False

    @property
    def limited(self) -> bool:
        return self.older_than is not None or self.keep_under is not None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of items that may be removed; all if only a limit is given."""
        all_of_them = self.limited and not (self.environments or self.runs)
        return (
            *(disk_items.ENVIRONMENTS if self.environments or all_of_them else ()),
            *(disk_items.RUNS if self.runs or all_of_them else ()),
        )


@dataclass(frozen=True)
class CleanStep:
    """An action (``removed``, ``would remove``, ``kept``, ``frees``, ...) and its object."""

    done: str
    what: str


def clean(request: CleanRequest, now: float | None = None) -> Iterator[CleanStep]:
    """Remove leftover containers and what was requested; yield a step for each item.

    Items that a running samcheck or a container uses are kept and reported.

    Raises:
        BadInput: there is no such run, or it is still active.
    """
    client, no_engine = disk_usage.engine()
    done = "would remove" if request.dry_run else "removed"
    if request.run is not None:
        folder = _run_folder(request.run, client)
        yield from (CleanStep(done, what) for what in _one_run(folder, client, request.dry_run))
    if client is not None:
        yield from (CleanStep(done, f"container {name}") for name in _forgotten(client, request.dry_run))
    if no_engine and "image" in request.kinds:
        yield CleanStep("did not look", f"for images and build cache: {no_engine}")
    if request.kinds:
        yield from _by_kind(request, client, time.time() if now is None else now)


def _forgotten(client: Any, dry_run: bool) -> list[str]:
    if not dry_run:
        return orphans.remove_abandoned(client)
    return [str(container.name) for container in orphans.made(client) if orphans.abandoned(container)]


def _run_folder(id: str, client: Any) -> Path:
    known = sorted(path.name for path in paths.RUNS.iterdir() if path.is_dir()) if paths.RUNS.is_dir() else []
    if id not in known:
        newest = f"; the newest are {', '.join(known[-3:])}" if known else ": there are none"
        raise BadInput(f"--run {id}: no such run in {paths.RUNS}{newest}")
    if not disk_usage.is_run(paths.RUNS / id):
        raise BadInput(f"--run {id}: {paths.RUNS / id} is not marked as made by samcheck: remove it yourself")
    held = disk_usage.run(paths.RUNS / id, _working(client)).held
    if held:
        raise BadInput(f"--run {id}: {held}; stop it first")
    return paths.RUNS / id


def _working(client: Any) -> list[str]:
    if client is None:
        return []
    from samcheck.environments import engine_storage

    return engine_storage.working(client)


def _one_run(folder: Path, client: Any, dry_run: bool) -> Iterator[str]:
    """Remove a run's containers, then its folder."""
    for container in orphans.made(client) if client is not None else ():
        if container.labels.get("samcheck.work", "").startswith(f"{folder}/"):
            yield f"container {container.name if dry_run else orphans.remove_one(container)}"
    obstacle = "" if dry_run else owned.remove(folder, disk_usage.run_before)
    if obstacle:
        raise BadInput(f"--run {folder.name}: {obstacle}")
    yield f"run {folder.name}"


def _by_kind(request: CleanRequest, client: Any, now: float) -> Iterator[CleanStep]:
    everything = disk_usage.everything(client)
    yield from (CleanStep("left alone", sentence) for sentence in disk_usage.foreign(request.kinds))
    chosen = choose(everything, request, now)
    removable = [item for item in chosen if not item.held]
    yield from (CleanStep("kept", f"{_title(item)}: {item.held}") for item in chosen if item.held)
    if request.dry_run:
        yield from (CleanStep("would remove", what) for what in _titles(removable))
    else:
        removable = yield from _remove(removable, client)
        if client is not None and "image" in request.kinds:
            yield from _remove_orphans(everything, client)
    gone = {id(item) for item in removable}
    left = [item for item in everything if id(item) not in gone]
    yield CleanStep("frees", units.readable(disk_items.freed(removable, left)) + _stays(removable))
    if request.keep_under is not None and disk_items.total(left) > request.keep_under:
        yield CleanStep("leaves", f"{units.readable(disk_items.total(left))}, in use or not selected")


def _stays(gone: Sequence[Item]) -> str:
    size = disk_items.outside(gone)
    return f"; {units.readable(size)} stay, held by others such as uv's wheel cache" if size else ""


def choose(items: Sequence[Item], request: CleanRequest, now: float) -> list[Item]:
    """Return the items to remove, including those that would be if they were not held."""
    candidates = [item for item in items if item.kind in request.kinds]
    if not request.limited:
        return candidates
    chosen = disk_items.older(candidates, now - request.older_than) if request.older_than is not None else []
    if request.keep_under is not None:
        gone = {id(item) for item in chosen if not item.held}
        left = [item for item in items if id(item) not in gone]
        free = [item for item in candidates if id(item) not in gone and not item.held]
        chosen += disk_items.excess(left, free, request.keep_under)
    return chosen


def _title(item: Item) -> str:
    return f"{item.kind} {item.name}"


def _titles(items: Iterable[Item]) -> list[str]:
    """Return titles in order; repeated ones, such as build cache layers, once with their count."""
    counted = Counter(map(_title, items))
    return [title if count == 1 else f"{title} ({count})" for title, count in counted.items()]


def _remove(items: Sequence[Item], client: Any) -> Generator[CleanStep, None, list[Item]]:
    """Remove each item, the build cache last, because images hold it; return what was really removed."""
    gone = []
    for item in items:
        if item.kind == "cache":
            continue
        try:
            obstacle = _remove_image(item, client) if item.kind == "image" else _remove_folder(item)
        except (OSError, BadInput) as error:  # still remove the others
            yield CleanStep(FAILED, f"{_title(item)}: {error}")
            continue
        if obstacle:
            yield CleanStep("kept", f"{_title(item)}: {obstacle}")
        else:
            gone.append(item)
            yield CleanStep("removed", _title(item))
    return gone + (yield from _remove_cache([item for item in items if item.kind == "cache"], client))


def _remove_image(item: Item, client: Any) -> str:
    from samcheck.environments import engine_storage

    return engine_storage.remove_image(client, item.key)


def _remove_folder(item: Item) -> str:
    """Remove a folder, a venv or an index with its lock held; return why it failed, else nothing."""
    folder = Path(item.key)
    if item.kind == "run":
        return owned.remove(folder, disk_usage.run_before)
    if item.kind == "index":
        return index.remove(folder)
    if folder.parent == venv.folders():
        return venv.remove(folder)
    return owned.remove(folder, disk_usage.killed_before)


def _remove_orphans(before: Sequence[Item], client: Any) -> Iterator[CleanStep]:
    """Remove the build cache records that removed images leave behind."""
    from samcheck.environments import engine_storage

    known = {item.key for item in before if item.kind == "cache"}
    now = [item for item in engine_storage.look(client) if item.kind == "cache"]
    yield from _remove_cache([item for item in now if item.key not in known], client)


def _remove_cache(items: Sequence[Item], client: Any) -> Generator[CleanStep, None, list[Item]]:
    from samcheck.environments import engine_storage

    if not items:
        return []
    if not engine_storage.prunes_by_id(client):
        yield CleanStep("kept", "build cache: this engine is too old to remove single records of it")
        return []
    ids = engine_storage.remove_cache(client, [item.key for item in items])
    gone = [item for item in items if item.key in ids]
    needed = [item for item in items if item.key not in ids]
    yield from (CleanStep("removed", what) for what in _titles(gone))
    yield from (CleanStep("kept", f"{what}: the engine still needs it") for what in _titles(needed))
    return gone
