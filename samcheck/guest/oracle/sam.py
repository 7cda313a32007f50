"""Segment Anything in NumPy and float64, written from the paper and the shapes of its weights.

It shares no code with the `segment_anything` package and no kernel with torch, so it cannot be wrong in the
same way as what it judges (https://arxiv.org/abs/2304.02643, section A). Images here are channels-last:
(H, W, C).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

import numpy as np

from .. import reference_progress
from ..models.inference import Prediction, Prompt
from . import layers, store
from .layers import Weights, layer_norm, linear

# ImageNet's mean and standard deviation of RGB, in units of 0 to 255.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
ENCODER_EPSILON, DECODER_EPSILON = 1e-6, 1e-5
DECODER_LAYERS = 2


@dataclass(frozen=True)
class Encoded:
    """An encoded image: `features` (h, w, C); sizes are (H, W) before and after resizing."""

    features: np.ndarray
    original: Tuple[int, int]
    resized: Tuple[int, int]


class Oracle:
    """SAM with given weights.

    Attributes:
        side: side of the square input in pixels.
        tokens: side of the feature map.
    """

    #: Of the norms in the decoder's transformer.
    decoder_epsilon = DECODER_EPSILON

    def __init__(self, weights: Weights, decoder_heads: int, digest: str = "", side: int = 0) -> None:
        """Take the weights; with their `digest`, encoded images are kept on disk.

        `side` is needed only where the weights do not tell it.
        """
        self._weights = weights
        self._digest = digest
        self._heads = decoder_heads
        self.tokens, self.side = self._sides(side)

    def _sides(self, _: int) -> Tuple[int, int]:
        tokens = self._weights["image_encoder.pos_embed"].shape[1]
        return tokens, tokens * self._weights["image_encoder.patch_embed.proj.weight"].shape[-1]

    @classmethod
    def of(cls, model: Any, digest: str = "") -> Oracle:
        """Create the oracle for a `Sam` in float32 on the CPU; its memory is shared, not copied."""
        weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        side = model.image_encoder.img_size
        return cls(weights, model.mask_decoder.transformer.num_heads, digest, side)

    def pixels(self, image: np.ndarray) -> np.ndarray:
        """Resize uint8 (H, W, 3) to uint8 with the longest side `side`, as SAM was trained with."""
        from PIL import Image

        height, width = resized_shape(image.shape[:2], self.side)
        picture = Image.fromarray(image).resize((width, height), Image.BILINEAR)
        return np.asarray(picture)

    def encode(self, image: np.ndarray) -> Encoded:
        """Encode an RGB image, uint8 (H, W, 3)."""
        small = self.pixels(image)
        if self._digest:
            features = store.features(self._digest, small, lambda: self.features(small))
        else:
            features = self.features(small)
        return Encoded(features, image.shape[:2], small.shape[:2])

    def features(self, small: np.ndarray) -> np.ndarray:
        """Run the image encoder, from resized pixels to (tokens, tokens, C)."""
        return self._encode(self._padded(small))[0]

    def _padded(self, small: np.ndarray) -> np.ndarray:
        """Normalise resized pixels and pad them to (side, side, 3)."""
        normal = (small - np.array(MEAN)) / np.array(DEVIATION)
        height, width, _ = normal.shape
        return np.pad(normal, ((0, self.side - height), (0, self.side - width), (0, 0)))

    def _encode(self, padded: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Run the image encoder; return its output and that of its first block with global attention."""
        x = layers.strided_convolution(self._weights, "image_encoder.patch_embed.proj", padded)
        x = x + layers.wide(self._weights, "image_encoder.pos_embed")[0]
        early, depth = None, 0
        while "image_encoder.blocks.{}.norm1.weight".format(depth) in self._weights:
            depth += 1
        for index in reference_progress.counted(range(depth)):
            name = "image_encoder.blocks.{}.".format(index)
            x = self._block(name, x)
            if early is None and self._window(name) >= self.tokens:
                early = x
        return self._neck(x), x if early is None else early

    def _neck(self, x: np.ndarray) -> np.ndarray:
        x = layers.strided_convolution(self._weights, "image_encoder.neck.0", x)
        x = layer_norm(self._weights, "image_encoder.neck.1", x, ENCODER_EPSILON)
        x = layers.convolution_3x3(self._weights, "image_encoder.neck.2", x)
        return layer_norm(self._weights, "image_encoder.neck.3", x, ENCODER_EPSILON)

    def _window(self, name: str) -> int:
        return (len(self._weights[name + "attn.rel_pos_h"]) + 1) // 2

    def _block(self, name: str, x: np.ndarray) -> np.ndarray:
        """Run a transformer block, whose relative positions give its window size."""
        window = self._window(name)
        normal = layer_norm(self._weights, name + "norm1", x, ENCODER_EPSILON)
        count = -(-self.tokens // window)
        spare = count * window - self.tokens
        padded = np.pad(normal, ((0, spare), (0, spare), (0, 0)))
        answer = np.empty_like(padded)
        for row in range(0, len(padded), window):
            for column in range(0, len(padded), window):
                at = slice(row, row + window), slice(column, column + window)
                answer[at] = self._window_attention(name + "attn.", padded[at])
        x = x + answer[: self.tokens, : self.tokens]
        hidden = linear(
            self._weights, name + "mlp.lin1", layer_norm(self._weights, name + "norm2", x, ENCODER_EPSILON)
        )
        return x + linear(self._weights, name + "mlp.lin2", layers.gelu(hidden))

    def _window_attention(self, name: str, x: np.ndarray) -> np.ndarray:
        """Run self-attention with decomposed relative positions inside one window (S, S, C)."""
        side, _, channels = x.shape
        along = [layers.wide(self._weights, name + "rel_pos_" + axis) for axis in "hw"]
        distance = np.arange(side)[:, None] - np.arange(side)[None, :] + side - 1
        rows, columns = (table[distance] for table in along)  # (S, S, channels of a head)
        width = rows.shape[-1]
        qkv = linear(self._weights, name + "qkv", x.reshape(side * side, channels))
        result = np.empty((side * side, channels))
        for head in range(channels // width):  # one at a time: for vit_h, the products of all do not fit
            part = slice(head * width, (head + 1) * width)
            query, key, value = (qkv[:, third * channels :][:, part] for third in range(3))
            score = (query @ key.T / math.sqrt(width)).reshape(side, side, side, side)
            grid = query.reshape(side, side, width)
            score += (grid @ rows.transpose(0, 2, 1))[:, :, :, None]
            score += np.einsum("hwc,wkc->hwk", grid, columns)[:, :, None, :]
            result[:, part] = layers.softmax(score.reshape(side * side, -1)) @ value
        return linear(self._weights, name + "proj", result).reshape(side, side, channels)

    def predict(self, encoded: Encoded, prompt: Prompt) -> Prediction:
        """Predict masks for one prompt, in the order of `SamPredictor.predict`."""
        sparse, dense = self._sparse(encoded, prompt), self._dense(prompt)
        low, scores = self._decode(encoded.features, sparse, dense)
        low, scores = self._chosen(low, scores, prompt.multimask)
        return Prediction(self._at_image_size(low, encoded), low, scores)

    def _at_image_size(self, low: np.ndarray, encoded: Encoded) -> np.ndarray:
        height, width = encoded.resized
        full = layers.resized(low, (self.side, self.side))[:, :height, :width]
        return layers.resized(full, encoded.original)

    def _chosen(self, low: np.ndarray, scores: np.ndarray, multimask: bool) -> Tuple[np.ndarray, np.ndarray]:
        """Return the masks and scores that the predictor does, of all that were decoded."""
        chosen = slice(1, None) if multimask else slice(0, 1)
        return low[chosen], scores[chosen]

    def _position(self, coordinates: np.ndarray) -> np.ndarray:
        """Compute random Fourier features of (N, 2) coordinates (x, y) in units of the input's side."""
        matrix = layers.wide(self._weights, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix")
        phase = 2 * math.pi * ((2 * coordinates - 1) @ matrix)
        return np.concatenate((np.sin(phase), np.cos(phase)), axis=-1)

    def _kind(self, index: int) -> np.ndarray:
        return layers.wide(self._weights, "prompt_encoder.point_embeddings.{}.weight".format(index))[0]

    def _scale(self, encoded: Encoded) -> np.ndarray:
        """Return by what to multiply coordinates (x, y) in the image to get those in the input."""
        scale: np.ndarray = np.array(encoded.resized[::-1]) / np.array(encoded.original[::-1])
        return scale

    def _sparse(self, encoded: Encoded, prompt: Prompt) -> np.ndarray:
        """Embed (N, C): points, then either the corners of the box or the padding point for no box."""
        scale = self._scale(encoded)
        tokens: List[np.ndarray] = []
        nothing = layers.wide(self._weights, "prompt_encoder.not_a_point_embed.weight")[0]
        if prompt.points is not None and prompt.labels is not None:
            places = self._position((prompt.points * scale + 0.5) / self.side)
            for place, label in zip(places, prompt.labels):
                tokens.append(nothing if label == -1 else place + self._kind(int(label)))
        if prompt.box is not None:
            corners = self._position((prompt.box.reshape(2, 2) * scale + 0.5) / self.side)
            tokens += [corners[0] + self._kind(2), corners[1] + self._kind(3)]
        elif tokens:
            tokens.append(nothing)
        return np.array(tokens)

    def _dense(self, prompt: Prompt) -> np.ndarray:
        """Embed (tokens, tokens, C) from the prompt's mask, or from the vector for no mask."""
        name = "prompt_encoder.mask_downscaling."
        if prompt.mask is None:
            return layers.wide(self._weights, "prompt_encoder.no_mask_embed.weight")[0]
        x = prompt.mask[0][..., None].astype(np.float64)
        for index in (0, 3):
            x = layers.strided_convolution(self._weights, name + str(index), x)
            x = layers.gelu(layer_norm(self._weights, name + str(index + 1), x, ENCODER_EPSILON))
        return layers.strided_convolution(self._weights, name + "6", x)

    def _decode(
        self, features: np.ndarray, sparse: np.ndarray, dense: np.ndarray
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Decode all masks (M, 4 * tokens, 4 * tokens) and their scores (M,), the unambiguous one first."""
        queries, upscaled = self._upscaled(features, sparse, dense, ("iou_token", "mask_tokens"))
        name = "mask_decoder.output_hypernetworks_mlps.{}"
        masks: List[np.ndarray] = []
        while name.format(len(masks)) + ".layers.0.weight" in self._weights:
            masks.append(upscaled @ self._perceptron(name.format(len(masks)), queries[1 + len(masks)]))
        return np.array(masks), self._perceptron("mask_decoder.iou_prediction_head", queries[0])

    def _upscaled(
        self, features: np.ndarray, sparse: np.ndarray, dense: np.ndarray, tokens: Tuple[str, ...]
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return the decoder's own `tokens` after the transformer, and the image four times as large."""
        name = "mask_decoder."
        own = [layers.wide(self._weights, name + token + ".weight") for token in tokens]
        queries = np.concatenate((*own, sparse))
        keys = (features + dense).reshape(-1, features.shape[-1])
        queries, keys = self._two_way(queries, keys)
        upscaled = layers.doubled(self._weights, name + "output_upscaling.0", keys.reshape(features.shape))
        normal = layer_norm(self._weights, name + "output_upscaling.1", upscaled, ENCODER_EPSILON)
        upscaled = layers.doubled(self._weights, name + "output_upscaling.3", layers.gelu(normal))
        return queries, layers.gelu(upscaled)

    def _perceptron(self, name: str, x: np.ndarray) -> np.ndarray:
        """Run linear layers with a ReLU between them."""
        index = 0
        while "{}.layers.{}.weight".format(name, index) in self._weights:
            x = linear(self._weights, "{}.layers.{}".format(name, index), layers.relu(x) if index else x)
            index += 1
        return x

    def _cross(
        self, name: str, query: np.ndarray, key: np.ndarray, value: Optional[np.ndarray] = None
    ) -> np.ndarray:
        """Run attention with projections; the values are the keys unless given."""
        value = key if value is None else value
        query, key, value = (
            linear(self._weights, name + projection, x)
            for projection, x in ((".q_proj", query), (".k_proj", key), (".v_proj", value))
        )
        mixed = layers.attention(query, key, value, self._heads)
        return linear(self._weights, name + ".out_proj", mixed)

    def _two_way(self, queries: np.ndarray, keys: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Run the two-way transformer over tokens (N, C) and the image (tokens * tokens, C)."""
        centres = (np.arange(self.tokens) + 0.5) / self.tokens
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        place, prompt = self._position(grid), queries
        for index in range(DECODER_LAYERS):
            name = "mask_decoder.transformer.layers.{}.".format(index)
            queries, keys = self._two_way_layer(name, queries, keys, prompt, place, first=index == 0)
        name = "mask_decoder.transformer."
        answer = self._cross(name + "final_attn_token_to_image", queries + prompt, keys + place, keys)
        return layer_norm(
            self._weights, name + "norm_final_attn", queries + answer, self.decoder_epsilon
        ), keys

    def _two_way_layer(
        self,
        name: str,
        queries: np.ndarray,
        keys: np.ndarray,
        prompt: np.ndarray,
        place: np.ndarray,
        first: bool,
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Let tokens attend to each other and to the image, then the image to the tokens."""

        def normal(index: int, x: np.ndarray) -> np.ndarray:
            return layer_norm(self._weights, name + "norm{}".format(index), x, self.decoder_epsilon)

        if first:
            queries = normal(1, self._cross(name + "self_attn", queries, queries))
        else:
            with_place = queries + prompt
            queries = normal(1, queries + self._cross(name + "self_attn", with_place, with_place, queries))
        looked = self._cross(name + "cross_attn_token_to_image", queries + prompt, keys + place, keys)
        queries = normal(2, queries + looked)
        hidden = layers.relu(linear(self._weights, name + "mlp.lin1", queries))
        queries = normal(3, queries + linear(self._weights, name + "mlp.lin2", hidden))
        back = self._cross(name + "cross_attn_image_to_token", keys + place, queries + prompt, queries)
        return queries, normal(4, keys + back)


def resized_shape(size: Tuple[int, ...], longest: int) -> Tuple[int, int]:
    """Scale (H, W) so that the longer one is `longest`, rounding half up."""
    scale = longest / max(size)
    return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)
