"""SAM 2.1 for images in NumPy and float64, written from the paper and the shapes of its weights.

It shares no code with the `sam2` package and no kernel with torch, so it cannot be wrong in the same way as
what it judges (https://arxiv.org/abs/2408.00714, appendix C; Hiera: https://arxiv.org/abs/2306.00989). What
both have in common with SAM comes from SAM's oracle. Images are channels-last: (H, W, C).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

import numpy as np

from .. import reference_progress
from ..models.inference import Prediction, Prompt
from . import layers
from .layers import Weights, layer_norm, linear
from .sam import ENCODER_EPSILON, Oracle
from .sam2_layers import convolution, cubic, pooled, smoothly_resized

# ImageNet's mean and standard deviation of RGB, in units of 0 to 1.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: Largest magnitude of the low-resolution logits that the predictor returns.
LARGEST_LOGIT = 32.0
#: A single mask is stable if as large a share of its pixels is above `DELTA` as is above minus it.
STABLE, DELTA = 0.98, 0.05
DECODER_HEADS = 8
#: Names of SAM's parts in SAM 2, and SAM's own.
RENAMED = (
    ("sam_prompt_encoder.", "prompt_encoder."),
    ("sam_mask_decoder.", "mask_decoder."),
    (".mlp.layers.0.", ".mlp.lin1."),
    (".mlp.layers.1.", ".mlp.lin2."),
)


@dataclass(frozen=True)
class HieraLayout:
    """What the shapes of a Hiera's weights do not say.

    Attributes:
        stages: blocks per stage.
        windows: side of the attention's windows in each stage, in tokens.
        everywhere: blocks without windows.
        heads: of the first stage; each stage has twice as many as the one before.
    """

    stages: Tuple[int, ...]
    windows: Tuple[int, ...]
    everywhere: Tuple[int, ...]
    heads: int


LAYOUTS = {
    "sam2.1_mini": HieraLayout((1, 2, 4, 1), (8, 4, 6, 3), (4, 6), 1),
    "sam2.1_hiera_tiny": HieraLayout((1, 2, 7, 2), (8, 4, 14, 7), (5, 7, 9), 1),
    "sam2.1_hiera_small": HieraLayout((1, 2, 11, 2), (8, 4, 14, 7), (7, 10, 13), 1),
    "sam2.1_hiera_base_plus": HieraLayout((2, 3, 16, 3), (8, 4, 14, 7), (12, 16, 20), 2),
    "sam2.1_hiera_large": HieraLayout((2, 6, 36, 4), (8, 4, 16, 8), (23, 33, 43), 2),
}


@dataclass(frozen=True)
class Pyramid:
    """An encoded image.

    Attributes:
        coarse: (s, s, C) with a stride of 16 pixels.
        middle, fine: for the mask decoder, with strides of 8 and 4.
        original: (H, W) of the image.
    """

    coarse: np.ndarray
    middle: np.ndarray
    fine: np.ndarray
    original: Tuple[int, int]


@dataclass(frozen=True)
class Decoded:
    """All four masks of the decoder, the unambiguous one first, each with its score and its token.

    `present` is the logit of an object being there at all.
    """

    masks: np.ndarray
    scores: np.ndarray
    tokens: np.ndarray
    present: float


class Sam2Oracle(Oracle):
    """SAM 2.1 with given weights, for images."""

    def __init__(self, weights: Weights, side: int, layout: HieraLayout) -> None:
        self._weights = {_renamed(name): values for name, values in weights.items()}
        self._layout = layout
        self._heads = DECODER_HEADS
        self.side, self.tokens = side, side // 16

    def vector(self, name: str) -> np.ndarray:
        """Return a parameter as one row of numbers in float64."""
        return layers.wide(self._weights, name).ravel()

    # ----- the image encoder

    def encode(self, image: np.ndarray) -> Any:
        """Encode an RGB image, uint8 (H, W, 3), resized as `SAM2ImagePredictor` does."""
        pixels = smoothly_resized(image / 255.0, (self.side, self.side))
        return self.pyramid(pixels, image.shape[:2])

    def pyramid(self, pixels: np.ndarray, original: Tuple[int, int]) -> Pyramid:
        """Encode pixels (side, side, 3) from 0 to 1."""
        stages = self._trunk((pixels - np.array(MEAN)) / np.array(DEVIATION))
        lateral = [
            convolution(self._weights, "image_encoder.neck.convs.{}.conv".format(3 - level), stage)
            for level, stage in enumerate(stages)
        ]
        coarse = lateral[2] + lateral[3].repeat(2, axis=0).repeat(2, axis=1)
        fine = convolution(self._weights, "mask_decoder.conv_s0", lateral[0])
        middle = convolution(self._weights, "mask_decoder.conv_s1", lateral[1])
        return Pyramid(coarse, middle, fine, original)

    def _trunk(self, normal: np.ndarray) -> List[np.ndarray]:
        """Run Hiera: the maps behind each stage."""
        x = convolution(self._weights, "image_encoder.trunk.patch_embed.proj", normal, stride=4)
        x = x + self._positions(len(x))
        maps: List[np.ndarray] = []
        depths = self._layout.stages
        places = [(stage, place) for stage, depth in enumerate(depths) for place in range(depth)]
        for block, (stage, place) in enumerate(reference_progress.counted(places)):
            shrinks = stage > 0 and place == 0
            # The first block of a stage still has the windows of the stage before.
            window = self._layout.windows[stage - 1 if shrinks else stage]
            if block in self._layout.everywhere:
                window = len(x)
            name = "image_encoder.trunk.blocks.{}.".format(block)
            x = self._hiera_block(name, x, window, self._layout.heads << stage, shrinks)
            if place == depths[stage] - 1:
                maps.append(x)
        return maps

    def _positions(self, side: int) -> np.ndarray:
        """Enlarge the background's positions to the map, and repeat the window's over it."""
        background = layers.wide(self._weights, "image_encoder.trunk.pos_embed")[0]
        window = layers.wide(self._weights, "image_encoder.trunk.pos_embed_window")[0]
        grow = [cubic(length, side) for length in background.shape[1:]]
        enlarged = np.einsum("ab,kbc,dc->adk", grow[0], background, grow[1], optimize=True)
        times = side // window.shape[-1]
        result: np.ndarray = enlarged + np.tile(window.transpose(1, 2, 0), (times, times, 1))
        return result

    def _hiera_block(self, name: str, x: np.ndarray, window: int, heads: int, shrinks: bool) -> np.ndarray:
        normal = layer_norm(self._weights, name + "norm1", x, ENCODER_EPSILON)
        if shrinks:
            x = pooled(linear(self._weights, name + "proj", normal))
        spare = -len(normal) % window
        padded = np.pad(normal, ((0, spare), (0, spare), (0, 0)))
        factor = 2 if shrinks else 1
        answer = np.empty((len(padded) // factor, len(padded) // factor, x.shape[-1]))
        small = window // factor
        for row in range(0, len(padded), window):
            for column in range(0, len(padded), window):
                top, left = row // factor, column // factor
                seen = padded[row : row + window, column : column + window]
                answer[top : top + small, left : left + small] = self._attend_in_window(
                    name + "attn.", seen, heads, shrinks
                )
        x = x + answer[: len(x), : len(x)]
        hidden = linear(
            self._weights, name + "mlp.lin1", layer_norm(self._weights, name + "norm2", x, ENCODER_EPSILON)
        )
        return x + linear(self._weights, name + "mlp.lin2", layers.gelu(hidden))

    def _attend_in_window(self, name: str, x: np.ndarray, heads: int, shrinks: bool) -> np.ndarray:
        """Run attention inside one window (S, S, C), whose queries shrink to half the side."""
        side = len(x)
        query, key, value = np.split(linear(self._weights, name + "qkv", x), 3, axis=-1)
        if shrinks:
            query = pooled(query)
        out = query.shape
        flat = [part.reshape(-1, part.shape[-1]) for part in (query, key, value)]
        assert len(flat[1]) == side * side
        mixed = _by_head(flat[0], flat[1], flat[2], heads)
        return linear(self._weights, name + "proj", mixed).reshape(out)

    # ----- prompts and masks

    def predict(self, encoded: Any, prompt: Prompt) -> Prediction:
        """Predict masks for one prompt, in the order of `SAM2ImagePredictor.predict`."""
        features = encoded.coarse + self.vector("no_mem_embed")
        decoded = self.decode(encoded, features, self._prompt_tokens(encoded.original, prompt), prompt.mask)
        chosen = list(range(1, 4)) if prompt.multimask else [single_mask(decoded)]
        low = decoded.masks[chosen]
        full, low = self._returned(low, encoded.original)
        return Prediction(full, low, decoded.scores[chosen])

    def _returned(self, low: np.ndarray, original: Tuple[int, int]) -> Tuple[np.ndarray, np.ndarray]:
        """Return logits at the size of the image, and at low resolution, as the predictor does."""
        return layers.resized(low, original), np.clip(low, -LARGEST_LOGIT, LARGEST_LOGIT)

    def _scale_of(self, original: Tuple[int, int]) -> np.ndarray:
        """Return by what to multiply coordinates (x, y) in an image (H, W) to get those in the input."""
        scale: np.ndarray = self.side / np.array(original[::-1], dtype=np.float64)
        return scale

    def _prompt_tokens(self, original: Tuple[int, int], prompt: Prompt) -> np.ndarray:
        """Embed the box's corners, then points, in pixels of the image."""
        points: List[Tuple[np.ndarray, int]] = []
        if prompt.box is not None:
            corners = prompt.box.reshape(2, 2)
            points += [(corners[0], 2), (corners[1], 3)]
        if prompt.points is not None and prompt.labels is not None:
            points += list(zip(prompt.points, prompt.labels))
        return self.point_tokens(points, original)

    def point_tokens(self, points: List[Tuple[np.ndarray, int]], original: Tuple[int, int]) -> np.ndarray:
        """Embed (N + 1, C): the points and the padding point behind them; nothing for no points."""
        scale = self._scale_of(original)
        tokens = []
        for point, label in points:
            place = self._position((np.asarray(point) * scale + 0.5) / self.side)
            tokens.append(place + self._kind(int(label)))
        if tokens:
            tokens.append(self.vector("prompt_encoder.not_a_point_embed.weight"))
        return np.array(tokens).reshape(-1, len(self.vector("no_mem_embed")))

    def decode(
        self, image: Pyramid, features: np.ndarray, sparse: np.ndarray, mask: Optional[np.ndarray]
    ) -> Decoded:
        """Decode masks from features (s, s, C), prompt tokens, and logits (1, 4 s, 4 s) or None."""
        name = "mask_decoder."
        dense = self._dense(Prompt(mask=mask))
        own = [
            layers.wide(self._weights, name + token + ".weight")
            for token in ("obj_score_token", "iou_token", "mask_tokens")
        ]
        queries, keys = self._two_way(
            np.concatenate((*own, sparse)), (features + dense).reshape(-1, features.shape[-1])
        )
        up = layers.doubled(self._weights, name + "output_upscaling.0", keys.reshape(features.shape))
        up = layer_norm(self._weights, name + "output_upscaling.1", up + image.middle, ENCODER_EPSILON)
        up = layers.doubled(self._weights, name + "output_upscaling.3", layers.gelu(up)) + image.fine
        tokens = queries[2 : 2 + len(own[2])]
        masks = [
            layers.gelu(up) @ self._perceptron(name + "output_hypernetworks_mlps.{}".format(index), token)
            for index, token in enumerate(tokens)
        ]
        scores = self._perceptron(name + "iou_prediction_head", queries[1])
        present = float(self._perceptron(name + "pred_obj_score_head", queries[0])[0])
        return Decoded(np.array(masks), 1 / (1 + np.exp(-scores)), tokens, present)


def single_mask(decoded: Decoded) -> int:
    """Choose the mask for unambiguous prompts if it is stable, else the best of the others."""
    inner, outer = (int((decoded.masks[0] > limit).sum()) for limit in (DELTA, -DELTA))
    if outer == 0 or inner / outer >= STABLE:
        return 0
    return 1 + int(np.argmax(decoded.scores[1:]))


def _renamed(name: str) -> str:
    for old, new in RENAMED:
        name = name.replace(old, new)
    return name


def _by_head(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    """Attend head by head: the products of all heads of a whole image do not fit."""
    parts = [np.split(tokens, heads, axis=1) for tokens in (query, key, value)]
    return np.concatenate([layers.attention(q, k, v, 1) for q, k, v in zip(*parts)], axis=1)
