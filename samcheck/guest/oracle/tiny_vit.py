"""MobileSAM's image encoder in NumPy and float64, written from TinyViT's paper and the shapes of its weights.

https://arxiv.org/abs/2207.10666; MobileSAM's is the 5M model without the last halving of the resolution
(https://arxiv.org/abs/2306.14289). Convolutions are followed by batch normalisation, and windows by a bias
for each distance along the two axes.
"""

from __future__ import annotations

import math
from typing import Tuple

import numpy as np

from . import layers
from .layers import layer_norm, linear
from .sam import Oracle

EPSILON = 1e-5
#: The stage after which the resolution is no longer halved.
LAST_HALVED = 2


class TinyVitOracle(Oracle):
    """A SAM whose image encoder is a TinyViT of any width and depth."""

    def _sides(self, side: int) -> Tuple[int, int]:
        return side // 16, side

    def _encode(self, padded: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Run the image encoder; return its output and that of its second stage."""
        name = "image_encoder."
        x = layers.gelu(self._convolved(name + "patch_embed.seq.0", padded, stride=2))
        x = self._convolved(name + "patch_embed.seq.2", x, stride=2)
        stage, early = 0, x
        while name + "layers.{}.blocks.0".format(stage) in self._prefixes:
            x = self._stage(name + "layers.{}.".format(stage), stage, x)
            early = x if stage == 1 else early
            stage += 1
        return self._neck(x), early

    @property
    def _prefixes(self) -> frozenset:  # type: ignore[type-arg]  # Python 3.8
        return frozenset(".".join(key.split(".")[:5]) for key in self._weights)

    def _stage(self, name: str, stage: int, x: np.ndarray) -> np.ndarray:
        """Run blocks of one width, then change to the width of the next stage."""
        block = self._attention_block if stage else self._inverted_bottleneck
        index = 0
        while "{}blocks.{}".format(name, index) in self._prefixes:
            x = block("{}blocks.{}.".format(name, index), x)
            index += 1
        if name + "downsample.conv1.c.weight" not in self._weights:
            return x
        x = layers.gelu(self._convolved(name + "downsample.conv1", x))
        x = layers.gelu(self._convolved(name + "downsample.conv2", x, 1 + (stage < LAST_HALVED)))
        return self._convolved(name + "downsample.conv3", x)

    def _inverted_bottleneck(self, name: str, x: np.ndarray) -> np.ndarray:
        hidden = layers.gelu(self._convolved(name + "conv1", x))
        hidden = layers.gelu(self._convolved(name + "conv2", hidden))
        return layers.gelu(x + self._convolved(name + "conv3", hidden))

    def _attention_block(self, name: str, x: np.ndarray) -> np.ndarray:
        """Run attention in windows, a convolution for each channel, and a perceptron."""
        x = x + self._windowed(name + "attn.", x)
        x = self._convolved(name + "local_conv", x)
        hidden = linear(
            self._weights, name + "mlp.fc1", layer_norm(self._weights, name + "mlp.norm", x, EPSILON)
        )
        return x + linear(self._weights, name + "mlp.fc2", layers.gelu(hidden))

    def _windowed(self, name: str, x: np.ndarray) -> np.ndarray:
        """Run attention window by window; what is missing at the edges is zeros, which are normalised too."""
        side = len(x)
        window = math.isqrt(self._weights[name + "attention_biases"].shape[1])
        spare = -side % window
        padded = np.pad(x, ((0, spare), (0, spare), (0, 0)))
        answer = np.empty_like(padded)
        for row in range(0, len(padded), window):
            for column in range(0, len(padded), window):
                at = slice(row, row + window), slice(column, column + window)
                answer[at] = self._biased_attention(name, padded[at])
        return answer[:side, :side]

    def _biased_attention(self, name: str, x: np.ndarray) -> np.ndarray:
        """Run self-attention in one window (S, S, C), with a bias for each head and distance."""
        side, _, channels = x.shape
        tokens = layer_norm(self._weights, name + "norm", x.reshape(-1, channels), EPSILON)
        biases = layers.wide(self._weights, name + "attention_biases")
        heads = len(biases)
        rows, columns = (axis.reshape(-1) for axis in np.mgrid[0:side, 0:side])
        distance = abs(rows[:, None] - rows) * side + abs(columns[:, None] - columns)
        qkv = linear(self._weights, name + "qkv", tokens).reshape(side * side, heads, 3, -1)
        query, key, value = (qkv[:, :, third].transpose(1, 0, 2) for third in range(3))
        score = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1]) + biases[:, distance]
        mixed = (layers.softmax(score) @ value).transpose(1, 0, 2).reshape(side * side, -1)
        return linear(self._weights, name + "proj", mixed).reshape(side, side, -1)

    def _convolved(self, name: str, image: np.ndarray, stride: int = 1) -> np.ndarray:
        """Convolve (H, W, in) to (H/stride, W/stride, out), of all channels or each alone, and normalise."""
        kernel = layers.wide(self._weights, name + ".c.weight")
        if kernel.shape[-1] == 1:
            mixed = image[::stride, ::stride] @ kernel[:, :, 0, 0].T
        else:
            mixed = _convolved_3x3(kernel, image, stride)
        norm = {part: layers.wide(self._weights, name + ".bn." + part) for part in _NORM}
        scale = norm["weight"] / np.sqrt(norm["running_var"] + EPSILON)
        return (mixed - norm["running_mean"]) * scale + norm["bias"]


_NORM = ("weight", "bias", "running_mean", "running_var")


def _convolved_3x3(kernel: np.ndarray, image: np.ndarray, stride: int) -> np.ndarray:
    height, width, channels = image.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    result: np.ndarray = np.zeros((height // stride, width // stride, len(kernel)))
    for row in range(3):
        for column in range(3):
            seen = padded[row : row + height : stride, column : column + width : stride]
            weight = kernel[:, :, row, column]
            if kernel.shape[1] == 1 and channels == len(kernel) > 1:
                result += seen * weight[:, 0]
            else:
                result += seen @ weight.T
    return result
