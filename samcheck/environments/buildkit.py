"""Image builds with BuildKit, through a Docker client on this machine that supports it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uv
from filelock import FileLock

from samcheck import certificates, paths
from samcheck.environments import images, processes, uv_errors
from samcheck.errors import BuildFailed, EnvironmentUnavailable

#: How builders say that a command of a step failed.
_STEP_FAILED = re.compile(r"ERROR: .*(executor failed|did not complete successfully)|exit status \d+$")


@dataclass(frozen=True)
class Builder:
    """A command that builds with BuildKit; `name` is for the record."""

    name: str
    command: tuple[str, ...]


def find_builder() -> Builder:
    """Return the first client on PATH that has buildx, or is old enough to have BuildKit built in.

    Raises:
        EnvironmentUnavailable: there is none.
    """
    for client in _clients():
        version = _output(client, "version", "--format", "{{.Client.Version}}")
        if _output(client, "buildx", "version"):
            return Builder(f"docker {version} with buildx", (client, "buildx", "build", "--load"))
        # Clients from 23 on need the plugin; older ones include BuildKit.
        if re.match(r"(18\.09|19|20|2[0-2])\.", version):
            return Builder(f"docker {version}", (client, "build"))
    raise EnvironmentUnavailable(
        "no Docker client here can build with BuildKit",
        "install the package docker-buildx (docker-buildx-plugin in Docker's own repository), "
        "or use --environment venv",
    )


def find_podman() -> Builder:
    """Return Podman's own builder, for a Podman behind the Docker API, which needs no BuildKit.

    Raises:
        EnvironmentUnavailable: its command is not installed.
    """
    client = shutil.which("podman")
    if client is None:
        raise EnvironmentUnavailable(
            "the engine is Podman, but its command podman, which builds the images, is not installed",
            "install it, or use --environment venv",
        )
    return Builder(
        f"podman {_output(client, 'version', '--format', '{{.Client.Version}}')}", (client, "build")
    )


def _clients() -> list[str]:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin"]
    clients = (shutil.which("docker", path=folder) for folder in folders)
    return list(dict.fromkeys(path for path in clients if path))


def _output(*command: str) -> str:
    """Return what a command prints; empty if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def build(builder: Builder, image: images.Image, log: Path) -> None:
    """Build and tag `image`; the builder's output goes to `log`.

    Raises:
        BuildFailed: says in one sentence why.
    """
    with _context() as context:
        command = [*builder.command, *options(image), str(context)]
        environment = dict(os.environ, DOCKER_BUILDKIT="1", BUILDKIT_PROGRESS="plain")
        status, printed = processes.installed(command, log, environment)
    if status != 0:
        known = uv_errors.explained(errors(printed))
        raise BuildFailed(known.cause, known.sentence)


@contextmanager
def _context() -> Iterator[Path]:
    """Yield the build context: always the same folder, since the builder caches a copy for each name."""
    folder = paths.home() / "build-context"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        shutil.copy(paths.DOCKERFILES / images.DOCKERFILE, folder / "Dockerfile")
        shutil.copy(uv.find_uv_bin(), folder / "uv")
        yield folder


def options(image: images.Image) -> list[str]:
    options = ["--tag", image.tag]
    for name, value in image.arguments.items():
        options += ["--build-arg", f"{name}={value}"]
    for name, value in image.labels.items():
        options += ["--label", f"{name}={value}"]
    bundle = certificates.ca_bundle()
    return [*options, "--secret", f"id=ca,src={bundle}"] if bundle else options


def errors(output: str) -> str:
    """Return the lines that a failed step printed in a plain BuildKit log, without step number and time."""
    lines = [re.sub(r"^#\d+ (\d+\.\d+ )?", "", line) for line in output.splitlines()]
    start = next((i for i, line in enumerate(lines) if re.search(r"error|×|No space", line)), 0)
    return "\n".join(lines[start:])


def last_words(output: str) -> str:
    """Return what a failed step printed last, else what the builder says of it; in one line."""
    lines = [re.sub(r"^#\d+ (\d+\.\d+ )?", "", line).strip() for line in output.splitlines()]
    end = next((at for at, line in enumerate(lines) if _STEP_FAILED.search(line)), len(lines))
    printed = [
        line for line in lines[:end] if line and not line.startswith(("[", "DONE", "CACHED", "sha256:"))
    ]
    said = (
        printed[-1]
        if printed and end < len(lines)
        else next(filter(None, reversed(lines)), "it said nothing")
    )
    return said[:300]
