"""Which client builds: found by what engines and clients answer, recorded from Podman 4.3.1 and Docker."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from samcheck.environments import buildkit, docker
from samcheck.errors import EnvironmentUnavailable

PODMAN = {
    "Platform": {"Name": "linux/amd64/debian-12"},
    "Components": [
        {"Name": "Podman Engine", "Version": "4.3.1"},
        {"Name": "Conmon", "Version": "conmon version 2.1.6, commit: unknown"},
        {"Name": "OCI Runtime (runc)", "Version": "runc version 1.1.5+ds1"},
    ],
    "Version": "4.3.1",
}
DOCKER = {"Components": [{"Name": "Engine", "Version": "20.10.24+dfsg1"}], "Version": "20.10.24+dfsg1"}


class Client:
    """An engine of which only the version is asked."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    def version(self) -> dict[str, Any]:
        return self.answer


def commands(monkeypatch: pytest.MonkeyPatch, answers: dict[str, str]) -> None:
    """Only these programs are here; they print their version."""

    def output(command: str, *_: str) -> str:
        return answers.get(command.rpartition("/")[2], "")

    def which(name: str, path: str | None = None) -> str | None:
        return f"/usr/bin/{name}" if name in answers else None

    monkeypatch.setattr(buildkit, "_output", output)
    monkeypatch.setattr(shutil, "which", which)


def test_podman_builds_for_podman(monkeypatch: pytest.MonkeyPatch) -> None:
    commands(monkeypatch, {"podman": "4.3.1", "docker": "20.10.24"})
    monkeypatch.setattr(docker, "connect", lambda: Client(PODMAN))
    assert docker.open_environment().builder == buildkit.Builder("podman 4.3.1", ("/usr/bin/podman", "build"))


def test_docker_builds_for_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    commands(monkeypatch, {"podman": "4.3.1", "docker": "20.10.24"})
    monkeypatch.setattr(docker, "connect", lambda: Client(DOCKER))
    assert docker.open_environment().builder.command[0] == "/usr/bin/docker"


def test_podman_without_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    commands(monkeypatch, {"docker": "20.10.24"})
    monkeypatch.setattr(docker, "connect", lambda: Client(PODMAN))
    with pytest.raises(EnvironmentUnavailable, match="the engine is Podman, but its command podman"):
        docker.open_environment()
