"""What a guest in a container can read, write and use."""

from __future__ import annotations

import os

from samcheck import paths
from samcheck.environments import processes

PIDS_LIMIT = 512
#: Inside a container.
SOURCE_MOUNT, GIVEN_MOUNT, CHECKPOINTS_MOUNT = "/samcheck", "/given", "/checkpoints"
#: Working folder: a tmpfs that is removed with the container.
WORK_MOUNT = "/scratch"
#: In the order of `substitute`.
MOUNTS = (SOURCE_MOUNT, GIVEN_MOUNT, WORK_MOUNT)
SCRATCH_MOUNT = "/tmp"  # noqa: S108  the container's own tmpfs
SCRATCH_OPTIONS = "size=1g,mode=1777,exec,nosuid,nodev"
#: An unprivileged user for containers if samcheck runs as root.
UNPRIVILEGED = "65534:65534"


def guest_environment() -> dict[str, str]:
    """Return the environment variables of every guest."""
    return {
        "HOME": SCRATCH_MOUNT,
        "LOGNAME": "samcheck",  # inductor needs a user name, which the image may lack
        "PYTHONPATH": SOURCE_MOUNT,
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict.fromkeys(processes.SWITCHED_ON, "1"),
        **({"SAMCHECK_CHECKPOINTS": CHECKPOINTS_MOUNT} if _checkpoints() else {}),
    }


def sources() -> dict[str, dict[str, str]]:
    """Return the host folders that every guest can read, and where they are mounted."""
    mounts = {
        str(paths.PACKAGE): {"bind": f"{SOURCE_MOUNT}/samcheck", "mode": "ro"},
        str(paths.SUITE): {"bind": f"{SOURCE_MOUNT}/tests/suite", "mode": "ro"},
    }
    if _checkpoints():
        mounts[_checkpoints()] = {"bind": CHECKPOINTS_MOUNT, "mode": "ro"}
    return mounts


def _checkpoints() -> str:
    return os.environ.get("SAMCHECK_CHECKPOINTS", "")


def user() -> str:
    """Return the guest's user: this one, or nobody if samcheck runs as root."""
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() else UNPRIVILEGED


def memory_folders() -> dict[str, str]:
    """Return the folders a guest can write to, with their mount options."""
    uid, gid = user().split(":")  # the engine gives a working folder mode 755 regardless
    return {SCRATCH_MOUNT: SCRATCH_OPTIONS, WORK_MOUNT: f"{SCRATCH_OPTIONS},uid={uid},gid={gid}"}


def memory_limit() -> int:
    """Return nine tenths of the machine's memory, so that a guest dies before the machine does."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total * 9 // 10
