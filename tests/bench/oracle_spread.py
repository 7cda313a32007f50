"""How far correct runs are from the oracle: the figures behind `oracle.TOLERANCES`.

    python -m tests.bench.oracle_spread tiny --scenes 20

Run it with the interpreter of an environment that has torch and segment-anything.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch

from samcheck.guest import oracle
from samcheck.guest.models import inference, precision_support, precisions, scenes, variants, weights

SIZES = ((240, 320), (256, 256), (320, 240), (97, 61))


def main() -> None:
    variants.discover()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variant", choices=sorted(variants.VARIANTS))
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    variant = variants.VARIANTS[options.variant]
    model, carried = weights.load(variant)
    model.carried = carried
    truth = variant.oracle(model)
    pictures = [scenes.draw(seed, *SIZES[seed % len(SIZES)]) for seed in range(options.scenes)]
    encoded = [truth.encode(scene.image) for scene in pictures]
    for name, precision in precisions.PRECISIONS.items():
        missing = precision_support.unavailable(precision, options.device, model.image_encoder)
        if missing:
            print(f"torch {torch.__version__} {variant.name} {name}: {missing}")
            continue
        ready = variant.predictor(precisions.apply(model, precision, options.device))
        seen = spread(ready, truth, encoded, pictures, name)
        print(f"torch {torch.__version__} {variant.name} {name} on {options.device}: {seen}", flush=True)


def spread(ready: Any, truth: Any, encoded: Any, pictures: Any, name: str) -> str:
    """The largest deviations over all scenes and kinds of prompts."""
    seen = []
    for scene, known in zip(pictures, encoded):
        ready.set_image(scene.image)
        for kind in inference.PROMPT_KINDS:
            given = inference.prompt(scene, kind, ready.model.image_encoder.img_size)
            predicted, expected = inference.predict(ready, given), truth.predict(known, given)
            seen.append(oracle.deviation(predicted, expected, oracle.TOLERANCES[name]))
    return (
        f"{len(seen)} predictions: logits {max(deviation.logits for deviation in seen):.2e}, "
        f"full {max(deviation.full for deviation in seen):.2e}, "
        f"score {max(deviation.score for deviation in seen):.2e}, "
        f"mask IoU off the band {min(deviation.mask_iou for deviation in seen):.6f}, "
        f"band {max(deviation.band for deviation in seen):.3f}"
    )


if __name__ == "__main__":
    main()
