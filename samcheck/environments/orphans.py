"""Finding and removing containers that samcheck made, and no others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound
from docker.models.containers import Container

#: The engine's answer to a removal of what is being removed.
CONFLICT = 409
#: Of the words behind the name in /proc/PID/stat: `starttime`.
STARTED = 19


def owner(pid: int) -> str:
    """A process, told from those of other boots, machines and containers that share the engine.

    And from another one that gets its number later: by the time at which it was started.
    """
    return f"{_here()} {pid} {_started(pid)}"


def _here() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _started(pid: int) -> str:
    """When a process was started, in ticks since the boot; 0 if there is none."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return "0"
    return words[STARTED].decode()


def made(client: Any) -> list[Container]:
    """All containers that samcheck made, running or not."""
    containers: list[Container] = client.containers.list(
        all=True, filters={"label": "samcheck.kind=container"}, ignore_removed=True
    )
    return containers


def abandoned(container: Container) -> bool:
    """Whether the container's samcheck has ended.

    One that cannot be seen from here (in a container of its own, say) is taken to live.
    """
    where, _, process = container.labels.get("samcheck.owner", "").partition("] ")
    pid, _, started = process.partition(" ")
    seen_from_here = f"{where}]" == _here() and pid.isdigit()
    return seen_from_here and (started == "0" or _started(int(pid)) != started)


def remove_abandoned(client: Any) -> list[str]:
    """Remove containers whose samcheck has ended; returns their names."""
    return [remove_one(container) for container in made(client) if abandoned(container)]


def remove_of(client: Any, folder: Path) -> list[str]:
    """Remove the containers that samcheck made for what is in `folder`; returns their names."""
    return [
        remove_one(container)
        for container in made(client)
        if container.labels.get("samcheck.work", "").startswith(f"{folder}/")
    ]


def remove(client: Any, filters: dict[str, str]) -> list[str]:
    """Remove the containers that fit the engine's `filters`; returns their names."""
    return [
        remove_one(container)
        for container in client.containers.list(all=True, filters=filters, ignore_removed=True)
    ]


def remove_one(container: Container) -> str:
    """Remove a container, running or not; returns its name."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        pass  # somebody else was faster
    except APIError as error:
        if error.status_code != CONFLICT:  # somebody else is at it
            raise
    return str(container.name)


def lives(pid: str) -> bool:
    """Whether that process is a samcheck (its number may have been given to another program)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"samcheck" in command
