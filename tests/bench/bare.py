"""A container as samcheck starts it, by a bare `docker run`: what samcheck's own cost is measured against."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from samcheck.environments import docker


def docker_run(image: str, work: Path, arguments: Sequence[str]) -> list[str]:
    """The command that runs Python with `arguments` in `work`, with the mounts and limits of a cell."""
    work.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        for path in (work, *work.rglob("*")):
            os.chown(path, *(int(part) for part in docker.UNPRIVILEGED.split(":")))
    limit = str(docker._memory_limit())
    mounts = [
        f"--volume={source}:{mount['bind']}:{mount['mode']}" for source, mount in docker._mounts(work).items()
    ]
    environment = {
        "HOME": docker.SCRATCH_MOUNT,
        "PYTHONPATH": docker.SOURCE_MOUNT,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    return [
        *("docker", "run", "--rm", "--init", "--network=none", "--read-only", "--cap-drop=ALL"),
        *("--security-opt=no-new-privileges", f"--memory={limit}", f"--memory-swap={limit}"),
        *(f"--pids-limit={docker.PIDS_LIMIT}", f"--tmpfs={docker.SCRATCH_MOUNT}:size=1g,mode=1777,exec"),
        *(f"--user={docker._user(work)}", f"--workdir={docker.WORK_MOUNT}", *mounts),
        *(f"--env={name}={value}" for name, value in environment.items()),
        *(image, "python", *arguments),
    ]
