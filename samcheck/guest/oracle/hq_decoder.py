"""HQ-SAM's mask decoder in NumPy and float64, written from its paper and the shapes of its weights.

https://arxiv.org/abs/2306.01567: one more token, whose mask is added to SAM's, from features that also see
an early block of the image encoder.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from ..models.inference import Prompt
from . import layers
from .sam import ENCODER_EPSILON, Encoded, Oracle
from .tiny_vit import TinyVitOracle


class HqOracle(Oracle):
    """HQ-SAM with given weights; its features are those of the encoder's end, then of its early block."""

    def features(self, small: np.ndarray) -> np.ndarray:
        """Run the image encoder, from resized pixels to (tokens, tokens, C + width of the encoder)."""
        return np.concatenate(self._encode(self._padded(small)), axis=-1)

    def parts(self, encoded: Encoded, prompt: Prompt) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return SAM's four masks, the fine one (1, 4 * tokens, 4 * tokens), and the scores of the four."""
        low, scores = self._decode(encoded.features, self._sparse(encoded, prompt), self._dense(prompt))
        return low[:-1], low[-1:], scores

    def _decode(
        self, features: np.ndarray, sparse: np.ndarray, dense: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Decode SAM's masks and behind them the high-quality one, and the scores of SAM's."""
        width = sparse.shape[-1]
        late, early = features[..., :width], features[..., width:]
        queries, upscaled = self._upscaled(late, sparse, dense, ("iou_token", "mask_tokens", "hf_token"))
        name = "mask_decoder."
        scores = self._perceptron(name + "iou_prediction_head", queries[0])
        masks = [
            upscaled
            @ self._perceptron(name + "output_hypernetworks_mlps.{}".format(index), queries[1 + index])
            for index in range(len(scores))
        ]
        fine = self._fine(upscaled)
        fine += self._quadrupled("embedding_encoder", late) + self._quadrupled("compress_vit_feat", early)
        masks.append(fine @ self._perceptron(name + "hf_mlp", queries[1 + len(scores)]))
        return np.array(masks), scores

    def _chosen(self, low: np.ndarray, scores: np.ndarray, multimask: bool) -> Tuple[np.ndarray, np.ndarray]:
        """Return one mask: SAM's for unambiguous prompts, or the best of its others, plus the fine one."""
        best = 1 + int(np.argmax(scores[1:])) if multimask else 0
        return low[best : best + 1] + low[-1:], scores[best : best + 1]

    def _fine(self, upscaled: np.ndarray) -> np.ndarray:
        name = "mask_decoder.embedding_maskfeature."
        x = layers.convolution_3x3(self._weights, name + "0", upscaled)
        x = layers.gelu(layers.layer_norm(self._weights, name + "1", x, ENCODER_EPSILON))
        return layers.convolution_3x3(self._weights, name + "3", x)

    def _quadrupled(self, part: str, x: np.ndarray) -> np.ndarray:
        name = "mask_decoder.{}.".format(part)
        x = layers.doubled(self._weights, name + "0", x)
        x = layers.gelu(layers.layer_norm(self._weights, name + "1", x, ENCODER_EPSILON))
        return layers.doubled(self._weights, name + "3", x)


class HqTinyVitOracle(HqOracle, TinyVitOracle):
    """HQ-SAM on a TinyViT."""
