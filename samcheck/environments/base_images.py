"""Base images: pulled if a registry is reachable, else built locally from a Debian suite."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import requests
from docker.errors import APIError, DockerException, ImageNotFound

from samcheck import facts, paths
from samcheck.environments import processes
from samcheck.errors import BuildFailed
from samcheck.facts import Base
from samcheck.guest.outcomes import FailureCause


@dataclass(frozen=True)
class Present:
    """A base image in the engine; `id` is its content digest."""

    image: str
    id: str


def present(client: Any, python: str) -> Present | None:
    """Return a base image with `python` that is in the engine already, else None."""
    for base in facts.load().bases_for(python):
        try:
            return Present(base.image, str(client.images.get(base.image).id))
        except ImageNotFound:
            continue
    return None


def obtain(client: Any, python: str, log: Path) -> Present:
    """Return a base image with `python`: a present one, else a pulled one, else a newly built one.

    Raises:
        BuildFailed: says why each attempt failed.
    """
    there = present(client, python)
    if there is not None:
        return there
    obstacles = []
    for base in facts.load().bases_for(python):
        obstacle = _pull(client, base.image) if base.kind == "official" else _make(base, log)
        if not obstacle:
            return Present(base.image, str(client.images.get(base.image).id))
        obstacles.append(obstacle)
    known = "; ".join(obstacles) or "samcheck/facts/bases.toml lists none"
    raise BuildFailed(
        FailureCause.BASE_IMAGE if obstacles else FailureCause.FACTS,
        f"no base image with Python {python}: {known}. Pull or load one under its name in "
        "samcheck/facts/bases.toml, or use --environment venv",
    )


@cache
def _pull(client: Any, image: str) -> str:
    """Pull an image; return why it failed, in one line, else nothing."""
    try:
        client.images.pull(image)
    except (APIError, DockerException, requests.exceptions.RequestException) as error:
        return f"{image} could not be pulled ({' '.join(str(error).split())[:200]})"
    return ""


def _make(base: Base, log: Path) -> str:
    """Build a Debian base; return why it failed, in one line, else nothing."""
    script = paths.DOCKERFILES / "make-debian-base"
    status, printed = processes.installed(["sh", str(script), base.suite, base.image], log, dict(os.environ))
    if status == 0:
        return ""
    last = (printed.strip().splitlines() or ["it printed nothing"])[-1]
    return f"{base.image} could not be built ({last[:300]})"
