"""What a guest in a container can read, write and use."""

from __future__ import annotations

import os

from samcheck import paths
from samcheck.environments import processes

PIDS_LIMIT = 512
#: Inside a container.
SOURCE_MOUNT, GIVEN_MOUNT, CHECKPOINTS_MOUNT = "/samcheck", "/given", "/checkpoints"
#: Where it works: memory of the container's own, which ends with it.
WORK_MOUNT = "/scratch"
#: In the order of `substitute`.
MOUNTS = (SOURCE_MOUNT, GIVEN_MOUNT, WORK_MOUNT)
SCRATCH_MOUNT = "/tmp"  # noqa: S108  a tmpfs of the container's own
SCRATCH_OPTIONS = "size=1g,mode=1777,exec,nosuid,nodev"
#: For containers of a samcheck that runs as root: some user without rights.
UNPRIVILEGED = "65534:65534"


def guest_environment() -> dict[str, str]:
    """The variables of every guest."""
    return {
        "HOME": SCRATCH_MOUNT,
        "LOGNAME": "samcheck",  # the image may have no name for this user, and inductor asks for it
        "PYTHONPATH": SOURCE_MOUNT,
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict.fromkeys(processes.SWITCHED_ON, "1"),
        **({"SAMCHECK_CHECKPOINTS": CHECKPOINTS_MOUNT} if _checkpoints() else {}),
    }


def sources() -> dict[str, dict[str, str]]:
    """What every guest reads of the host, and where it finds that."""
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
    """The user of the guest: this one, or nobody when samcheck runs as root."""
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() else UNPRIVILEGED


def memory_folders() -> dict[str, str]:
    """What a guest can write to, by path, with the options of the mount."""
    uid, gid = user().split(":")  # the engine makes a working folder 755, whatever the mode
    return {SCRATCH_MOUNT: SCRATCH_OPTIONS, WORK_MOUNT: f"{SCRATCH_OPTIONS},uid={uid},gid={gid}"}


def memory_limit() -> int:
    """Nine tenths of the machine, so that a guest dies before the machine does."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total * 9 // 10
