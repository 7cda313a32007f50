"""What a guest in a container can read, write and use."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from samcheck import paths
from samcheck.environments import own_variables, own_variant, processes
from samcheck.environments.own_variant import OwnVariant
from samcheck.guest import memory_model

#: Processes and threads: some for whatever a check starts, such as the 32 workers of PyTorch's compiler, and
#: for each core those of OpenMP, OpenBLAS and PyTorch, in the suite, its server of memory tasks, a fork of
#: that, and a compiler.
PIDS, PIDS_PER_CORE = 512, 3 * 4
#: Inside a container.
SOURCE_MOUNT, GIVEN_MOUNT, CHECKPOINTS_MOUNT = "/samcheck", "/given", "/checkpoints"
#: With the packages and checkpoints of the user's own variants.
VARIANTS_MOUNT = "/variants"
#: Working folder: a tmpfs that is removed with the container.
WORK_MOUNT = "/scratch"
#: In the order of `substitute`.
MOUNTS = (SOURCE_MOUNT, GIVEN_MOUNT, WORK_MOUNT)
SCRATCH_MOUNT = "/tmp"  # noqa: S108  the container's own tmpfs
TMPFS_OPTIONS = "mode=1777,exec,nosuid,nodev"
#: Room for small files in each folder in memory.
SMALL_BYTES = 2**30
#: Files of the size of a variant's weights that stay in /tmp until the suite ends: a recipe's checkpoint, its
#: parts, and an exported model.
COPIES = 3
#: An unprivileged user for containers if samcheck runs as root.
UNPRIVILEGED = "65534:65534"


def guest_environment(search_path: Sequence[str] = (), variants: Sequence[OwnVariant] = ()) -> dict[str, str]:
    """Return the environment variables of a guest, which finds packages in `search_path` as well."""
    return {
        "HOME": SCRATCH_MOUNT,
        "LOGNAME": "samcheck",  # inductor needs a user name, which the image may lack
        "PYTHONPATH": ":".join((SOURCE_MOUNT, *search_path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict.fromkeys(processes.SWITCHED_ON, "1"),
        **own_variables(WORK_MOUNT),
        **({"SAMCHECK_CHECKPOINTS": CHECKPOINTS_MOUNT} if _checkpoints() else {}),
        **own_variant.environment(variants, _mounted),
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


def variant_mounts(variants: Sequence[OwnVariant]) -> dict[str, dict[str, str]]:
    """Return the host paths of the user's own variants, and where a guest can read them."""
    return {str(variant.path): {"bind": _mounted(variant), "mode": "ro"} for variant in variants}


def _mounted(variant: OwnVariant) -> str:
    # Several may be of one package, and two packages may have the same name.
    folder = hashlib.sha256(os.fsencode(variant.path)).hexdigest()[:8]
    return f"{VARIANTS_MOUNT}/{folder}/{variant.path.name}"


def _checkpoints() -> str:
    return os.environ.get("SAMCHECK_CHECKPOINTS", "")


def user() -> str:
    """Return the guest's user: this one, or nobody if samcheck runs as root."""
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() else UNPRIVILEGED


def memory_folders() -> dict[str, str]:
    """Return the folders a guest can write to, with their mount options."""
    uid, gid = user().split(":")  # the engine gives a working folder mode 755 regardless
    return {
        SCRATCH_MOUNT: f"size={scratch_bytes()},{TMPFS_OPTIONS}",
        WORK_MOUNT: f"size={SMALL_BYTES},{TMPFS_OPTIONS},uid={uid},gid={gid}",
    }


def scratch_bytes() -> int:
    """Return the most that /tmp may hold: what all variants write there, but no more than half the memory."""
    weights = sum(memory_model.weights(shape, "fp32") for shape in memory_model.SHAPES.values())
    return max(SMALL_BYTES, min(COPIES * weights + SMALL_BYTES, memory_limit() // 2))


def pids_limit() -> int:
    """Return how many processes and threads a guest may have at once."""
    return PIDS + PIDS_PER_CORE * (os.cpu_count() or 1)


def memory_limit() -> int:
    """Return nine tenths of the machine's memory, so that a guest dies before the machine does."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total * 9 // 10
