"""Finding and removing containers and images that samcheck made, and no others."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from docker.errors import NotFound
from docker.models.containers import Container


def owner(pid: int) -> str:
    """A process, told from those of other boots, machines and containers that share the engine."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')} {pid}"


def remove_abandoned(client: Any) -> list[str]:
    """Remove containers whose samcheck has ended; returns their names.

    Those of a samcheck that cannot be seen from here (in a container of its own, say) are left alone.
    """
    left = []
    for container in client.containers.list(
        all=True, filters={"label": "samcheck.kind=container"}, ignore_removed=True
    ):
        described = container.labels.get("samcheck.owner", "")
        pid = described.rpartition(" ")[2]
        seen_from_here = pid.isdigit() and described == owner(int(pid))
        if seen_from_here and not _lives(pid):
            left.append(container)
    return [remove_one(container) for container in left]


def remove(client: Any, filters: dict[str, str]) -> list[str]:
    """Remove the containers that fit the engine's `filters`; returns their names."""
    return [
        remove_one(each) for each in client.containers.list(all=True, filters=filters, ignore_removed=True)
    ]


def remove_one(container: Container) -> str:
    """Remove a container, running or not; returns its name."""
    with suppress(NotFound):  # somebody else was faster
        container.remove(force=True, v=True)
    return str(container.name)


def _lives(pid: str) -> bool:
    """Whether that process is a samcheck (its number may have been given to another program)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"samcheck" in command


def remove_images(client: Any) -> list[str]:
    """Remove every image that samcheck built or made, and the build cache; returns their names."""
    removed = []
    for kind in ("image", "base"):
        for image in client.images.list(filters={"label": f"samcheck.kind={kind}"}):
            removed.append(", ".join(image.tags) or str(image.id))
            client.images.remove(image.id, force=True)
    client.api.prune_builds()
    return removed
