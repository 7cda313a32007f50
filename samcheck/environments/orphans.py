"""Finding and removing containers that samcheck created, and no others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from docker.errors import APIError, NotFound
from docker.models.containers import Container

#: The engine's response when a container is already being removed.
CONFLICT = 409
#: Index of `starttime` among the fields after the name in /proc/PID/stat.
STARTED = 19


def owner(pid: int) -> str:
    """Identify a process across boots, machines and containers that share the engine.

    Its start time tells it from a later process with the same number.
    """
    return f"{_here()} {pid} {_started(pid)}"


def _here() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {os.readlink('/proc/self/ns/pid')}"


def _started(pid: int) -> str:
    """Return when a process was started, in ticks since boot; 0 if there is none."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return "0"
    return words[STARTED].decode()


def made(client: Any) -> list[Container]:
    """Return all containers that samcheck created, running or not."""
    containers: list[Container] = client.containers.list(
        all=True, filters={"label": "samcheck.kind=container"}, ignore_removed=True
    )
    return containers


def abandoned(container: Container) -> bool:
    """Return whether the container's samcheck has ended.

    One that is not visible from here (e.g. in its own container) is assumed to be alive.
    """
    where, _, process = container.labels.get("samcheck.owner", "").partition("] ")
    pid, _, started = process.partition(" ")
    seen_from_here = f"{where}]" == _here() and pid.isdigit()
    return seen_from_here and (started == "0" or _started(int(pid)) != started)


def remove_abandoned(client: Any) -> list[str]:
    """Remove containers whose samcheck has ended; return their names."""
    return [remove_one(container) for container in made(client) if abandoned(container)]


def remove_of(client: Any, folder: Path) -> list[str]:
    """Remove the containers that samcheck created for jobs in `folder`; return their names."""
    return [
        remove_one(container)
        for container in made(client)
        if container.labels.get("samcheck.work", "").startswith(f"{folder}/")
    ]


def remove(client: Any, filters: dict[str, str]) -> list[str]:
    """Remove the containers that match the engine's `filters`; return their names."""
    return [
        remove_one(container)
        for container in client.containers.list(all=True, filters=filters, ignore_removed=True)
    ]


def remove_one(container: Container) -> str:
    """Remove a container, running or not; return its name."""
    try:
        container.remove(force=True, v=True)
    except NotFound:
        pass  # already removed by somebody else
    except APIError as error:
        if error.status_code != CONFLICT:  # somebody else is removing it
            raise
    return str(container.name)


def lives(pid: str) -> bool:
    """Return whether a process is a samcheck (its number may have been reused by another program)."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"samcheck" in command
