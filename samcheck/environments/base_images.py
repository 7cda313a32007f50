"""Base images: pulled where a registry answers, else made from a Debian suite on the spot."""

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
    """A base image that the engine holds; `id` is its content digest."""

    image: str
    id: str


def present(client: Any, python: str) -> Present | None:
    """A base with `python` that the engine has already, None if none."""
    for base in facts.load().bases_for(python):
        try:
            return Present(base.image, str(client.images.get(base.image).id))
        except ImageNotFound:
            continue
    return None


def obtain(client: Any, python: str, log: Path) -> Present:
    """A base with `python`: one that is there, else pulled, else made.

    Raises:
        BuildFailed: with what stood in the way of each.
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
    known = "; ".join(obstacles) or "samcheck/facts/bases.toml names none"
    raise BuildFailed(
        FailureCause.BASE_IMAGE if obstacles else FailureCause.FACTS,
        f"no base image with Python {python}: {known}. Pull or load one under the name that "
        "samcheck/facts/bases.toml gives, or use --environment venv",
    )


@cache
def _pull(client: Any, image: str) -> str:
    """Pull; why not, in one line, when that fails."""
    try:
        client.images.pull(image)
    except (APIError, DockerException, requests.exceptions.RequestException) as error:
        return f"{image} could not be pulled ({' '.join(str(error).split())[:200]})"
    return ""


def _make(base: Base, log: Path) -> str:
    """Make a Debian base; why not, in one line, when that fails."""
    script = paths.DOCKERFILES / "make-debian-base"
    status, printed = processes.installed(["sh", str(script), base.suite, base.image], log, dict(os.environ))
    if status == 0:
        return ""
    last = (printed.strip().splitlines() or ["it printed nothing"])[-1]
    return f"{base.image} could not be made ({last[:300]})"
