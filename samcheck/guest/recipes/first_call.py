"""Times of the first request of a process, and of one after a warm-up.

    python -m samcheck.guest.recipes --device cpu --variant tiny

Prints both as JSON. A process pays the cost of the first request only once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any, Dict, List, Optional

import numpy as np
import torch

from ..launch import command
from ..models import inference, scenes, variants, weights
from .measuring import once

WARM_UPS = 3


def measured(variant: str, device: str) -> Dict[str, float]:
    """Measure the ms of a request after a warm-up, of the first one of a new process, and their ratio.

    Raises:
        RuntimeError: the process failed.
    """
    new = command(str(__package__), "--device", device, "--variant", variant)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    done = subprocess.run(new, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise RuntimeError("the new process exited with status {}: {}".format(done.returncode, last))
    times: Dict[str, float] = json.loads(done.stdout)
    return dict(times, time_ratio=times["time_ms"] / times["plain_ms"])


def warm_up(ready: Any, shape: Any) -> None:
    """Use a predictor as it will be used: the image's content does not matter, its size does."""
    for _ in range(WARM_UPS):
        ready.set_image(np.zeros(shape, np.uint8))
        ready.predict(point_coords=np.array([[10.0, 10.0]]), point_labels=np.array([1]))


def main(arguments: Optional[List[str]] = None) -> None:
    variants.discover()
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.recipes")
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--variant", choices=sorted(variants.VARIANTS), required=True)
    options = parser.parse_args(arguments)
    torch.set_grad_enabled(False)
    variant = variants.VARIANTS[options.variant]
    ready = variant.predictor(weights.load(variant)[0].to(options.device))
    scene = scenes.draw(seed=7, height=240, width=320)
    prompt = inference.prompt(scene, "point")

    def request() -> Any:
        return inference.segment(ready, scene, prompt)

    first = once(request, options.device)
    warm_up(ready, scene.image.shape)
    json.dump({"plain_ms": first * 1e3, "time_ms": once(request, options.device) * 1e3}, sys.stdout)
