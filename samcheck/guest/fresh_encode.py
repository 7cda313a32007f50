"""One image through the small variant in a fresh process, whose environment decides how CUDA loads its code.

    python -m samcheck.guest.fresh_encode --device cuda ANSWER.npz

Prints one line of JSON, a `FreshEncode`, and writes the answer to a prompt in plain float32.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from . import driver_compatibility
from .fingerprint import one_line


@dataclass(frozen=True)
class FreshEncode:
    """What happened.

    Attributes:
        error: ``TypeName: message`` if there is no answer; the times are then 0.
        first_ms, second_ms: time from the image to the masks, in host memory.
        loading: how CUDA loaded modules, read back; empty if it does not say.
    """

    error: str = ""
    first_ms: float = 0.0
    second_ms: float = 0.0
    loading: str = ""


def encode(device: str, path: str) -> FreshEncode:
    """Segment the suite's scene twice, and write the first answer."""
    import numpy as np
    import torch

    from .models import inference, precisions, scenes, variants, weights

    variant = variants.VARIANTS["tiny"]
    scene, times = scenes.draw(seed=7, height=240, width=320), []
    answers = []
    torch.set_grad_enabled(False)
    with precisions.tf32(False):
        try:
            model = weights.load(variant)[0].to(device)
            prompt = inference.prompt(scene, "point", model.image_encoder.img_size)
            for _ in range(2):
                begin = perf_counter()
                answers.append(_segment(inference, variant.predictor(model), scene, prompt))
                times.append((perf_counter() - begin) * 1e3)
        except Exception as error:  # CUDA's, for the check to judge
            return FreshEncode(error=one_line(error))
    first = answers[0]
    np.savez(path, logits=first.logits, low_resolution=first.low_resolution, scores=first.scores)
    loading = driver_compatibility.loading_mode() if device == "cuda" else ""
    return FreshEncode(first_ms=times[0], second_ms=times[1], loading=loading)


def _segment(inference: Any, predictor: Any, scene: Any, prompt: Any) -> Any:
    """Return masks, which are in host memory: nothing of it is still running on the GPU."""
    predictor.set_image(scene.image)
    return inference.predict(predictor, prompt)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.fresh_encode")
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("answer")
    options = parser.parse_args()
    print(json.dumps(asdict(encode(options.device, options.answer))))
