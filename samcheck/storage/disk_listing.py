"""Listing of what samcheck keeps on this machine, as JSON and as text (pure)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from samcheck import units
from samcheck.environments import disk_items
from samcheck.environments.disk_items import Item
from samcheck.storage.disk_usage import Usage

#: Kinds of items, in display order, with the titles of their groups.
GROUPS = {
    "image": "images",
    "cache": "build cache",
    "venv": "virtual environments",
    "run": "runs",
    "oracle": "oracle answers",
    "index": "indexes of results",
    "container": "containers of killed runs",
    "unfinished": "unfinished builds",
}


def as_json(seen: Usage, now: float) -> dict[str, Any]:
    """Return everything as JSON, with the sums of the groups and the total, in bytes."""
    freed = disk_items.frees(seen.items)
    return {
        "no_engine": seen.no_engine,
        "bytes": disk_items.total(seen.items),
        "bytes_also_elsewhere": disk_items.outside(seen.items),
        "groups": {
            kind: disk_items.total(item for item in seen.items if item.kind == kind) for kind in GROUPS
        },
        "items": [
            {
                "kind": item.kind,
                "name": item.name,
                "cell": item.cell,
                "bytes": item.size,
                "bytes_freed_alone": alone,
                "last_used": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(item.used)),
                "age_seconds": round(now - item.used),
                "held": item.held,
            }
            for item, alone in zip(seen.items, freed, strict=True)
        ],
    }


def lines(seen: Usage, now: float) -> Iterator[str]:
    """Yield the groups with their sums as text, newest items first."""
    freed = dict(zip(map(id, seen.items), disk_items.frees(seen.items), strict=True))
    if seen.no_engine:
        yield f"images, build cache and containers: unknown, {seen.no_engine}"
    for kind, title in GROUPS.items():
        group = sorted((item for item in seen.items if item.kind == kind), key=lambda item: -item.used)
        if not group:
            continue
        yield f"{title}: {units.readable(disk_items.total(group))}"
        for item in group:
            yield _line(item, freed[id(item)], now)
    yield f"in all: {units.readable(disk_items.total(seen.items))}, shared data counted once"
    stays = disk_items.outside(seen.items)
    if stays:
        yield (
            f"of that {units.readable(stays)} stay if all of it is removed: they are also in images or "
            "folders that are not samcheck's, such as uv's wheel cache"
        )


def _line(item: Item, alone: int, now: float) -> str:
    freed = "" if alone == item.size else f", frees {units.readable(alone)}"
    held = f" [{item.held}]" if item.held else ""
    name = item.name if item.cell in item.name else f"{item.name} of {item.cell}"
    return f"  {units.readable(item.size):>9}  {units.ago(now - item.used):>10}  {name}{freed}{held}"
