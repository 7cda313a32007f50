"""Docker: images are built with BuildKit by the command-line client, containers run through the SDK.

The SDK cannot pass build secrets, and a company's CA bundle must not end up in a layer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from docker.types import DeviceRequest, LogConfig, Ulimit
from docker.utils.config import find_config_file

from samcheck import facts, files, paths
from samcheck.cells import Cell
from samcheck.environments import (
    DiskNeed,
    EndCause,
    Ended,
    GuestJob,
    Place,
    base_images,
    buildkit,
    confinement,
    engine_loss,
    engine_storage,
    gpu_errors,
    images,
    orphans,
    substitute,
)
from samcheck.errors import BadInput, EnvironmentUnavailable, Refused
from samcheck.facts.requirements import Requirements, size
from samcheck.guest.outcomes import FailureCause

POLL_SECONDS = 0.25
#: Two files, since a full one is emptied: a guest's last output must not be lost with its first.
LOG_LIMITS = {"max-size": "8m", "max-file": "2"}
STOP_SECONDS = 5
SIGNALS = {
    132: "SIGILL",
    134: "SIGABRT",
    135: "SIGBUS",
    136: "SIGFPE",
    137: "SIGKILL",
    139: "SIGSEGV",
}


def connect() -> Any:
    """Connect to the engine that ``DOCKER_HOST`` names, or the local one.

    Raises:
        EnvironmentUnavailable: no engine is available; the message says why.
    """
    config = str(find_config_file() or "")
    try:
        if config:
            files.read(Path(config))  # fails for a FIFO, on which the client would block
        client = docker.from_env(timeout=60)
        client.ping()
        return client
    except (DockerException, requests.exceptions.RequestException) as error:
        raise _no_engine(str(error)) from None
    except (BadInput, ValueError, TypeError, AttributeError, RecursionError) as error:  # it validates neither
        said = " ".join(str(error).split())[:300]
        raise EnvironmentUnavailable(
            "the Docker client cannot be set up",
            f"fix DOCKER_HOST or {config or 'the Docker configuration'}: {said}",
        ) from None


def _no_engine(text: str) -> EnvironmentUnavailable:
    where = os.environ.get("DOCKER_HOST", "the local socket")
    if "Permission denied" in text:
        return EnvironmentUnavailable(
            f"the Docker engine at {where} denies access to this user",
            "join the group `docker` and log in again, or run with sudo",
        )
    if "No such file" in text or "Connection refused" in text:
        return EnvironmentUnavailable(
            f"no Docker engine answers at {where}",
            f"start one (on Debian or Ubuntu, `sudo {paths.DOCKERFILES / 'engine-up'}` installs it), "
            "or use --environment venv",
        )
    return EnvironmentUnavailable(f"no Docker engine answers at {where}", " ".join(text.split())[:300])


def open_environment() -> Docker:
    """Return the environment, if there are an engine and a client that can build for it.

    Raises:
        EnvironmentUnavailable: one of them is missing.
    """
    client = connect()
    components = client.version().get("Components") or []
    if any(part.get("Name") == "Podman Engine" for part in components):
        return Docker(client, buildkit.find_podman())
    return Docker(client, buildkit.find_builder())


@dataclass(frozen=True)
class Docker:
    """One image per cell, one container per run."""

    client: Any
    builder: buildkit.Builder
    kind: str = "docker"
    installs: bool = True

    @engine_loss.refused()
    def storage(self) -> Path:
        folder = Path(self.client.info().get("DockerRootDir", "/"))
        return folder if folder.exists() else Path("/")  # a remote engine's disk is not visible

    @engine_loss.refused()
    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        base = base_images.present(self.client, cell.python)
        if base is not None and self._exists(self._image(cell, requirements, base).tag):
            return DiskNeed(0, 0, reused=True)
        download, installed = size(cell, requirements, facts.load())
        # The layer, plus the same files in BuildKit's cache mount for wheels.
        return DiskNeed(download, 2 * installed, reused=False)

    @engine_loss.refused()
    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        base = base_images.obtain(self.client, cell.python, log)
        wanted = self._image(cell, requirements, base)
        if not self._exists(wanted.tag):
            buildkit.build(self.builder, wanted, log)
        engine_storage.touch_image(self.client, wanted.tag)
        details = {
            "engine": str(self.client.version()["Version"]),
            "builder": self.builder.name,
            "image": wanted.tag,
            "image_id": str(self.client.images.get(wanted.tag).id),
            "base": base.image,
            "base_id": base.id,
        }
        return DockerPlace(self.client, wanted.tag, cell, details)

    def _image(self, cell: Cell, requirements: Requirements, base: base_images.Present) -> images.Image:
        recipe = (paths.DOCKERFILES / images.DOCKERFILE).read_text(encoding="utf-8")
        return images.image(cell, requirements, base.image, base.id, recipe)

    def _exists(self, tag: str) -> bool:
        try:
            self.client.images.get(tag)
        except docker.errors.ImageNotFound:
            return False
        return True


@dataclass(frozen=True)
class DockerPlace:
    """An image; each run is a new container.

    Attributes:
        python: the interpreter in it.
        search_path: folders in the container with packages that are not in the interpreter's own.
        user: empty for the image's own user.
    """

    client: Any
    image: str
    cell: Cell
    details: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, dict[str, str]] = field(default_factory=confinement.sources)
    secrets: dict[str, str] = field(default_factory=dict)
    python: str = "python"
    search_path: tuple[str, ...] = ()
    user: str = field(default_factory=confinement.user)

    def run(self, job: GuestJob) -> Ended:
        try:
            return self._run(job)
        except engine_loss.ERRORS as error:
            engine_loss.clean_up(self.client, job.given)
            raise Refused(FailureCause.ENGINE, engine_loss.sentence(error)) from None

    def _run(self, job: GuestJob) -> Ended:
        with self._container(job) as container:
            try:
                container.start()
            except APIError as error:
                known = gpu_errors.refusal(str(error.explanation))
                raise Refused(known.cause, known.sentence) from None
            try:
                ended = _wait(container, job)
                engine_loss.require(self.client, str(container.id), ended)
                return ended
            finally:
                _save_output(container, job.output)

    @contextmanager
    def _container(self, job: GuestJob) -> Iterator[Container]:
        # A container of a killed samcheck may still hold the GPU.
        orphans.remove_of(self.client, job.given.parent)
        container = self.client.containers.create(
            self.image,
            [*([self.python] if self.user else []), *substitute(job.arguments, *confinement.MOUNTS)],
            entrypoint=None if self.user else [self.python],  # an own image's may start a server
            user=self.user or None,
            # The engine gives a working folder to root, which the image's own user may not be.
            working_dir=confinement.WORK_MOUNT if self.user else confinement.SCRATCH_MOUNT,
            environment=confinement.guest_environment(self.search_path, job.variants),
            volumes=self._volumes(job),
            labels={
                "samcheck.kind": "container",
                "samcheck.cell": self.cell.id,
                "samcheck.work": str(job.given),
                "samcheck.owner": orphans.owner(os.getpid()),
            },
            network_mode="none",
            read_only=True,
            tmpfs=confinement.memory_folders(),
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=confinement.memory_limit(),
            memswap_limit=confinement.memory_limit(),  # memory plus swap: a guest must not fill the swap
            pids_limit=confinement.pids_limit(),
            ulimits=[Ulimit(name="core", soft=0, hard=0)],  # a crash must not leave hundreds of MB
            use_config_proxy=False,  # a proxy's address may contain a password, and results are published
            init=True,  # otherwise PID 1 ignores signals and a segfault has no distinct exit code
            ipc_mode="private",
            log_config=LogConfig(type="json-file", config=LOG_LIMITS),
            device_requests=_gpu_request(job),
        )
        try:
            yield container
        finally:
            orphans.remove_one(container)

    def _volumes(self, job: GuestJob) -> dict[str, dict[str, str]]:
        given = {str(job.given): {"bind": confinement.GIVEN_MOUNT, "mode": "ro"}}
        return {**self.mounts, **confinement.variant_mounts(job.variants), **given}


def _gpu_request(job: GuestJob) -> list[DeviceRequest]:
    return [DeviceRequest(device_ids=[job.gpu], capabilities=[["gpu"]])] if job.gpu else []


def _wait(container: Container, job: GuestJob) -> Ended:
    """Wait for the guest to end, or stop it if it makes no progress."""
    while True:
        container.reload()
        state = container.attrs["State"]
        if state["Status"] in ("exited", "dead"):
            return _ended(state)
        if not job.alive():
            container.stop(timeout=STOP_SECONDS)
            return Ended(None, "SIGKILL", EndCause.NO_PROGRESS)
        time.sleep(POLL_SECONDS)


def _ended(state: dict[str, Any]) -> Ended:
    """Return how it ended; 137 alone does not mean out of memory, which the engine reports itself."""
    code = int(state["ExitCode"])
    cause = EndCause.MEMORY_LIMIT if state.get("OOMKilled") else None
    signal = SIGNALS.get(code, "")
    return Ended(None if signal else code, signal, cause)


def _save_output(container: Container, path: Path) -> None:
    with path.open("ab") as output:
        for block in container.logs(stream=True, follow=False):
            output.write(block)
