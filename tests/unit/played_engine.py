"""A Docker engine played for unit tests: images, containers and a build cache, with its refusals."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import requests
from docker.errors import APIError, ImageNotFound, NotFound

STEP = (
    "/bin/sh -c set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi;     "
    "/run/uv pip install --quiet --python /opt/venv/bin/python ${TORCH}"
)
LONG_AGO = "2026-01-01T00:00:00Z"


def refusal(explanation: str) -> APIError:
    """What the SDK raises when an engine refuses."""
    response = requests.Response()
    response.status_code = 409
    return APIError("conflict", response, explanation)


@dataclass
class PlayedImage:
    """An image: its layers by name with their sizes, lowest first."""

    engine: PlayedEngine
    id: str
    tags: list[str]
    layers: dict[str, int]
    labels: dict[str, str] = field(default_factory=dict)
    created: str = LONG_AGO
    tagged: str = LONG_AGO
    step: str = STEP

    @property
    def attrs(self) -> dict[str, Any]:
        return {
            "Created": self.created,
            "Metadata": {"LastTagTime": self.tagged},
            "RootFS": {"Layers": list(self.layers)},
        }

    def history(self) -> list[dict[str, Any]]:
        steps = [{"CreatedBy": self.step, "Size": size} for size in self.layers.values()]
        return [{"CreatedBy": "ENV PATH=/opt/venv/bin", "Size": 0}, *reversed(steps)]


@dataclass
class PlayedContainer:
    """A container and its labels."""

    engine: PlayedEngine
    id: str
    image: str
    labels: dict[str, str]
    status: str = "running"
    size: int = 7

    @property
    def name(self) -> str:
        return f"name-of-{self.id}"

    def remove(self, force: bool, v: bool) -> None:
        if self not in self.engine.made:
            raise NotFound("gone")
        self.engine.made.remove(self)


class PlayedEngine:
    """What samcheck calls of the SDK's client; also its own `images`, `containers` and `api`."""

    def __init__(self) -> None:
        self.images = self.containers = self.api = self
        self.api_version = "1.41"
        self.timeout = 60.0
        self.present: list[PlayedImage] = []
        self.made: list[PlayedContainer] = []
        self.cache: list[dict[str, Any]] = []
        self.prunes: list[dict[str, str]] = []

    def image(self, id: str, tags: str, layers: dict[str, int], **more: Any) -> PlayedImage:
        self.present.append(PlayedImage(self, id, tags.split(), layers, **more))
        return self.present[-1]

    def container(self, id: str, image: str, **labels: str) -> PlayedContainer:
        named = {f"samcheck.{name}": value for name, value in labels.items()}
        self.made.append(PlayedContainer(self, id, image, named))
        return self.made[-1]

    def record(self, id: str, size: int, description: str = STEP, layer: str = "", **more: Any) -> None:
        """A record of the build cache; `layer` is the image layer whose bytes it has, if any."""
        row = {"ID": id, "Size": size, "Description": description, "Type": "regular", "InUse": False}
        self.cache.append({**row, "CreatedAt": LONG_AGO, "layer": layer, **more})

    def _shared(self, record: dict[str, Any]) -> bool:
        return any(record["layer"] in image.layers for image in self.present)

    # What follows has the names and answers of the SDK.

    def df(self) -> dict[str, Any]:
        containers = [
            {
                "Id": each.id,
                "ImageID": each.image,
                "Names": [f"/{each.name}"],
                "Labels": each.labels,
                "SizeRw": each.size,
                "Created": 0,
            }
            for each in self.made
        ]
        cache = [{**record, "Shared": self._shared(record)} for record in self.cache]
        return {"Containers": containers, "BuildCache": cache or None}

    def list(self, **options: Any) -> list[Any]:
        if not options:
            return list(self.present)
        key, _, value = options["filters"]["label"].partition("=")
        return [each for each in self.made if each.labels.get(key) == value]

    def remove(self, reference: str) -> None:
        for image in list(self.present):
            if reference not in (image.id, *image.tags):
                continue
            if len(image.tags) <= 1 and any(each.image == image.id for each in self.made):
                raise refusal("image is being used by a container")
            image.tags = [tag for tag in image.tags if tag != reference]
            if not image.tags:
                self.present.remove(image)
            return
        raise ImageNotFound(reference)

    def prune_builds(self, filters: dict[str, str]) -> dict[str, Any]:
        assert self.timeout > 600, "removing gigabytes takes minutes"
        self.prunes.append(json.loads(json.dumps(filters)))
        gone = [
            record
            for record in self.cache
            if re.search(filters["id"], record["ID"])
            and not record["InUse"]
            and not self._shared(record)
            and not any(other.get("Parent") == record["ID"] for other in self.cache)
        ]
        self.cache = [record for record in self.cache if record not in gone]
        return {"CachesDeleted": [record["ID"] for record in gone] or None, "SpaceReclaimed": 0}
