"""The stages of transformers' implementations."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np
import torch

from ..models.inference import Prompt
from .stages import Embedding, Size, Staged


class HuggingFaceSam(Staged):
    """`SamModel`; the predictor is `SamModelPredictor`."""

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        pixels: torch.Tensor = self.predictor.processor(images=image, return_tensors="pt")["pixel_values"]
        return pixels.to(self.dtype)

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        return [self.model.get_image_embeddings(pixels)]

    def embed(self, prompt: Prompt, size: Size) -> Embedding:
        self.predictor.original_size = size
        given = self.predictor.prompts(prompt.points, prompt.labels, prompt.box, prompt.mask)
        names = ("input_points", "input_labels", "input_boxes", "input_masks")
        sparse, dense = self.model.get_prompt_embeddings(**{name: given.get(name) for name in names})
        return sparse[:, 0], dense

    def decode(
        self, features: List[torch.Tensor], embedding: Embedding, multimask: bool
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        low, scores = self.model.mask_decoder(
            image_embeddings=features[0],
            image_positional_embeddings=self.model.get_image_wide_positional_embeddings(),
            sparse_prompt_embeddings=embedding[0][:, None],
            dense_prompt_embeddings=embedding[1],
            multimask_output=multimask,
            **self.further(features),
        )[:2]
        return low[0, 0], scores[0, 0]

    def further(self, features: List[torch.Tensor]) -> Dict[str, Any]:
        """Return further arguments of the decoder."""
        return {}

    def resize(self, low: torch.Tensor, size: Size) -> torch.Tensor:
        self.predictor.original_size = size
        full: torch.Tensor = self.predictor.resized(low)
        return full


class HuggingFaceHq(HuggingFaceSam):
    """`SamHQModel`.

    Attributes:
        best_only: of several masks, take the one with the highest score, all that the original returns.
    """

    best_only = True

    def decode(
        self, features: List[torch.Tensor], embedding: Embedding, multimask: bool
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        low, scores = super().decode(features, embedding, multimask)
        if not self.best_only:
            return low, scores
        best = int(scores.argmax())
        return low[best : best + 1], scores[best : best + 1]

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        features, early = self.model.get_image_embeddings(pixels)
        return [features, *early]

    def further(self, features: List[torch.Tensor]) -> Dict[str, Any]:
        return {"intermediate_embeddings": features[1:], "hq_token_only": False}


class HuggingFaceSam2(HuggingFaceSam):
    """`Sam2Model`; the predictor is `Sam2ModelPredictor`."""

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        return list(self.model.get_image_embeddings(pixels))[::-1]

    def further(self, features: List[torch.Tensor]) -> Dict[str, Any]:
        return {"high_resolution_features": features[:0:-1]}
