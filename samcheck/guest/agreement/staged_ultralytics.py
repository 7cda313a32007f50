"""The stages of ultralytics' implementations; the predictor is `UltralyticsPredictor`."""

from __future__ import annotations

from typing import Any, List, Tuple

import numpy as np
import torch

from ..models.inference import Prompt
from .stages import Embedding, Size, Staged


class UltralyticsSam(Staged):
    """`SAMModel`."""

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        pixels: torch.Tensor = self.predictor.pixels(image)
        return pixels

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        return [self.predictor.inner.get_im_features(pixels)]

    def embed(self, prompt: Prompt, size: Size) -> Embedding:
        self.predictor.original_size = size
        given = self.predictor.prompts(prompt.points, prompt.labels, prompt.box, prompt.mask)
        return self.embedded(*given)

    def embedded(self, box: Any, points: Any, labels: Any, mask: Any) -> Embedding:
        pairs = None if points is None else (points, labels)
        sparse, dense = self.model.prompt_encoder(points=pairs, boxes=box, masks=mask)
        return sparse, dense

    def decode(
        self, features: List[torch.Tensor], embedding: Embedding, multimask: bool
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        low, scores = self.model.mask_decoder(
            image_embeddings=features[0],
            image_pe=self.model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=embedding[0],
            dense_prompt_embeddings=embedding[1],
            multimask_output=multimask,
        )
        return low[0], scores[0]

    def resize(self, low: torch.Tensor, size: Size) -> torch.Tensor:
        self.predictor.original_size = size
        full: torch.Tensor = self.predictor.resized(low)
        return full


class UltralyticsSam2(UltralyticsSam):
    """`SAM2Model`."""

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        found = self.predictor.inner.get_im_features(pixels)
        return [found["image_embed"], *found["high_res_feats"][::-1]]

    def embed(self, prompt: Prompt, size: Size) -> Embedding:
        sparse, dense = super().embed(prompt, size)
        if prompt.box is None:
            return sparse, dense
        count = 0 if prompt.points is None else len(prompt.points)  # after the corners
        order = [*range(2, 2 + count), 0, 1, *range(2 + count, sparse.shape[1])]
        return sparse[:, order], dense

    def embedded(self, *given: Any) -> Embedding:
        points, labels, mask = given
        pairs = None if points is None else (points, labels)
        sparse, dense = self.model.sam_prompt_encoder(points=pairs, boxes=None, masks=mask)
        return sparse, dense

    def decode(
        self, features: List[torch.Tensor], embedding: Embedding, multimask: bool
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        low, scores, _, _ = self.model.sam_mask_decoder(
            image_embeddings=features[0],
            image_pe=self.model.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=embedding[0],
            dense_prompt_embeddings=embedding[1],
            multimask_output=multimask,
            repeat_image=False,
            high_res_features=features[:0:-1],
        )
        return low[0], scores[0]
