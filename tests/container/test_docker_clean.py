"""On a real engine: what `clean` removes is samcheck's, and everything else survives every option.

The names and the mark by which samcheck knows its own are replaced by those of these tests, so that the
environments of whoever runs them are among what must survive.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from samcheck import owned, paths
from samcheck.environments import base_images, buildkit, disk_items, docker, engine_storage, images
from samcheck.storage import clean, disk_usage
from samcheck.storage.clean import CleanRequest
from tests.container.light_image import light

OWN, FOREIGN = "samcheck-clean-test", "foreign-clean-test"
LABELS = {"samcheck.kind": "image", "samcheck.cell": "clean-test"}
DAY = 86400


def build(engine: docker.Docker, folder: Path, recipe: str, *options: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(recipe)
    command = [*engine.builder.command, "--quiet", *options, str(folder)]
    subprocess.run(command, env=dict(os.environ, DOCKER_BUILDKIT="1"), check=True, capture_output=True)


def everything(client: Any) -> dict[str, set[str]]:
    """All that an engine holds, by kind, without what comes and goes with cells that run meanwhile."""
    return {
        "images": {tag or image.id for image in client.images.list() for tag in image.tags or [""]},
        "containers": {
            container.id
            for container in client.containers.list(all=True, ignore_removed=True)
            if container.labels.get("samcheck.kind") != "container"
        },
        "volumes": {volume.id for volume in client.volumes.list()},
        "networks": {network.id for network in client.networks.list()},
        "cache": {record["ID"] for record in engine_storage.measured(client)["BuildCache"] or ()},
    }


@pytest.fixture(autouse=True)
def _one_at_a_time() -> Iterator[None]:
    """Two runs of these tests on one engine would take each other's images for those of others."""
    with FileLock(Path(tempfile.gettempdir()) / f"{OWN}.lock"):
        yield


@pytest.fixture
def foreign(
    engine: docker.Docker, base: base_images.Present, tmp_path: Path
) -> Iterator[dict[str, set[str]]]:
    """An engine with things of others: what it holds before anything of the tests' own is made."""
    client = engine.client
    unique = f"{tmp_path.name}-{time.time_ns()}"
    build(
        engine, tmp_path / "x", f"FROM {base.image}\nRUN echo others {unique} >/x\n", "--tag", f"{FOREIGN}:1"
    )
    volume = client.volumes.create(f"{FOREIGN}-volume")
    mounts = {volume.name: {"bind": "/data", "mode": "rw"}}
    container = client.containers.create(f"{FOREIGN}:1", ["true"], volumes=mounts)
    yield everything(client)
    container.remove(v=True)
    volume.remove()
    client.images.remove(f"{FOREIGN}:1")
    records = engine_storage.measured(client)["BuildCache"] or ()
    engine_storage.remove_cache(client, [row["ID"] for row in records if unique in row["Description"]])


@pytest.fixture
def own(
    engine: docker.Docker,
    base: base_images.Present,
    foreign: dict[str, set[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """An image as samcheck makes it, a run and a venv; the mark of its commands is new for each test."""
    mark = f"clean-test-mark-{time.time_ns()}"
    monkeypatch.setattr(images, "REPOSITORY", OWN)
    monkeypatch.setattr(engine_storage, "COMMAND", re.compile(mark))
    # A base is shared with whoever runs the tests.
    names, unnamed = engine_storage._names, engine_storage._unnamed
    monkeypatch.setattr(engine_storage, "_names", lambda image: [] if is_base(image) else names(image))
    monkeypatch.setattr(engine_storage, "_unnamed", lambda image: not is_base(image) and unnamed(image))
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAMCHECK_CACHE", str(tmp_path / "oracle"))
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(disk_usage, "TEMPORARY", ())
    owned.make(tmp_path / "runs/20260101-000000-1")
    owned.make(tmp_path / "home/venvs/cell-1a")
    (tmp_path / "home/venvs/mine").mkdir()
    labels = [part for name, value in LABELS.items() for part in ("--label", f"{name}={value}")]
    cache = f"RUN --mount=type=cache,id={mark},target=/wheels echo {mark} >/wheels/x"
    recipe = f"FROM {base.image}\nRUN head -c 3000000 /dev/urandom >/{mark}\nRUN echo {mark} >/y\n{cache}\n"
    build(engine, tmp_path / "own", recipe, "--tag", f"{OWN}:cell", *labels)
    yield mark
    list(clean.clean(CleanRequest(environments=True)))


def is_base(image: Any) -> bool:
    return bool(image.labels.get("samcheck.kind") == "base")


WANTED = {
    "nothing": CleanRequest(),
    "environments": CleanRequest(environments=True),
    "runs": CleanRequest(runs=True),
    "older": CleanRequest(older_than=DAY),
    "under": CleanRequest(keep_under=0),
    "run": CleanRequest(run="20260101-000000-1"),
    "all": CleanRequest(environments=True, runs=True, older_than=DAY, keep_under=0),
}
TAKES_THE_IMAGE = ("environments", "older", "under", "all")


@pytest.mark.parametrize("option", WANTED)
def test_everything_of_others_survives(
    engine: docker.Docker, foreign: dict[str, set[str]], own: str, option: str, tmp_path: Path
) -> None:
    later = time.time() + 10 * DAY
    steps = list(clean.clean(WANTED[option], later))
    left = everything(engine.client)
    for kind, before in foreign.items():
        assert before <= left[kind], (kind, steps)
    assert (tmp_path / "home/venvs/mine").is_dir()
    assert (f"{OWN}:cell" in left["images"]) == (option not in TAKES_THE_IMAGE)
    if option in TAKES_THE_IMAGE:
        mine = [
            record
            for record in engine_storage.measured(engine.client)["BuildCache"]
            if own in record["Description"]
        ]
        assert mine == [], steps


def test_images_built_on_samchecks_survive(
    engine: docker.Docker, foreign: dict[str, set[str]], own: str, tmp_path: Path
) -> None:
    """They inherit its labels; tagged or not, they are somebody's work."""
    client = engine.client
    build(
        engine,
        tmp_path / "on",
        f"FROM {OWN}:cell\nRUN echo on-it {time.time_ns()} >/on\n",
        "--tag",
        f"{FOREIGN}:on",
    )
    build(
        engine,
        tmp_path / "on",
        f"FROM {OWN}:cell\nRUN echo newer {time.time_ns()} >/on\n",
        "--tag",
        f"{FOREIGN}:on",
    )
    client.images.get(f"{OWN}:cell").tag(f"{FOREIGN}:theirs")
    before = everything(client)
    list(clean.clean(CleanRequest(environments=True)))
    left = everything(client)
    assert before["images"] - left["images"] == {f"{OWN}:cell"}
    assert client.images.get(f"{FOREIGN}:on").labels == LABELS
    for name in (f"{FOREIGN}:on", f"{FOREIGN}:theirs", *(left["images"] - foreign["images"])):
        if name in everything(client)["images"]:
            client.images.remove(name)


def test_image_of_a_container_is_kept(engine: docker.Docker, foreign: dict[str, set[str]], own: str) -> None:
    container = engine.client.containers.create(f"{OWN}:cell", ["true"])
    try:
        said = {(step.done, step.what) for step in clean.clean(CleanRequest(environments=True))}
        assert ("kept", f"image {OWN}:cell: a container uses it") in said
        assert engine.client.images.get(f"{OWN}:cell")
    finally:
        container.remove()


def test_sizes_are_those_of_the_engine(engine: docker.Docker, foreign: dict[str, set[str]], own: str) -> None:
    (own_image,) = [item for item in engine_storage.look(engine.client) if item.kind == "image"]
    said = next(
        image
        for image in engine_storage.measured(engine.client)["Images"]
        if f"{OWN}:cell" in (image["RepoTags"] or ())
    )
    assert own_image.size == said["Size"]
    assert disk_items.freed([own_image], []) == said["Size"] - said["SharedSize"]


def test_use_is_noted_in_the_engine(engine: docker.Docker, foreign: dict[str, set[str]], own: str) -> None:
    def used() -> float:
        return next(item.used for item in engine_storage.look(engine.client) if item.kind == "image")

    first = used()
    time.sleep(1.1)
    begin = time.time()
    engine_storage.touch_image(engine.client, f"{OWN}:cell")
    assert first < begin - 1 < used()


def test_what_the_real_recipe_leaves_is_known(
    engine: docker.Docker, base: base_images.Present, tmp_path: Path
) -> None:
    """Every layer of a removed image of the real Dockerfile is found in the cache, and goes alone."""
    recipe = light(base, EXPORT="attrs==25.3.0", TOOLS="iniconfig==2.0.0")
    image = images.Image("samcheck:clean-test", recipe.arguments, recipe.labels)
    buildkit.build(engine.builder, image, tmp_path / "log")

    def cached() -> dict[str, disk_items.Item]:
        return {item.key: item for item in engine_storage.look(engine.client) if item.kind == "cache"}

    wheels = {key for key, item in cached().items() if item.name == "wheels shared by builds"}
    assert len(wheels) == 1
    before = set(cached())
    layers = len(engine.client.images.get(image.tag).attrs["RootFS"]["Layers"])
    steps = layers - len(engine.client.images.get(base.image).attrs["RootFS"]["Layers"])
    assert engine_storage.remove_image(engine.client, image.tag) == ""
    orphans = set(cached()) - before
    # Those of its lower steps may belong to another image that is there.
    assert 1 <= len(orphans) <= steps
    assert engine_storage.remove_cache(engine.client, sorted(orphans)) == orphans
    assert set(cached()) == before
