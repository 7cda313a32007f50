"""Layers that SAM 2 has beyond those of SAM, in NumPy and float64. Images are channels-last: (H, W, C)."""

from __future__ import annotations

import math
from typing import Tuple

import numpy as np

from ..models.sam2_holes import connected
from .layers import Weights, attention, linear, wide

#: Coefficient of PyTorch's cubic convolution; Pillow's is -0.5.
CUBIC = -0.75
TEMPERATURE = 10000.0


def convolution(weights: Weights, name: str, image: np.ndarray, stride: int = 1) -> np.ndarray:
    """Convolve with an odd kernel, padded by half of it with zeros, and a bias; depthwise if it is so."""
    kernel, bias = wide(weights, name + ".weight"), wide(weights, name + ".bias")
    size = kernel.shape[-1]
    height, width = (-(-side // stride) for side in image.shape[:2])
    padded = np.pad(image, ((size // 2, size // 2), (size // 2, size // 2), (0, 0)))
    depthwise = kernel.shape[1] == 1 and image.shape[2] == len(kernel)
    result: np.ndarray = np.zeros((height, width, len(kernel))) + bias
    for row in range(size):
        for column in range(size):
            seen = padded[row::stride, column::stride][:height, :width]
            tap = kernel[:, :, row, column]
            result += seen * tap[:, 0] if depthwise else seen @ tap.T
    return result


def pooled(image: np.ndarray) -> np.ndarray:
    """Take the largest value of each 2 x 2 pixels."""
    height, width, channels = image.shape
    result: np.ndarray = image.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))
    return result


def cubic(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) of bicubic interpolation along one axis, clamped at the ends."""
    at = (np.arange(new) + 0.5) * old / new - 0.5
    matrix: np.ndarray = np.zeros((new, old))
    for tap in range(-1, 3):
        place = np.floor(at).astype(int) + tap
        distance = np.abs(at - place)
        near = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance**2 + 1
        far = ((CUBIC * distance - 5 * CUBIC) * distance + 8 * CUBIC) * distance - 4 * CUBIC
        share = np.where(distance <= 1, near, np.where(distance < 2, far, 0))
        np.add.at(matrix, (np.arange(new), np.clip(place, 0, old - 1)), share)
    return matrix


def smooth(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old) of bilinear resampling with antialiasing along one axis."""
    scale = max(old / new, 1.0)
    centres = (np.arange(new) + 0.5) * old / new
    pixels = np.arange(old) + 0.5
    matrix = np.maximum(0, 1 - np.abs(pixels[None] - centres[:, None]) / scale)
    result: np.ndarray = matrix / matrix.sum(1, keepdims=True)
    return result


def smoothly_resized(image: np.ndarray, size: Tuple[int, int]) -> np.ndarray:
    """Resize (H, W) or (H, W, C) to `size`, bilinear with antialiasing."""
    rows, columns = smooth(image.shape[0], size[0]), smooth(image.shape[1], size[1])
    return np.einsum("ab,bc...,dc->ad...", rows, image, columns, optimize=True)


def _frequencies(channels: int) -> np.ndarray:
    """Wavelengths (channels,), each twice: for a sine and for a cosine."""
    pairs = np.arange(channels) // 2
    result: np.ndarray = TEMPERATURE ** (2 * pairs / channels)
    return result


def sine_positions(side: int, channels: int) -> np.ndarray:
    """Return the fixed encoding (side, side, channels) of a map's positions: rows, then columns."""
    half = channels // 2
    along = np.arange(1, side + 1) / (side + 1e-6) * 2 * math.pi
    phase = along[:, None] / _frequencies(half)
    code = np.where(np.arange(half) % 2, np.cos(phase), np.sin(phase))  # (side, half)
    rows = np.broadcast_to(code[:, None], (side, side, half))
    columns = np.broadcast_to(code[None], (side, side, half))
    return np.concatenate((rows, columns), axis=-1)


def sine_moments(distances: np.ndarray, channels: int) -> np.ndarray:
    """Return the encoding (N, channels) of distances in time: all sines, then all cosines."""
    phase = distances[:, None] / _frequencies(channels // 2)
    return np.concatenate((np.sin(phase), np.cos(phase)), axis=-1)


def rotated(tokens: np.ndarray, side: int) -> np.ndarray:
    """Rotate pairs of channels of (N * side * side, C) by angles that grow with column, then row."""
    channels = tokens.shape[-1]
    speed = TEMPERATURE ** (-np.arange(0, channels, 4) / channels)
    place = np.arange(side * side)
    angle = np.concatenate((np.outer(place % side, speed), np.outer(place // side, speed)), axis=-1)
    pairs = tokens.reshape(-1, side * side, channels // 2, 2)
    turned = (pairs[..., 0] + 1j * pairs[..., 1]) * np.exp(1j * angle)
    return np.stack((turned.real, turned.imag), axis=-1).reshape(tokens.shape)


def rotary_attention(
    weights: Weights, name: str, query: np.ndarray, key: np.ndarray, value: np.ndarray, fixed: int = 0
) -> np.ndarray:
    """Attend with one head; positions rotate the queries and all keys but the last `fixed`."""
    side = math.isqrt(len(query))
    asked = rotated(linear(weights, name + ".q_proj", query), side)
    offered = linear(weights, name + ".k_proj", key)
    end = len(offered) - fixed
    offered[:end] = rotated(offered[:end], side)
    mixed = attention(asked, offered, linear(weights, name + ".v_proj", value), heads=1)
    return linear(weights, name + ".out_proj", mixed)


def brain(values: np.ndarray) -> np.ndarray:
    """Round to bfloat16, ties to even, by way of float32 as PyTorch does."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    kept = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return kept.astype(np.uint32).view(np.float32).astype(np.float64)


def small_holes(mask: np.ndarray, largest: int) -> np.ndarray:
    """Find the holes of a bool mask (H, W): parts of the rest, joined over corners, of few pixels."""
    _, areas = connected(~mask)
    result: np.ndarray = (areas > 0) & (areas <= largest)
    return result
