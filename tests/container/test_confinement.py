"""A guest tries each forbidden thing from inside, and the operating system refuses it.

That an attempt can succeed at all is tried in a container without any lock.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

from samcheck.environments import confinement, docker, images
from tests.container import escape_attempts
from tests.container.light_image import CELL, Guest

#: A setuid program in the image, as every distribution has some.
SETUID = escape_attempts.SETUID
RECIPE = f"FROM {{base}}\nUSER 0\nRUN cp /usr/bin/id {SETUID} && chmod 4755 {SETUID}\n"
TAG = "samcheck:setuid-test"
#: Beside those of every container: what the attempts need. Not all: an engine may lack some itself.
CAPABILITIES = ["SYS_ADMIN", "SYS_PTRACE"]
#: What `docker` gives every container beside the folders that samcheck mounts; all of it ends with it.
OF_THE_CONTAINER = {"/dev/shm", "/dev/mqueue"}


def program(outside: int) -> str:
    """The attempts, on that process."""
    return Path(escape_attempts.__file__).read_text().replace("HOST_PID = 0", f"HOST_PID = {outside}")


@pytest.fixture(scope="module")
def setuid_image(
    engine: docker.Docker, image: images.Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("setuid")
    (folder / "Dockerfile").write_text(RECIPE.format(base=image.tag))
    engine.client.images.build(path=str(folder), tag=TAG, rm=True, forcerm=True)
    yield TAG
    engine.client.images.remove(TAG, force=True)


@pytest.fixture(scope="module")
def outside() -> Iterator[int]:
    """A process outside of every container."""
    process = subprocess.Popen(["sleep", "600"])
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def locked(
    engine: docker.Docker, setuid_image: str, outside: int, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What came of the attempts where guests run."""
    given = tmp_path_factory.mktemp("locked")
    guest = Guest(docker.DockerPlace(engine.client, setuid_image, CELL), given)
    ended, printed = guest.run(program(outside))
    assert ended.exit_code == 0, printed
    said: dict[str, Any] = json.loads(printed)
    return said


@pytest.fixture(scope="module")
def unlocked(engine: docker.Docker, setuid_image: str, outside: int) -> dict[str, Any]:
    """The same in a container that may do everything, and shares the machine's processes and network."""
    client = engine.client
    rights = client.api.create_host_config(
        cap_add=CAPABILITIES,
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        pid_mode="host",
        network_mode="host",
        tmpfs={confinement.WORK_MOUNT: "size=1m", "/samcheck/samcheck": "size=1m"},
        binds=["/var/run/docker.sock:/run/docker.sock", "/sys/fs/cgroup:/sys/fs/cgroup"],
    )
    made = client.api.create_container(
        setuid_image,
        ["python", "-c", program(outside)],
        user="0:0",
        host_config={**rights, "ReadonlyPaths": [], "MaskedPaths": []},
    )
    container = client.containers.get(made["Id"])
    try:
        container.start()
        container.wait(timeout=60)
        said: dict[str, Any] = json.loads(container.logs())
    except APIError as error:
        pytest.skip(f"this engine does not give a container such rights: {error.explanation}")
    finally:
        container.remove(force=True)
    return said


@pytest.mark.parametrize("what", sorted(escape_attempts.ATTEMPTS))
def test_the_system_refuses_each_attempt(locked: dict[str, Any], what: str) -> None:
    assert locked["came"][what].startswith(
        ("OSError", "PermissionError", "ProcessLookupError", "Blocking", "File")
    )
    assert locked["user"] != 0


@pytest.mark.parametrize("what", sorted(escape_attempts.ATTEMPTS))
def test_the_attempt_is_a_real_one(unlocked: dict[str, Any], what: str) -> None:
    assert unlocked["came"][what] == "done"


def test_only_memory_can_be_written(locked: dict[str, Any]) -> None:
    places = set(locked["writable"])
    assert {confinement.WORK_MOUNT, confinement.SCRATCH_MOUNT} <= places
    assert places - {confinement.WORK_MOUNT, confinement.SCRATCH_MOUNT} <= OF_THE_CONTAINER


def test_a_setuid_binary_gives_root_without_the_lock(engine: docker.Docker, setuid_image: str) -> None:
    """It is the lock that holds, not some other obstacle."""
    printed = engine.client.containers.run(
        setuid_image,
        [SETUID, "-u"],
        remove=True,
        user=confinement.UNPRIVILEGED,
        network_mode="none",
    )
    assert printed == b"0\n"
