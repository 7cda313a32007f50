"""Tests against the real Docker engine, with the real Dockerfile and light packages in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from samcheck.environments import base_images, buildkit, docker, images
from samcheck.errors import EnvironmentUnavailable
from tests.container.light_image import CELL, Guest, light


@pytest.fixture(scope="session")
def engine() -> docker.Docker:
    """The engine; on CI its absence is a failure, elsewhere the tests are skipped."""
    try:
        return docker.open_environment()
    except EnvironmentUnavailable as error:
        if os.environ.get("CI"):
            pytest.fail(f"on CI a Docker engine must answer: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def base(engine: docker.Docker, tmp_path_factory: pytest.TempPathFactory) -> base_images.Present:
    return base_images.obtain(engine.client, "3.11", tmp_path_factory.mktemp("base") / "log")


@pytest.fixture(scope="session")
def image(
    engine: docker.Docker, base: base_images.Present, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[images.Image]:
    built = light(base)
    buildkit.build(engine.builder, built, tmp_path_factory.mktemp("build") / "log")
    yield built
    engine.client.images.remove(built.tag, force=True)


@pytest.fixture
def guest(engine: docker.Docker, image: images.Image, tmp_path: Path) -> Guest:
    given = tmp_path / "given"
    given.mkdir()
    return Guest(docker.DockerPlace(engine.client, image.tag, CELL), given)
