"""Use of SAM as its guide describes: an image, a prompt, masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional

import numpy as np

from .scenes import Scene


@dataclass(frozen=True)
class Prompt:
    """Arguments of `SamPredictor.predict`.

    Attributes:
        points: (N, 2), pixels (x, y); `labels` (N,) is 1 inside and 0 outside the object.
        box: (4,), pixels (x0, y0, x1, y1).
        mask: (1, S/4, S/4), logits of an earlier prediction.
        multimask: request three masks instead of the one for unambiguous prompts.
    """

    points: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None
    box: Optional[np.ndarray] = None
    mask: Optional[np.ndarray] = None
    multimask: bool = True

    def arguments(self) -> Dict[str, Any]:
        return {
            "point_coords": self.points,
            "point_labels": self.labels,
            "box": self.box,
            "mask_input": self.mask,
            "multimask_output": self.multimask,
        }


@dataclass(frozen=True)
class Prediction:
    """SAM's prediction.

    Attributes:
        logits: (M, H, W) at image size; a pixel belongs to a mask if its logit is > 0.
        low_resolution: (M, S/4, S/4), the decoder's output before any resizing.
        scores: (M,), SAM's own estimate of the IoU of each mask.
    """

    logits: np.ndarray
    low_resolution: np.ndarray
    scores: np.ndarray

    def only(self, index: int) -> Prediction:
        """Return one of its masks as a prediction of its own."""
        one = slice(index, index + 1)
        return Prediction(self.logits[one], self.low_resolution[one], self.scores[one])

    @property
    def masks(self) -> np.ndarray:
        masks: np.ndarray = self.logits > 0
        return masks


#: The kinds of prompt that correctness checks cover.
PROMPT_KINDS = (
    "point",
    "points",
    "negative-point",
    "box",
    "point+box",
    "mask",
    "single-from-point",
    "single-from-box",
)


def prompt(scene: Scene, kind: str, side: int = 0) -> Prompt:
    """Create a prompt of `kind` for the front shape of `scene`; masks need `side`, that of the input."""
    shape = scene.shapes[-1]
    box = np.array(shape.box, dtype=float)
    inside = np.array([shape.point], dtype=float)
    # A quarter of the way to the corner of the box: still inside every shape that is drawn.
    also_inside = inside + (box[:2] - inside) / 4
    outside = np.array([scene.shapes[0].point], dtype=float)
    one_point = {"points": inside, "labels": np.array([1])}
    if kind == "mask":
        return Prompt(mask=mask_input(shape.mask, side), **one_point)
    makers: Dict[str, Prompt] = {
        "point": Prompt(**one_point),
        "points": Prompt(np.concatenate((inside, also_inside)), np.array([1, 1])),
        "negative-point": Prompt(np.concatenate((inside, outside)), np.array([1, 0])),
        "box": Prompt(box=box),
        "point+box": Prompt(box=box, **one_point),
        "single-from-point": Prompt(multimask=False, **one_point),
        "single-from-box": Prompt(box=box, multimask=False),
    }
    return makers[kind]


def mask_input(mask: np.ndarray, side: int, logit: float = 6.0) -> np.ndarray:
    """Create logits (1, S/4, S/4) like those of an earlier prediction of exactly `mask`, bool (H, W)."""
    height, width = mask.shape
    centres = (np.arange(side // 4) + 0.5) * 4 * max(height, width) / side  # in pixels of the image
    rows, columns = (np.minimum(centres.astype(int), size - 1) for size in (height, width))
    inside = mask[np.ix_(rows, columns)] & (centres < height)[:, None] & (centres < width)
    return np.where(inside, logit, -logit).astype(np.float32)[None]


def resized_tensor(model: Any, image: np.ndarray) -> Any:
    """Create the tensor that `SamPredictor.set_image` preprocesses: (1, 3, h, w), on the model's device."""
    import torch
    from segment_anything.utils.transforms import ResizeLongestSide

    pixels = ResizeLongestSide(model.image_encoder.img_size).apply_image(image)
    return torch.as_tensor(pixels.transpose(2, 0, 1).copy(), device=model.device)[None]


def features_of(encoded: Any) -> Any:
    """Return the features among what an image encoder returns: HQ-SAM's also returns earlier ones."""
    return encoded[0] if isinstance(encoded, tuple) else encoded


def predict(ready: Any, prompt: Prompt) -> Prediction:
    """Predict with a predictor that has its image set."""
    logits, scores, low = ready.predict(return_logits=True, **prompt.arguments())
    return Prediction(logits, low, scores)


def segment(ready: Any, scene: Scene, prompt: Prompt) -> Prediction:
    """Predict from an image to masks."""
    ready.set_image(scene.image)
    return predict(ready, prompt)
