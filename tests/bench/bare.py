"""A container as samcheck starts it, by a bare `docker run`: what samcheck's own cost is measured against."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from samcheck.environments import by_hand, docker


def docker_run(image: str, work: Path, arguments: Sequence[str]) -> list[str]:
    """The command that runs Python with `arguments` in `work`, with the mounts and limits of a cell."""
    work.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        for path in (work, *work.rglob("*")):
            os.chown(path, *(int(part) for part in docker.UNPRIVILEGED.split(":")))
    return by_hand.docker(image, arguments, work)
