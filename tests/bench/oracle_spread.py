"""How far correct runs are from the float64 oracle: the figures behind `oracle.TOLERANCES`.

    PYTHONPATH=. python tests/bench/oracle_spread.py tiny --scenes 20

Run it with the interpreter of an environment that has torch and segment-anything.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from samcheck.guest import oracle
from samcheck.guest.sam import pipeline, precisions, scenes, variants, weights


def _truth(double: Any, scene: scenes.Scene, given: pipeline.Prompt) -> pipeline.Prediction:
    ready = pipeline.predictor(double)
    ready.set_image(scene.image)
    return oracle.reference(ready, given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variant", choices=sorted(variants.VARIANTS))
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    model, _ = weights.load(variants.VARIANTS[options.variant])
    double = oracle.in_float64(model)
    pictures = [scenes.draw(seed, 240, 320) for seed in range(options.scenes)]
    prompts = [(s, pipeline.prompt(s, kind)) for s in pictures for kind in pipeline.PROMPT_KINDS]
    truths = [_truth(double, scene, given) for scene, given in prompts]
    for name, precision in precisions.PRECISIONS.items():
        missing = precisions.missing_kernel(precision, options.device)
        if missing:
            print(f"torch {torch.__version__} {options.variant} {name}: no kernel, {missing}")
            continue
        ready = precisions.apply(model, precision, options.device)
        worst = [0.0, 0.0, 1.0]
        for (scene, given), truth in zip(prompts, truths):
            found = pipeline.segment(ready, scene, given)
            seen = oracle.deviation(found, truth, oracle.TOLERANCES[name])
            worst = [
                max(worst[0], seen.logits),
                max(worst[1], seen.score),
                min(worst[2], seen.mask_iou),
            ]
        print(
            f"torch {torch.__version__} {options.variant} {name} on {options.device}, "
            f"{len(prompts)} predictions: logits {worst[0]:.2e}, score {worst[1]:.2e}, "
            f"mask IoU off the band {worst[2]:.6f}"
        )


if __name__ == "__main__":
    main()
