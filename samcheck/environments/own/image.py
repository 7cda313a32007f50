"""Own images: pulled, loaded or built, upgraded in place, and looked into before the suite runs in them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests
import uv
from docker.errors import APIError, DockerException, ImageNotFound

from samcheck import facts, files
from samcheck.cells import Cell
from samcheck.environments import (
    DiskNeed,
    base_images,
    buildkit,
    docker,
    engine_loss,
    images,
    processes,
    uv_errors,
)
from samcheck.environments.docker import Docker, DockerPlace
from samcheck.environments.own import brought, image_contents, recipes, steps
from samcheck.environments.own.declaration import LEFT_OUT, OwnEnvironment, SourceKind
from samcheck.errors import BuildFailed, EnvironmentUnavailable, Refused
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import Fingerprint

#: Where the container finds what was brought.
BROUGHT_MOUNT = "/brought"


@dataclass(frozen=True)
class OwnImage:
    """An image of the user's own, or one built from the user's own requirements."""

    own: OwnEnvironment
    kind: str = "docker"
    installs: bool = False

    def storage(self) -> Path:
        return _engine().storage()

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        engine = _engine()
        if (self.own.source is SourceKind.IMAGE and not self.own.upgrade) or _has(engine.client, self.tag):
            return DiskNeed(0, 0, reused=True)
        size = facts.load().size_of("cuda")  # what it holds is known only when it is there
        return DiskNeed(size.download_mib, size.installed_mib, reused=False)

    @property
    def tag(self) -> str:
        """Name of what is built here."""
        return f"{images.REPOSITORY}:{self.own.id}"

    @engine_loss.refused()
    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> DockerPlace:
        engine = _engine()
        place = self._place(engine, self._image(engine, log), cell)
        python, seen = image_contents.look(place, self.own.python, log.parent)
        packages = brought.packages_for(seen)
        mounts = {
            folder: {"bind": f"{BROUGHT_MOUNT}/{Path(folder).name}", "mode": "ro"} for folder in packages
        }
        names = " ".join(Path(folder).name for folder in packages)
        return replace(
            place,
            python=python,
            mounts={**place.mounts, **mounts},
            search_path=(*place.search_path, *(mount["bind"] for mount in mounts.values())),
            details={**place.details, "interpreter": python, **({"brought": names} if names else {})},
        )

    def seen(self, folder: Path) -> Fingerprint:
        """Return what is installed in an image that the engine has; nothing is pulled.

        Raises:
            BuildFailed, Refused: there is no such image or engine, or no Python in it.
        """
        engine = _engine()
        if not _has(engine.client, self.own.given):
            text = f"the engine has no image {self.own.given}: pull it first"
            raise BuildFailed(FailureCause.BASE_IMAGE, text)
        place = self._place(engine, self.own.given, Cell("", "", ""))
        return image_contents.look(place, self.own.python, folder)[1]

    def _place(self, engine: Docker, name: str, cell: Cell) -> DockerPlace:
        """Return where the image `name` runs, before it is known what is in it.

        Raises:
            BuildFailed: it is for another machine.
        """
        found = engine.client.images.get(name)
        image_contents.require_runnable(found.attrs, str(engine.client.version().get("Arch", "")))
        return DockerPlace(
            engine.client,
            name,
            cell,
            details={
                "declared": self.own.title,
                "engine": str(engine.client.version()["Version"]),
                "image": name,
                "image_id": str(found.id),
                "variables": ", ".join(image_contents.variables(found.attrs)),
            },
            secrets=image_contents.secrets(found.attrs),
            search_path=image_contents.search_path(found.attrs),
            user="",
        )

    def _image(self, engine: Docker, log: Path) -> str:
        """Return the name of the declared image, in the engine.

        Raises:
            BuildFailed: it cannot be had, or an upgrade failed.
        """
        if self.own.upgrade:
            base = replace(self.own, upgrade=())
            if not _has(engine.client, self.tag):
                under = OwnImage(base)._image(engine, log)
                self._build(engine, recipes.upgrading(under, self.own.upgrade), log)
            return self.tag
        if self.own.source is SourceKind.IMAGE:
            return _pulled(engine.client, self.own.given)
        if not _has(engine.client, self.tag):
            if self.own.source is SourceKind.ARCHIVE:
                _load(engine.client, self.own.path, self.tag)
            elif self.own.source is SourceKind.DOCKERFILE:
                self._run(engine, ["--file", str(self.own.path), str(self.own.context)], log)
            elif self.own.source is SourceKind.CONDA:
                text = "a conda environment is made outside of containers only: use --environment venv"
                raise BuildFailed(FailureCause.INSTALLER, text)
            else:
                python = steps.python_of(self.own)
                base_image = base_images.obtain(engine.client, python, log).image
                commands = steps.install(self.own, recipes.PYTHON, Path(recipes.SCRATCH))
                self._build(engine, recipes.installing(base_image, python, commands), log)
        return self.tag

    def _build(self, engine: Docker, recipe: str, log: Path) -> None:
        with _context(self.own) as folder:
            (folder / "Dockerfile").write_text(recipe, encoding="utf-8")
            self._run(engine, [str(folder)], log)

    def _run(self, engine: Docker, arguments: list[str], log: Path) -> None:
        labels = {"samcheck.kind": "image", "samcheck.cell": self.own.id}
        image = images.Image(self.tag, {}, labels)
        command = [*engine.builder.command, *buildkit.options(image), *arguments]
        environment = dict(os.environ, DOCKER_BUILDKIT="1", BUILDKIT_PROGRESS="plain")
        status, printed = processes.installed(command, log, environment)
        if status != 0:
            known = uv_errors.explained(buildkit.errors(printed))
            said = f"its build failed: {buildkit.last_words(printed)}"
            raise BuildFailed(known.cause, said if known.cause is FailureCause.INSTALLER else known.sentence)


def _engine() -> Docker:
    """Return the engine.

    Raises:
        Refused: there is none.
    """
    try:
        return docker.open_environment()
    except EnvironmentUnavailable as error:
        raise Refused(FailureCause.ENGINE, f"an image needs a container engine, and {error}") from None


def _has(client: Any, name: str) -> bool:
    try:
        client.images.get(name)
    except ImageNotFound:
        return False
    except APIError as error:  # a name that cannot be one
        said = " ".join(str(error).split())[:200]
        raise BuildFailed(FailureCause.BASE_IMAGE, f"the engine refuses the image {name} ({said})") from None
    return True


def _pulled(client: Any, name: str) -> str:
    """Return the name of an image, pulled if the engine has none of it.

    Raises:
        BuildFailed: it could not be pulled.
    """
    if _has(client, name):
        return name
    try:
        client.images.pull(name)
    except (APIError, DockerException, requests.exceptions.RequestException) as error:
        said = " ".join(str(error).split())[:200]
        text = f"the engine has no image {name}, and it could not be pulled ({said})"
        raise BuildFailed(FailureCause.BASE_IMAGE, text) from None
    return name


def _load(client: Any, path: Path, tag: str) -> None:
    """Load an archive, and give its first image a name.

    Raises:
        BuildFailed: it is no archive of an image.
    """
    try:
        with path.open("rb") as stream:
            (first, *_) = client.images.load(stream)
    except (APIError, DockerException, ValueError, OSError) as error:
        said = " ".join(str(error).split())[:200]
        text = f"{files.named(path.name)} could not be loaded as an image's archive ({said})"
        raise BuildFailed(FailureCause.CONTENT, text) from None
    first.tag(*tag.split(":"))


@contextmanager
def _context(own: OwnEnvironment) -> Iterator[Path]:
    """Yield a folder with uv, and with the files that the declared one refers to."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tools").mkdir()
        (folder / "converted").mkdir()
        for there in (folder / "uv", folder / "tools" / "uv"):
            shutil.copy(uv.find_uv_bin(), there)
        if own.source.is_image:
            (folder / "files").mkdir()
        else:
            shutil.copytree(
                own.path.parent, folder / "files", ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True
            )
            steps.convert(own, folder / "converted")
        yield folder
