"""Time to load a variant and segment the first image in a fresh process.

    python -m samcheck.guest.benchmark.cold_start --device cpu --variant tiny

Prints one line of JSON, in ms: ``import_ms`` (PyTorch and segment-anything), ``load_ms`` (until the model is
on the device), ``first_call_ms`` and ``second_call_ms`` (image to masks, both in host memory).
"""

from __future__ import annotations

import argparse
import json
from time import perf_counter
from typing import Any, Callable, Dict


def course(variant_name: str, device: str) -> Dict[str, float]:
    """Time importing, loading and two predictions."""
    measured: Dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        begin = perf_counter()
        result = step()
        measured[name] = (perf_counter() - begin) * 1e3
        return result

    torch = timed("import_ms", _import)
    from ..models import inference, scenes, variants, weights

    variants.discover()
    variant = variants.VARIANTS[variant_name]
    scene = scenes.draw(seed=7, height=240, width=320)
    prompt = inference.prompt(scene, "point")

    def synchronised(step: Callable[[], Any]) -> Any:
        result = step()
        if device == "cuda":
            torch.cuda.synchronize()
        return result

    def segment() -> Any:
        return inference.segment(variant.predictor(model), scene, prompt).masks

    torch.set_grad_enabled(False)
    model = timed("load_ms", lambda: synchronised(lambda: weights.load(variant)[0].to(device)))
    for name in ("first_call_ms", "second_call_ms"):
        masks = timed(name, lambda: synchronised(segment))
    measured["masks"] = len(masks)
    return measured


def _import() -> Any:
    import segment_anything  # noqa: F401
    import torch

    return torch


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m samcheck.guest.benchmark.cold_start")
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True)
    parser.add_argument("--variant", required=True)
    options = parser.parse_args()
    print(json.dumps(course(options.variant, options.device)))
