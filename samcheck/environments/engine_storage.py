"""samcheck's storage in a Docker engine: images, build cache, orphaned containers; and its removal.

An engine may be shared with others. An image is samcheck's if it has samcheck's label (which images
that others build on it inherit) and samcheck's name; a build cache record is samcheck's if its
description contains a command of samcheck's Dockerfile. Everything else is left alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from docker.errors import APIError, ImageNotFound
from docker.utils import version_lt

from samcheck import facts
from samcheck.environments import images, orphans
from samcheck.environments.disk_items import Item

#: In every RUN of samcheck's Dockerfile, and so in BuildKit's descriptions of their results.
COMMAND = re.compile(
    r"if \[ -s /run/ca\.crt \]; then export SSL_CERT_FILE=/run/ca\.crt; fi; +"
    r"(if .*; then env .* )?/run/uv (venv|pip install) .*/opt/venv"
)
#: Steps in an image's history that create no layer.
WITHOUT_LAYER = re.compile(
    r"(/bin/sh -c #\(nop\) +)?(ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL"
    r"|STOPSIGNAL|USER|VOLUME)\b"
)
#: First API version that can prune the build cache by id; older ones ignore the filter.
PRUNES_BY_ID = "1.41"
PATIENCE_SECONDS = 1800.0
WAIT_SECONDS = 0.5
#: Number of ids that fit into the URL of one request.
IDS_AT_ONCE = 100


def look(client: Any) -> list[Item]:
    """Return all of samcheck's items in the engine: images, cache outside images, orphaned containers."""
    usage = measured(client)
    forgotten = {container.id for container in orphans.made(client) if orphans.abandoned(container)}
    containers = usage.get("Containers") or ()
    busy = {record["ImageID"] for record in containers if record["Id"] not in forgotten}
    return [
        *_images(client, busy),
        *_cache(usage.get("BuildCache") or ()),
        *(_container(record) for record in containers if record["Id"] in forgotten),
    ]


def measured(client: Any) -> dict[str, Any]:
    """Return the engine's disk usage; it measures for one client at a time and refuses others."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with patience(client):
                answer: dict[str, Any] = client.df()
            return answer
        except APIError as error:
            if "already running" not in str(error.explanation) or time.monotonic() > end:
                raise
        time.sleep(WAIT_SECONDS)


@contextmanager
def patience(client: Any) -> Iterator[None]:
    """Give the engine more time to respond, for counting or removing gigabytes."""
    before, client.api.timeout = client.api.timeout, PATIENCE_SECONDS
    try:
        yield
    finally:
        client.api.timeout = before


def working(client: Any) -> list[str]:
    """Return the folders in use by containers of a samcheck that has not ended, as far as is visible."""
    return [
        container.labels.get("samcheck.work", "")
        for container in orphans.made(client)
        if container.status == "running" and not orphans.abandoned(container)
    ]


def touch_image(client: Any, tag: str) -> None:
    """Note that an image is used now: the time of the last tagging is the only one that engines store."""
    client.images.get(tag).tag(tag)


def _images(client: Any, busy: set[str]) -> list[Item]:
    """Return samcheck's images; `busy` are the ids of those that a container uses."""
    everything = client.images.list()
    own = [image for image in everything if _names(image) or _unnamed(image)]
    ids = {image.id for image in own}
    others: set[Hashable] = set()
    for image in everything:
        if image.id not in ids:
            others.update(_chain(image))
    items = [_image(image, others, image.id in busy) for image in own]
    return [_used_with_what_is_built_on_it(item, items) for item in items]


def _image(image: Any, others: set[Hashable], busy: bool) -> Item:
    names, chain = _names(image), _chain(image)
    parts = dict(zip(chain, _sizes(image.history(), len(chain)), strict=True))
    foreign_name = len(names) < len(image.tags)
    return Item(
        kind="image",
        name=", ".join(names) or f"{image.id} (untagged)",
        key=" ".join(names) or image.id,
        parts=parts,
        used=max(_time(image.attrs["Created"]), _time(image.attrs.get("Metadata", {}).get("LastTagTime"))),
        cell=image.labels.get("samcheck.cell", ""),
        stays=frozenset(parts if foreign_name else others & parts.keys()),
        held="a container uses it" if busy else "",
    )


def _names(image: Any) -> list[str]:
    """Return an image's names from samcheck; none if others built the image."""
    bases = {base.image for base in facts.load().bases if base.kind == "debian"}
    kind = image.labels.get("samcheck.kind")
    return [
        tag
        for tag in image.tags
        for name in (tag.removeprefix("localhost/"),)  # Podman's prefix for images from no registry
        if (kind == "image" and name.startswith(f"{images.REPOSITORY}:"))
        or (kind == "base" and name in bases)
    ]


def _unnamed(image: Any) -> bool:
    """Return whether an image lost its name to a newer one and is not somebody else's derived image."""
    kind = image.labels.get("samcheck.kind")
    if image.tags or kind not in ("image", "base"):
        return False
    if kind == "base":
        return len(image.attrs["RootFS"]["Layers"]) == 1
    newest = next((step["CreatedBy"] for step in image.history() if step["Size"]), "")
    return COMMAND.search(newest) is not None


def _chain(image: Any) -> list[Hashable]:
    """Return the layer names, lowest first; layers are equal only on top of equal layers."""
    layers = image.attrs["RootFS"].get("Layers") or ()
    return [tuple(layers[: count + 1]) for count in range(len(layers))]


def _sizes(history: Sequence[dict[str, Any]], count: int) -> list[int]:
    """Return the sizes of an image's `count` layers, lowest first; the history also has other steps.

    If those cannot be identified, empty layers are assumed to be the lowest ones.
    """
    steps = list(reversed(history))
    sizes = [int(step["Size"]) for step in steps if not WITHOUT_LAYER.match(step["CreatedBy"] or "")]
    if len(sizes) != count:
        sizes = [int(step["Size"]) for step in steps if step["Size"]][-count:]
    return [0] * (count - len(sizes)) + sizes


def _used_with_what_is_built_on_it(item: Item, items: Sequence[Item]) -> Item:
    built_on_it = [other.used for other in items if item.parts.keys() <= other.parts.keys()]
    return replace(item, used=max(built_on_it))


def _cache(records: Iterable[dict[str, Any]]) -> list[Item]:
    """Return samcheck's build cache records; shared ones are counted with their image."""
    return [
        Item(
            kind="cache",
            name="wheels shared by builds"
            if record["Type"] == "exec.cachemount"
            else "layer outside any image",
            key=record["ID"],
            parts={("cache", record["ID"]): int(record["Size"])},
            used=_time(record.get("LastUsedAt") or record.get("CreatedAt")),
            held="a build uses it" if record["InUse"] else "",
        )
        for record in records
        if not record["Shared"] and COMMAND.search(record["Description"])
    ]


def _container(record: dict[str, Any]) -> Item:
    names = record.get("Names") or [record["Id"]]
    return Item(
        kind="container",
        name=f"container {names[0].lstrip('/')} of a killed run",
        key=record["Id"],
        parts={("container", record["Id"]): int(record.get("SizeRw") or 0)},
        used=float(record["Created"]),
        cell=(record.get("Labels") or {}).get("samcheck.cell", ""),
    )


def _time(text: str | None) -> float:
    """Parse an engine's timestamp into seconds since 1970; 0 if there is none."""
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def remove_image(client: Any, key: str) -> str:
    """Remove samcheck's names from an image, which deletes it; return why it failed, else nothing.

    Never forced: a container that uses it, or another name, keeps it.
    """
    for reference in key.split():
        try:
            with patience(client):
                client.images.remove(reference)
        except ImageNotFound:
            continue  # already removed by somebody else
        except APIError as error:
            return str(error.explanation)
    return ""


def prunes_by_id(client: Any) -> bool:
    """Return whether the engine can remove single build cache records."""
    return not version_lt(client.api.api_version, PRUNES_BY_ID)


def remove_cache(client: Any, ids: Sequence[str]) -> set[str]:
    """Remove exactly these build cache records; return the ids of those removed.

    A record can only go after those built on it, so repeat until nothing more is removed.
    """
    gone: set[str] = set()
    while True:
        left = [id for id in ids if id not in gone]
        before = len(gone)
        for start in range(0, len(left), IDS_AT_ONCE):
            pattern = "|".join(re.escape(id) for id in left[start : start + IDS_AT_ONCE])
            with patience(client):
                answer = client.api.prune_builds(filters={"id": f"^({pattern})$"})
            gone.update(answer.get("CachesDeleted") or ())
        if len(gone) == before:
            return gone
