"""The stages of the original implementations."""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np
import torch

from ..models.inference import Prompt
from .stages import Embedding, Size, Staged


class _Original(Staged):
    """What segment_anything, segment_anything_hq and sam2 have in common."""

    def __init__(self, model: Any, predictor: Any) -> None:
        """Take a model; in float64, its prompt encoder must not be given coordinates in float32."""
        super().__init__(model, predictor)
        layer = self.prompt_encoder.pe_layer
        encode, dtype = layer._pe_encoding, self.dtype
        layer._pe_encoding = lambda coordinates: encode(coordinates.to(dtype))

    @property
    def prompt_encoder(self) -> Any:
        return self.model.prompt_encoder

    def rescaled(self, coordinates: np.ndarray, size: Size) -> torch.Tensor:
        raise NotImplementedError

    def embed(self, prompt: Prompt, size: Size) -> Embedding:
        points = box = mask = None
        if prompt.points is not None and prompt.labels is not None:
            places = self.rescaled(prompt.points, size)
            points = (places[None], torch.as_tensor(prompt.labels, dtype=torch.int)[None])
        if prompt.box is not None:
            box = self.rescaled(prompt.box.reshape(2, 2), size).reshape(1, 4)
        if prompt.mask is not None:
            mask = torch.as_tensor(prompt.mask, dtype=self.dtype)[None]
        return self.embedded(points, box, mask)

    def embedded(self, points: Any, box: Any, mask: Any) -> Embedding:
        sparse, dense = self.prompt_encoder(points=points, boxes=box, masks=mask)
        return sparse, dense


#: ImageNet's mean and standard deviation, from 0 to 255, as `Sam` has them.
_CONSTANTS = (("pixel_mean", (123.675, 116.28, 103.53)), ("pixel_std", (58.395, 57.12, 57.375)))


class SegmentAnything(_Original):
    """segment_anything's `Sam`."""

    def __init__(self, model: Any, predictor: Any) -> None:
        """Take a model; where it was converted to float64, its constants were rounded to float32 before."""
        super().__init__(model, predictor)
        for name, values in _CONSTANTS:
            getattr(model, name).copy_(torch.tensor(values, dtype=self.dtype)[:, None, None])

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        pixels = self.predictor.transform.apply_image(image).transpose(2, 0, 1).copy()
        prepared: torch.Tensor = self.model.preprocess(torch.as_tensor(pixels)[None])
        return prepared

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        return [self.model.image_encoder(pixels)]

    def rescaled(self, coordinates: np.ndarray, size: Size) -> torch.Tensor:
        scaled = self.predictor.transform.apply_coords(coordinates, size)
        return torch.as_tensor(scaled, dtype=torch.float)

    def decode(
        self, features: List[torch.Tensor], embedding: Embedding, multimask: bool
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        low, scores = self.model.mask_decoder(
            image_embeddings=features[0],
            image_pe=self.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=embedding[0],
            dense_prompt_embeddings=embedding[1],
            multimask_output=multimask,
            **self.further(features),
        )
        return low[0], scores[0]

    def further(self, features: List[torch.Tensor]) -> Any:
        """Return further arguments of the decoder."""
        return {}

    def resize(self, low: torch.Tensor, size: Size) -> torch.Tensor:
        inside = self.predictor.transform.get_preprocess_shape(*size, self.model.image_encoder.img_size)
        full: torch.Tensor = self.model.postprocess_masks(low[None], inside, size)[0]
        return full


class HighQuality(SegmentAnything):
    """segment_anything_hq's `Sam`, whose decoder also takes features of early layers, (1, h, w, C)."""

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        features, early = self.model.image_encoder(pixels)
        return [features, *early]

    def further(self, features: List[torch.Tensor]) -> Any:
        return {"hq_token_only": False, "interm_embeddings": features[1:]}


class Sam2(_Original):
    """sam2's `SAM2Base` for images; the steps of `SAM2ImagePredictor` (sam2 1.1.0)."""

    @property
    def prompt_encoder(self) -> Any:
        return self.model.sam_prompt_encoder

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        pixels: torch.Tensor = self.predictor._transforms(image)
        return pixels[None].to(self.dtype)

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        _, maps, _, sizes = self.model._prepare_backbone_features(self.model.forward_image(pixels))
        maps[-1] = maps[-1] + self.model.no_mem_embed
        features = [each.permute(1, 2, 0).view(1, -1, *size) for each, size in zip(maps, sizes)]
        return features[::-1]

    def rescaled(self, coordinates: np.ndarray, size: Size) -> torch.Tensor:
        given = torch.as_tensor(coordinates, dtype=torch.float)
        scaled: torch.Tensor = self.predictor._transforms.transform_coords(given, True, size)
        return scaled

    def embedded(self, points: Any, box: Any, mask: Any) -> Embedding:
        if box is None:
            return super().embedded(points, None, mask)
        corners, labels = box.reshape(1, 2, 2), torch.tensor([[2, 3]], dtype=torch.int)
        count = 0
        if points is not None:  # after the corners
            count = points[0].shape[1]
            corners, labels = torch.cat((corners, points[0]), 1), torch.cat((labels, points[1]), 1)
        sparse, dense = super().embedded((corners, labels), None, mask)
        order = [*range(2, 2 + count), 0, 1, *range(2 + count, sparse.shape[1])]
        return sparse[:, order], dense

    def decode(
        self, features: List[torch.Tensor], embedding: Embedding, multimask: bool
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        low, scores, _, _ = self.model.sam_mask_decoder(
            image_embeddings=features[0],
            image_pe=self.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=embedding[0],
            dense_prompt_embeddings=embedding[1],
            multimask_output=multimask,
            repeat_image=False,
            high_res_features=features[:0:-1],
        )
        return low[0], scores[0]

    def resize(self, low: torch.Tensor, size: Size) -> torch.Tensor:
        full: torch.Tensor = self.predictor._transforms.postprocess_masks(low[None], size)[0]
        return full
