"""A command to be typed starts a container that is locked in like samcheck's own."""

from __future__ import annotations

import subprocess
from typing import Any

from samcheck.environments import confinement, shell_command
from tests.container.light_image import Guest

#: Of what the engine says about a container.
HOST = (
    *(
        "NetworkMode",
        "ReadonlyRootfs",
        "CapDrop",
        "CapAdd",
        "SecurityOpt",
        "Memory",
        "MemorySwap",
        "Privileged",
    ),
    *("PidsLimit", "Init", "IpcMode", "DeviceRequests", "Devices", "PidMode", "UTSMode", "Privileged"),
)
#: Nobody gives anything to one that is typed.
GIVEN = {confinement.GIVEN_MOUNT: False}
CONFIG = ("User", "WorkingDir", "Image", "Cmd", "Entrypoint")


def told(attributes: dict[str, Any]) -> dict[str, Any]:
    host, config = attributes["HostConfig"], attributes["Config"]
    return {
        **{name: host[name] or None for name in HOST},
        **{name: config[name] for name in CONFIG},
        "environment": sorted(config["Env"]),
        "mounts": {mount["Destination"]: mount["RW"] for mount in attributes["Mounts"]} | GIVEN,
        "memory": host["Tmpfs"],
        "limits": host["Ulimits"],
    }


def test_it_is_the_same_container(guest: Guest) -> None:
    with guest.place._container(guest.job("pass")) as container:
        container.reload()
        wanted = told(container.attrs)
    command = shell_command.docker(guest.place.image, ["-c", "pass"])
    command = ["docker", "create", *(word for word in command[2:] if word != "--rm")]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    typed = guest.place.client.containers.get(made)
    try:
        assert told(typed.attrs) == wanted
    finally:
        typed.remove()


def test_it_runs_without_a_folder_and_leaves_nothing(guest: Guest) -> None:
    code = "open('made', 'w').write('x'); print(open('made').read(), __import__('os').getcwd())"
    command = shell_command.docker(guest.place.image, ["-c", code])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "x /scratch\n"
    mine = guest.place.client.containers.list(all=True, filters={"ancestor": guest.place.image})
    assert mine == []
