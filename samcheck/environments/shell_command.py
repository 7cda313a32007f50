"""What an environment starts, as a shell command with the same confinement and settings."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Sequence

from samcheck import paths
from samcheck.environments import confinement, own_variables, processes


def process(python: str, arguments: Sequence[str]) -> str:
    """Return the equivalent of `processes.run`, in a new folder that is left behind."""
    passed_on = " ".join(f'{name}="${name}"' for name in processes.PASSED_ON if name in os.environ)
    own = quoted([f"PYTHONPATH={paths.source()}", *(f"{name}=1" for name in processes.SWITCHED_ON)])
    own += "".join(f" {name}={value}" for name, value in own_variables('"$PWD"').items())
    return f'(cd "$(mktemp -d)" && env -i {passed_on} {own} {quoted([python, *arguments])})'


def docker(image: str, arguments: Sequence[str], on_gpu: bool = False) -> list[str]:
    """Return the equivalent of `docker.DockerPlace.run`; the guest's files are removed with the container."""
    limit = str(confinement.memory_limit())
    mounts = [f"--volume={path}:{to['bind']}:{to['mode']}" for path, to in confinement.sources().items()]
    mounts += [f"--tmpfs={folder}:{options}" for folder, options in confinement.memory_folders().items()]
    return [
        *("docker", "run", "--rm", "--init", "--pull=never", "--network=none", "--ipc=private"),
        *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
        *(f"--memory={limit}", f"--memory-swap={limit}", f"--pids-limit={confinement.pids_limit()}"),
        *("--ulimit=core=0", *mounts),
        *(f"--user={confinement.user()}", f"--workdir={confinement.WORK_MOUNT}"),
        *(f"--env={name}={value}" for name, value in confinement.guest_environment().items()),
        *(("--gpus=all",) if on_gpu else ()),
        *(image, "python", *arguments),
    ]


def quoted(words: Iterable[str]) -> str:
    """Quote words for a shell."""
    return " ".join(shlex.quote(word) for word in words)
