"""An oracle for models that are not built like SAM: their own code in float64 on the CPU.

It is weaker than `samcheck.guest.oracle.sam`: it repeats any error in the model's own code.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ..models.inference import Prediction, Prompt, predict


class OwnCode:
    """The model's own predictor on a float64 copy of it, with the interface of `oracle.sam.Oracle`."""

    def __init__(self, model: Any, predictor: Any) -> None:
        self._predictor = predictor
        self._model = in_float64(model)

    def encode(self, image: np.ndarray) -> Any:
        """Return a predictor with the image set, RGB, uint8 (H, W, 3)."""
        ready = self._predictor(self._model)
        ready.set_image(image)
        return ready

    def predict(self, encoded: Any, prompt: Prompt) -> Prediction:
        """Predict masks for one prompt.

        Raises:
            TypeError: the model computed in something narrower than float64.
        """
        prediction = predict(encoded, prompt)
        if prediction.low_resolution.dtype != np.float64:
            raise TypeError("the reference was computed in {}".format(prediction.low_resolution.dtype))
        return prediction


def in_float64(model: Any) -> Any:
    """Make a float64 CPU copy of `model`.

    SAM's prompt encoder makes float32 coordinates and multiplies them by a buffer that ``.double()``
    converted, and does not cast masks; the copy casts both first. The model under test also rounds its
    coordinates to float32, so both see the same input.
    """
    double = copy.deepcopy(model).double()
    prompts = getattr(double, "prompt_encoder", None)
    if prompts is not None and hasattr(
        prompts, "pe_layer"
    ):  # transformers' computes in what it was converted to
        encode = prompts.pe_layer._pe_encoding
        prompts.pe_layer._pe_encoding = lambda coordinates: encode(coordinates.double())
        masks = prompts.mask_downscaling
        masks.register_forward_pre_hook(lambda _, inputs: (inputs[0].double(),))
    return double
