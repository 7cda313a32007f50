"""An oracle from a model's own code in float64, where its predictor cannot compute in it.

It is cut into stages, as for the cross check of implementations (`samcheck.guest.agreement`), which computes
in float64 what the model's code rounds to float32, positions above all. As `OwnCode`, it repeats any error in
the model's own code.
"""

from __future__ import annotations

import copy
from typing import Any, Callable

import numpy as np
import torch

from ..models.inference import Prediction, Prompt

#: Where `SAM2ImagePredictor`, and SAM 3's after it, cut the logits that they return at low resolution.
LARGEST_LOGIT = 32


class StagedCode:
    """The stages of Meta's SAM 3 in float64, with the interface of `oracle.sam.Oracle`."""

    def __init__(self, model: Any, predictor: Callable[[Any], Any]) -> None:
        from ..agreement.staged_sam3 import Sam3

        double = copy.deepcopy(model).double()
        self._staged = Sam3(double, predictor(double).inner)

    def encode(self, image: np.ndarray) -> Any:
        """Return an image, RGB, uint8 (H, W, 3), with its features."""
        with torch.no_grad():
            return image, self._staged.encode(self._staged.preprocess(image))

    def predict(self, encoded: Any, prompt: Prompt) -> Prediction:
        """Predict masks for one prompt."""
        from ..agreement.stages import chain, run

        image, features = encoded
        answer = run(chain(self._staged), image, prompt, lambda encoder, pixels: features)
        low = np.clip(answer.low, -LARGEST_LOGIT, LARGEST_LOGIT)
        return Prediction(answer.full, low, answer.scores)
