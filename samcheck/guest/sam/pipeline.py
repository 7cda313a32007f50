"""Using SAM the way its guide says: an image, a prompt, masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional

import numpy as np

from .scenes import Scene


@dataclass(frozen=True)
class Prompt:
    """Arguments of `SamPredictor.predict`: points (N, 2) with labels (N,), box (4,), in pixels."""

    points: Optional[np.ndarray] = None
    labels: Optional[np.ndarray] = None
    box: Optional[np.ndarray] = None

    def arguments(self) -> Dict[str, Any]:
        return {"point_coords": self.points, "point_labels": self.labels, "box": self.box}


@dataclass(frozen=True)
class Prediction:
    """What SAM answered.

    Attributes:
        logits: (M, H, W) at the size of the image; a pixel belongs to a mask where it is > 0.
        low_resolution: (M, S/4, S/4), what the decoder gave before any resizing.
        scores: (M,), SAM's own estimate of the IoU of each mask.
    """

    logits: np.ndarray
    low_resolution: np.ndarray
    scores: np.ndarray

    @property
    def masks(self) -> np.ndarray:
        masks: np.ndarray = self.logits > 0
        return masks


#: The kinds of prompt that correctness is checked for.
PROMPT_KINDS = ("point", "box")


def prompt(scene: Scene, kind: str) -> Prompt:
    """The prompt of `kind` for the front shape of `scene`."""
    shape = scene.shapes[-1]
    if kind == "point":
        return Prompt(points=np.array([shape.point], dtype=float), labels=np.array([1]))
    if kind == "box":
        return Prompt(box=np.array(shape.box, dtype=float))
    raise ValueError("no prompt kind {!r}; known: {}".format(kind, ", ".join(PROMPT_KINDS)))


def predictor(model: Any) -> Any:
    """A fresh `SamPredictor`; it holds one image, so it must not be shared."""
    from segment_anything import SamPredictor

    return SamPredictor(model)


def predict(ready: Any, given: Prompt) -> Prediction:
    """Ask a predictor that has its image set; three masks per prompt."""
    logits, scores, low = ready.predict(multimask_output=True, return_logits=True, **given.arguments())
    return Prediction(logits, low, scores)


def segment(model: Any, scene: Scene, given: Prompt) -> Prediction:
    """From an image to masks with a fresh predictor."""
    ready = predictor(model)
    ready.set_image(scene.image)
    return predict(ready, given)
