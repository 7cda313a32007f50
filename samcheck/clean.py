"""Removing what samcheck left on a machine, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from samcheck.environments import venv
from samcheck.errors import EnvironmentUnavailable
from samcheck.session import RUNS


def clean(environments: bool, runs: bool) -> Iterator[str]:
    """Remove leftover containers; on request also environments (images, venvs) and run folders.

    Containers of a samcheck that still runs are left alone. Yields a line for each thing removed.
    """
    yield from _containers(environments)
    if environments:
        yield from _folder(venv.home() / "venvs")
    if runs:
        yield from _folder(RUNS)


def _containers(with_images: bool) -> Iterator[str]:
    from samcheck.environments import docker, leftovers

    try:
        client = docker.connect()
    except EnvironmentUnavailable:
        return  # without an engine there is nothing of it to clean
    yield from (f"container {name}" for name in leftovers.remove_abandoned(client))
    if with_images:
        yield from (f"image {tag}" for tag in leftovers.remove_images(client))


def _folder(folder: Path) -> Iterator[str]:
    if folder.exists():
        shutil.rmtree(folder)
        yield f"folder {folder}"
