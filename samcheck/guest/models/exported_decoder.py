"""The contract of SAM's exported mask decoder: its inputs and outputs.

`segment_anything.utils.onnx.SamOnnxModel` differs from `SamPredictor`: it does not resize coordinates,
does not append the padding point that every prompt without a box needs, takes a box as two points with
the labels 2 and 3, returns all four masks, and accepts any image size without checking it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Optional

import numpy as np

from .inference import Prediction, Prompt, predict

INPUTS = (
    "image_embeddings",
    "point_coords",
    "point_labels",
    "mask_input",
    "has_mask_input",
    "orig_im_size",
)
OUTPUTS = ("masks", "iou_predictions", "low_res_masks")
#: Labels of the padding point, and of the corners of a box.
PADDING, BOX_LABELS = -1, (2, 3)


def feed(ready: Any, prompt: Prompt, padded: bool = True) -> Dict[str, np.ndarray]:
    """Build the exported decoder's inputs for `prompt` on `ready`, a predictor with an image.

    With `padded` False, the padding point is left out.
    """
    points, labels = _points(ready, prompt, padded)
    mask = prompt.mask
    if mask is None:
        mask = np.zeros((1, *ready.model.prompt_encoder.mask_input_size))
    values = (
        ready.get_image_embedding().cpu().numpy(),
        np.concatenate(points)[None],
        np.concatenate(labels)[None],
        mask[None],
        np.array([prompt.mask is not None]),
        np.array(ready.original_size),
    )
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in zip(INPUTS, values)}


def _points(ready: Any, prompt: Prompt, padded: bool) -> tuple[List[np.ndarray], List[np.ndarray]]:
    """Return coordinates (N, 2) and labels (N,) in parts: the points, the box, the padding."""
    points: List[np.ndarray] = []
    labels: List[np.ndarray] = []
    if prompt.points is not None and prompt.labels is not None:
        points.append(ready.transform.apply_coords(prompt.points, ready.original_size))
        labels.append(prompt.labels)
    if prompt.box is not None:
        points.append(ready.transform.apply_boxes(prompt.box[None], ready.original_size).reshape(2, 2))
        labels.append(np.array(BOX_LABELS))
    elif padded:
        points.append(np.zeros((1, 2)))
        labels.append(np.array([PADDING]))
    return points, labels


def without_meaning(ready: Any, boxes: np.ndarray) -> Dict[str, Dict[str, np.ndarray]]:
    """Build inputs that no prompt corresponds to, by name.

    Args:
        boxes: (2, 4), of two objects.
    """
    right = feed(ready, Prompt(box=boxes[0]))
    second = feed(ready, Prompt(box=boxes[1]))
    both = {name: np.concatenate((right[name], second[name]), axis=1) for name in INPUTS[1:3]}
    nothing = {"point_coords": np.zeros((1, 1, 2)), "point_labels": np.full((1, 1), PADDING)}
    wrong = {
        "two-boxes": both,
        "half-a-box": {name: value[:, :1] for name, value in right.items() if name in INPUTS[1:3]},
        "label-5": {"point_labels": np.full((1, 2), 5)},
        "padding-only": nothing,
    }
    return {
        case: {**right, **{name: value.astype(np.float32) for name, value in changed.items()}}
        for case, changed in wrong.items()
    }


def all_masks(ready: Any, prompt: Prompt) -> Prediction:
    """Return the predictor's own answer with all four masks, as the exported decoder returns them."""
    single, several = (predict(ready, replace(prompt, multimask=multimask)) for multimask in (False, True))
    return Prediction(
        np.concatenate((single.logits, several.logits)),
        np.concatenate((single.low_resolution, several.low_resolution)),
        np.concatenate((single.scores, several.scores)),
    )


#: Largest rounding error of logits, as a share of the largest one, at low resolution and at image size, and
#: of scores. Measured with PyTorch 1.13 to 2.15 and ONNX Runtime 1.19 to 1.32 on a CPU:
#: 1.2e-6, 1.9e-5 (for the noisy logits of an untrained vit_b; otherwise 1.3e-6) and 8.3e-7.
LOGITS, FULL, SCORES = 1e-5, 1e-4, 1e-5


def problems(actual: Prediction, expected: Prediction, full: bool = True) -> str:
    """Describe how an answer differs from the predictor's beyond rounding; empty if it does not.

    With `full` False, masks at image size are ignored.
    """
    largest = float(np.abs(expected.low_resolution).max())
    compared = [
        ("low-resolution logits", actual.low_resolution, expected.low_resolution, LOGITS * largest),
        ("scores", actual.scores, expected.scores, SCORES),
    ]
    if full:
        compared.append(("logits", actual.logits, expected.logits, FULL * largest))
    return "; ".join(filter(None, (_problem(*pair) for pair in compared)))


def _problem(name: str, actual: np.ndarray, expected: np.ndarray, limit: float) -> Optional[str]:
    if actual.shape != expected.shape:
        return "{} have the shape {}, not {}".format(name, actual.shape, expected.shape)
    off = float(np.abs(actual - expected).max())
    # `not (off <= limit)`, so that NaN is a problem
    return "{} are off by {:.2g}, {:.2g} allowed".format(name, off, limit) if not off <= limit else None
