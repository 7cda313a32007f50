"""A cache of embeddings that threads can share."""

from __future__ import annotations

import hashlib
import threading
from typing import Any, Callable, Dict

import numpy as np


class Predictors:
    """A predictor for each image, ready to predict; they share their model.

    A `SamPredictor` holds the features of one image, 4 MiB at SAM's own sizes, and the matching image sizes:
    keeping the whole predictor keeps them together. An image whose encoding fails is not kept.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._ready: Dict[str, Any] = {}
        self._lock = threading.Lock()
        self.encoded = 0

    def of(self, image: np.ndarray) -> Any:
        """Return a predictor with `image`, uint8 (H, W, 3), set."""
        key = "{}:{}".format(image.shape, hashlib.sha256(np.ascontiguousarray(image)).hexdigest())
        with self._lock:  # encode one image at a time: the encoder uses every core itself
            if key not in self._ready:
                ready = self._make()
                ready.set_image(image)
                self._ready[key] = ready
                self.encoded += 1
            return self._ready[key]
