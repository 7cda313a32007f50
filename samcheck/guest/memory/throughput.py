"""Images that the encoder takes per second, over the number of images at once, up to the most that fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Dict, List

import torch

from ..benchmark.synchronised import Synchronised
from ..models import weights
from ..models.variant import Variant
from .failures import attempt
from .process_memory import recover

#: On a CPU memory is not what ends it; on a GPU, images are doubled until they do not fit, or to the second.
ON_CPU, MOST_ON_GPU = (1, 2, 4), 1024
ROUNDS = 3


@dataclass(frozen=True)
class Throughput:
    """The encoder's throughput.

    Attributes:
        images_per_s: by the number of images at once, as text; of the fastest of `ROUNDS` rounds.
        error: of the first number that did not fit; empty if all did.
    """

    images_per_s: Dict[str, float] = field(default_factory=dict)
    error: str = ""


def over_batches(variant: Variant, device: str) -> Throughput:
    """Measure every number of images in turn, round by round, so that a busy moment disturbs all alike."""
    encoder: Any = weights.load(variant)[0].to(device).image_encoder
    side = encoder.img_size

    def encode(images: int) -> float:
        pixels = torch.rand(images, 3, side, side, device=device)
        step = Synchronised(lambda: encoder(pixels), device)
        step()
        begin = perf_counter()
        step()
        return perf_counter() - begin

    fitting, error = _fitting(encode, device)
    seconds: Dict[int, List[float]] = {images: [] for images in fitting}
    for _ in range(ROUNDS):
        for images, taken in seconds.items():
            taken.append(encode(images))
            recover(device)
    return Throughput({str(images): images / min(taken) for images, taken in seconds.items()}, error)


def _fitting(encode: Any, device: str) -> Any:
    """Return the numbers of images that fit, and the error of the first that does not."""
    if device == "cpu":
        return ON_CPU, ""
    fitting: List[int] = []
    images = 1
    while images <= MOST_ON_GPU:
        failure = attempt(lambda: encode(images))[1]  # noqa: B023  called at once
        recover(device)
        if failure is not None:
            return fitting, failure.error
        fitting.append(images)
        images *= 2
    return fitting, ""
