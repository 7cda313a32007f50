"""What importing and using ultralytics does to a process of its own: run as a program, which prints JSON.

    python -m samcheck.guest.ultralytics_import

Nothing is set for it here: the environment is the caller's.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any, Dict


def observe() -> Dict[str, Any]:
    """Import ultralytics first, as its users do, and segment an image with a small model."""
    import_module("ultralytics")
    import torch
    from PIL import Image

    # Nobody keeps the functions that were there before: a function's module says whose it is.
    replaced = [
        name
        for name, module in (("torch.save", torch.save.__module__), ("PIL.Image.open", Image.open.__module__))
        if module.startswith("ultralytics")
    ]
    return {
        "threads": torch.get_num_threads(),
        "cores": len(os.sched_getaffinity(0)),
        "replaced": replaced,
        "masks": _masks(),
    }


def _masks() -> int:
    """Return how many masks the public call gives with its defaults, except that it shall drop none."""
    import numpy as np

    from .models.families import ultralytics_sam
    from .models.ultralytics_predictors import UltralyticsPredictor

    ready = UltralyticsPredictor(ultralytics_sam.build_sam_tiny(), 256)
    ready.inner.args.conf = -1e9
    image = np.zeros((240, 320, 3), np.uint8)
    (result,) = ready.inner(image, points=[[[10, 20]]], labels=[[1]], multimask_output=True)
    return len(result.masks.data)


if __name__ == "__main__":
    json.dump(observe(), sys.stdout)
