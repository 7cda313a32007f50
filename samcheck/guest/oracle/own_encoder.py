"""An oracle for models with SAM's prompt encoder and mask decoder behind an image encoder of their own.

The image encoder is the model's own code in float64 on the CPU: it repeats any error in it. Everything behind
it, and the sizes of images, are computed in NumPy by `samcheck.guest.oracle.sam`.
"""

from __future__ import annotations

import copy
from typing import Any, Tuple

import numpy as np

from .sam import Encoded, Oracle, resized_shape


class OwnEncoder(Oracle):
    """SAM's decoder with given weights, on features of another image encoder.

    Attributes:
        inside: side of the square that the image encoder takes, in pixels; coordinates are in `side`.
    """

    def __init__(self, model: Any, digest: str, decoder_epsilon: float) -> None:
        """Take a model in float32 on the CPU with `image_encoder`, `prompt_encoder` and `mask_decoder`."""
        weights = {
            name: tensor.numpy()
            for name, tensor in model.state_dict().items()
            if not name.startswith("image_encoder.")
        }
        self.decoder_epsilon = decoder_epsilon
        self._prompts = model.prompt_encoder
        self.inside = int(model.image_size[1])
        self._encoder = copy.deepcopy(model.image_encoder).double()
        super().__init__(weights, model.mask_decoder.transformer.num_heads, digest)

    def _sides(self, _: int) -> Tuple[int, int]:
        return int(self._prompts.image_embedding_size[0]), int(self._prompts.input_image_size[0])

    def pixels(self, image: np.ndarray) -> np.ndarray:
        from PIL import Image

        height, width = resized_shape(image.shape[:2], self.inside)
        return np.asarray(Image.fromarray(image).resize((width, height), Image.BILINEAR))

    def encode(self, image: np.ndarray) -> Encoded:
        encoded = super().encode(image)
        return Encoded(encoded.features, encoded.original, resized_shape(image.shape[:2], self.side))

    def features(self, small: np.ndarray) -> np.ndarray:
        import torch

        pixels = self._padded(small)[: self.inside, : self.inside]
        with torch.no_grad():
            (features,) = self._encoder(torch.as_tensor(pixels.transpose(2, 0, 1).copy())[None])
        if features.dtype is not torch.float64:
            raise TypeError("the reference was computed in {}".format(features.dtype))
        result: np.ndarray = features.permute(1, 2, 0).numpy()
        return result
