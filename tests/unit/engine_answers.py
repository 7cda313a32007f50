"""The Docker SDK on an engine's answers: what is there is data, and what is asked for is only noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock, patch

import docker
import requests
from docker.errors import APIError

#: A step of samcheck's Dockerfile, as BuildKit calls it.
STEP = (
    "/bin/sh -c set -eu; if [ -s /run/ca.crt ]; then export SSL_CERT_FILE=/run/ca.crt; fi;     "
    "/run/uv pip install --quiet --python /opt/venv/bin/python ${TORCH}"
)
LONG_AGO = "2026-01-01T00:00:00Z"


@dataclass(frozen=True)
class ImageAnswers:
    """What an engine answers of one image."""

    inspect: dict[str, Any]
    history: list[dict[str, Any]]


def image(
    id: str,
    tags: str,
    layers: Mapping[str, int],
    labels: Mapping[str, str] | None = None,
    tagged: str = LONG_AGO,
    step: str = STEP,
) -> ImageAnswers:
    """An image of these layers, lowest first, with their sizes."""
    inspect = {
        "Id": id,
        "RepoTags": tags.split(),
        "Created": LONG_AGO,
        "Metadata": {"LastTagTime": tagged},
        "Config": {"Labels": dict(labels or {})},
        "RootFS": {"Type": "layers", "Layers": list(layers)},
    }
    steps = [{"CreatedBy": step, "Size": size} for size in layers.values()]
    return ImageAnswers(inspect, [{"CreatedBy": "ENV PATH=/opt/venv/bin", "Size": 0}, *reversed(steps)])


def container(id: str, image: str, status: str = "running", **labels: str) -> dict[str, Any]:
    """A container of 7 bytes, with samcheck's labels of these names."""
    return {
        "Id": id,
        "Name": f"/name-of-{id}",
        "Image": image,
        "State": {"Status": status},
        "Config": {"Labels": {f"samcheck.{name}": value for name, value in labels.items()}},
        "SizeRw": 7,
    }


def record(id: str, size: int, description: str = STEP, **more: Any) -> dict[str, Any]:
    """A record of the build cache; `Shared`: an image holds its bytes."""
    row = {"ID": id, "Size": size, "Description": description, "Type": "regular", "CreatedAt": LONG_AGO}
    return {**row, "InUse": False, "Shared": False, **more}


def client(
    images: Sequence[ImageAnswers] = (),
    containers: Sequence[dict[str, Any]] = (),
    cache: Sequence[dict[str, Any]] = (),
) -> Any:
    """A client of an engine that holds these."""
    api = Mock(spec=docker.APIClient, api_version="1.41", timeout=60.0)
    inspected = {answers.inspect["Id"]: answers for answers in images}
    api.images.return_value = [{"Id": id} for id in inspected]
    api.inspect_image.side_effect = {id: answers.inspect for id, answers in inspected.items()}.__getitem__
    api.history.side_effect = {id: answers.history for id, answers in inspected.items()}.__getitem__
    # It is only ever asked for the containers that samcheck made.
    made = {row["Id"]: row for row in containers if ("samcheck.kind", "container") in labels_of(row).items()}
    api.containers.return_value = [{"Id": id} for id in made]
    api.inspect_container.side_effect = made.__getitem__
    api.df.return_value = usage(containers, cache)
    api.prune_builds.return_value = {"CachesDeleted": None}
    with patch("docker.client.APIClient", return_value=api):
        return docker.DockerClient()


def labels_of(container: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = container["Config"]["Labels"]
    return labels


def usage(containers: Sequence[dict[str, Any]], cache: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What an engine answers when it is asked what takes how much."""
    rows = [
        {
            "Id": row["Id"],
            "ImageID": row["Image"],
            "Names": [row["Name"]],
            "Labels": labels_of(row),
            "SizeRw": row["SizeRw"],
            "Created": 0,
        }
        for row in containers
    ]
    return {"Containers": rows, "BuildCache": list(cache) or None}


def refusal(explanation: str) -> APIError:
    """What the SDK raises when an engine refuses."""
    response = requests.Response()
    response.status_code = 409
    return APIError("conflict", response, explanation)
