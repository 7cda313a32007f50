"""SAM's layers in NumPy and float64.

They are written from their definitions, without torch: a wrong kernel in the build under test must not
affect the reference. Weights are float32 arrays in torch's layouts and are widened where they are used, so
that a model is never held twice.
"""

from __future__ import annotations

import math
from typing import Mapping, Tuple

import numpy as np

Weights = Mapping[str, np.ndarray]

# erf by cubic Hermite interpolation between exact values. Its fourth derivative is below 10, so the error
# is below (1 / 1024) ** 4 * 10 / 384 = 3e-14.
_STEPS, _END = 1024, 6
_KNOTS = np.arange(_STEPS * _END + 1) / _STEPS
_ERF = np.array([math.erf(knot) for knot in _KNOTS])
_SLOPE = 2 / math.sqrt(math.pi) * np.exp(-(_KNOTS**2)) / _STEPS


#: Elements processed at a time: as many as fit in a CPU's cache with all intermediate results.
_PART = 1 << 14


def erf(x: np.ndarray) -> np.ndarray:
    """Compute the error function, to 3e-14; same shape as `x`."""
    flat = x.reshape(-1)
    result = np.empty_like(flat)
    for start in range(0, len(flat), _PART):
        result[start : start + _PART] = _erf_part(flat[start : start + _PART])
    return result.reshape(x.shape)


def _erf_part(x: np.ndarray) -> np.ndarray:
    place = np.minimum(np.abs(x), _END) * _STEPS
    left = np.minimum(place.astype(np.int64), len(_KNOTS) - 2)
    t = place - left
    low, high = _ERF[left], _ERF[left + 1]
    rise = high - low
    bend = (1 - t) * (_SLOPE[left] - rise) + t * (rise - _SLOPE[left + 1])
    result: np.ndarray = np.copysign(low + t * rise + t * (1 - t) * bend, x)
    return result


def gelu(x: np.ndarray) -> np.ndarray:
    """Compute GELU by its definition, not by the tanh approximation."""
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def softmax(x: np.ndarray) -> np.ndarray:
    """Compute softmax over the last axis."""
    power = np.exp(x - x.max(-1, keepdims=True))
    return power / power.sum(-1, keepdims=True)


def wide(weights: Weights, name: str) -> np.ndarray:
    """Return a weight in float64."""
    return weights[name].astype(np.float64)


def linear(weights: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """Map (..., in) to (..., out)."""
    return x @ wide(weights, name + ".weight").T + wide(weights, name + ".bias")


def layer_norm(weights: Weights, name: str, x: np.ndarray, epsilon: float) -> np.ndarray:
    """Normalise over the last axis; also `LayerNorm2d`, since images here are channels-last."""
    centred = x - x.mean(-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    return centred / scale * wide(weights, name + ".weight") + wide(weights, name + ".bias")


def patches(image: np.ndarray, size: int) -> np.ndarray:
    """Map (H, W, C) to (H/size, W/size, C * size * size), ordered as torch flattens a kernel (C, k, k)."""
    height, width, channels = image.shape
    cut = image.reshape(height // size, size, width // size, size, channels)
    return cut.transpose(0, 2, 4, 1, 3).reshape(height // size, width // size, -1)


def strided_convolution(weights: Weights, name: str, image: np.ndarray) -> np.ndarray:
    """Convolve with a stride of the kernel's size: (H, W, in) to (H/k, W/k, out)."""
    kernel = wide(weights, name + ".weight")
    flat = patches(image, kernel.shape[-1]) @ kernel.reshape(len(kernel), -1).T
    bias = weights.get(name + ".bias")
    return flat if bias is None else flat + bias.astype(np.float64)


def convolution_3x3(weights: Weights, name: str, image: np.ndarray) -> np.ndarray:
    """Convolve 3 x 3, padded by one pixel of zeros: (H, W, in) to (H, W, out)."""
    kernel = wide(weights, name + ".weight")
    height, width, _ = image.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    result: np.ndarray = np.zeros((height, width, len(kernel)))
    for row in range(3):
        for column in range(3):
            result += padded[row : row + height, column : column + width] @ kernel[:, :, row, column].T
    bias = weights.get(name + ".bias")
    return result if bias is None else result + bias.astype(np.float64)


def doubled(weights: Weights, name: str, image: np.ndarray) -> np.ndarray:
    """Apply a transposed 2 x 2 convolution with stride 2: (H, W, in) to (2H, 2W, out)."""
    kernel = wide(weights, name + ".weight")  # (in, out, 2, 2)
    height, width, _ = image.shape
    spread = np.tensordot(image, kernel, axes=(2, 0))  # (H, W, out, 2, 2)
    joined = spread.transpose(0, 3, 1, 4, 2).reshape(2 * height, 2 * width, kernel.shape[1])
    return joined + wide(weights, name + ".bias")


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int) -> np.ndarray:
    """Map (Q, C), (K, C), (K, C) to (Q, C) by scaled dot products, head by head."""
    parts = [tokens.reshape(len(tokens), heads, -1).transpose(1, 0, 2) for tokens in (query, key, value)]
    weight = softmax(parts[0] @ parts[1].transpose(0, 2, 1) / math.sqrt(parts[0].shape[-1]))
    result: np.ndarray = (weight @ parts[2]).transpose(1, 0, 2).reshape(len(query), -1)
    return result


def resampling(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) of bilinear resampling along one axis, with pixel centres at one half."""
    at = np.maximum((np.arange(new) + 0.5) * old / new - 0.5, 0)
    left = np.minimum(at.astype(int), old - 1)
    right = np.minimum(left + 1, old - 1)
    share = at - left
    matrix: np.ndarray = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new), left), 1 - share)
    np.add.at(matrix, (np.arange(new), right), share)
    return matrix


def resized(image: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Resize (..., H, W) to (..., *size), bilinear."""
    rows, columns = resampling(image.shape[-2], size[0]), resampling(image.shape[-1], size[1])
    result: np.ndarray = rows @ image @ columns.T
    return result
