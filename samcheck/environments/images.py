"""Cell → build arguments, labels and a tag derived from everything that goes into the image (pure)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from samcheck.cells import Cell
from samcheck.facts.requirements import Requirements

DOCKERFILE = "cell.Dockerfile"
REPOSITORY = "samcheck"


@dataclass(frozen=True)
class Image:
    """An image to build.

    Attributes:
        tag: cell id and content hash, so that an unchanged cell is not rebuilt.
        arguments: the Dockerfile's ``ARG`` values.
        labels: labels by which `samcheck clean` finds it.
    """

    tag: str
    arguments: dict[str, str]
    labels: dict[str, str]


def image(cell: Cell, requirements: Requirements, base: str, base_id: str, recipe: str) -> Image:
    """Return the image of a cell on `base` (with content `base_id`) for the Dockerfile text `recipe`."""
    arguments = {
        "BASE": base,
        "PYTHON": cell.python,
        "TOOLS": " ".join(requirements.tools),
        "TORCH": " ".join((*requirements.torch, *requirements.numpy)),
        "TORCH_INDEX": requirements.torch_index,
        "EXPORT": " ".join((*requirements.export, *requirements.numpy)),
        "SAM": " ".join((*requirements.sam, *requirements.numpy)),
        "BARE": " ".join(requirements.bare),
        "BUILD_ENVIRONMENT": " ".join(requirements.build_environment),
    }
    content = json.dumps([recipe, base_id, arguments], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    labels = {"samcheck.kind": "image", "samcheck.cell": cell.id, "samcheck.content": digest}
    return Image(f"{REPOSITORY}:{cell.id}-{digest}", arguments, labels)
