"""Implementations of SAM, cut into the stages that all of them have, so that any stage can be exchanged.

Between two stages go tensors of the same shapes and order in every implementation: pixels (1, 3, S, S);
feature maps, the coarsest first; embeddings of the prompt, (1, N, C) in the order points, corners of the
box, padding, and (1, C, s, s); logits (M, s, s) and scores (M,). Each stage runs the implementation's own
code for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, List, Mapping, Tuple

import numpy as np
import torch

from ..models.inference import Prompt
from ..outcomes import Word

Size = Tuple[int, int]
Embedding = Tuple[torch.Tensor, torch.Tensor]


class PipelineStage(Word):
    """A part of the way from an image to its masks."""

    PREPROCESS = "preprocess"
    ENCODER = "encoder"
    PROMPT = "prompt"
    DECODER = "decoder"
    RESIZE = "resize"


class Staged:
    """One implementation with its weights.

    Attributes:
        model: in eval mode, in the type that it shall compute in.
        predictor: for the same model, with `SamPredictor`'s arguments.
    """

    def __init__(self, model: Any, predictor: Any) -> None:
        self.model = model
        self.predictor = predictor

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = next(iter(self.model.parameters())).dtype
        return dtype

    def preprocess(self, image: np.ndarray) -> torch.Tensor:
        """Bring an RGB image, uint8 (H, W, 3), to the model's input."""
        raise NotImplementedError

    def encode(self, pixels: torch.Tensor) -> List[torch.Tensor]:
        raise NotImplementedError

    def embed(self, prompt: Prompt, size: Size) -> Embedding:
        """Embed a prompt in pixels of an image of `size`, (H, W)."""
        raise NotImplementedError

    def decode(
        self, features: List[torch.Tensor], embedding: Embedding, multimask: bool
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        raise NotImplementedError

    def resize(self, low: torch.Tensor, size: Size) -> torch.Tensor:
        """Bring logits (M, s, s) to the size of the image."""
        raise NotImplementedError


@dataclass(frozen=True)
class StagedAnswer:
    """Logits (M, s, s), scores (M,), and logits at the size of the image."""

    low: np.ndarray
    scores: np.ndarray
    full: np.ndarray


Chain = Mapping[PipelineStage, Staged]


def chain(every: Staged, **others: Staged) -> Chain:
    """Return a chain of one implementation's stages, except for those of `others`, by the stage's name."""
    return {stage: others.get(str(stage), every) for stage in PipelineStage}


def run(stages: Chain, image: np.ndarray, prompt: Prompt, encode: Callable[..., Any]) -> StagedAnswer:
    """Go from an image to masks, each stage by its own implementation.

    `encode` takes the encoder's implementation and that of the pixels; see `Encodings`.
    """
    size = (image.shape[0], image.shape[1])
    with torch.no_grad():
        features = encode(stages[PipelineStage.ENCODER], stages[PipelineStage.PREPROCESS])
        embedding = stages[PipelineStage.PROMPT].embed(prompt, size)
        low, scores = stages[PipelineStage.DECODER].decode(list(features), embedding, prompt.multimask)
        full = stages[PipelineStage.RESIZE].resize(low, size)
    return StagedAnswer(*(each.double().cpu().numpy() for each in (low, scores, full)))


class Encodings:
    """Features of one image by every pair of encoder and preprocessing, computed once each."""

    def __init__(self, image: np.ndarray) -> None:
        self._image = image
        self._made: List[Tuple[Staged, Staged, List[torch.Tensor]]] = []

    def __call__(self, encoder: Staged, pixels: Staged) -> List[torch.Tensor]:
        for first, second, features in self._made:
            if first is encoder and second is pixels:
                return features
        features = encoder.encode(pixels.preprocess(self._image))
        self._made.append((encoder, pixels, features))
        return features
