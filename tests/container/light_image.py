"""A light image by the real Dockerfile, and running Python in it the way a cell does."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from samcheck import facts
from samcheck.cells import Cell
from samcheck.environments import Ended, GuestJob, base_images, docker, images

CELL = Cell("0.0.0", "cpu", "3.11")


def light(base: base_images.Present, **changed: str) -> images.Image:
    """The image of a cell, by the real Dockerfile, without PyTorch."""
    arguments = {
        "BASE": base.image,
        "PYTHON": "3.11",
        "TOOLS": " ".join(facts.load().pin("tool", "3.11")),
        "TORCH": "six==1.16.0",
        "TORCH_INDEX": "",
        "EXPORT": "attrs==25.3.0",
        "SAM": "segment-anything==1.0",
        **changed,
    }
    labels = {"samcheck.kind": "image", "samcheck.cell": CELL.id}
    return images.Image(f"samcheck:light-test-{os.getpid()}", arguments, labels)  # sessions at once


@dataclass(frozen=True)
class Guest:
    """A place in the light image, and the folder with what the guest is given."""

    place: docker.DockerPlace
    given: Path

    def job(self, code: str, alive: Callable[[], bool] = lambda: True) -> GuestJob:
        return GuestJob(("-c", code), self.given, self.given, self.given.parent / "output", alive)

    def run(self, code: str) -> tuple[Ended, str]:
        """Run Python code; how it ended, and what it printed."""
        job = self.job(code)
        job.output.unlink(missing_ok=True)
        ended = self.place.run(job)
        return ended, job.output.read_text(errors="replace")
