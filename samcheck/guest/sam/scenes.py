"""Procedural scenes: seeded images of overlapping shapes, with the true mask of each shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np


@dataclass(frozen=True)
class Shape:
    """One shape of a scene.

    `mask` is bool (H, W), what of the shape is visible; `point` is a pixel (x, y) well inside it;
    `box` is (x0, y0, x1, y1) in pixels.
    """

    mask: np.ndarray
    point: Tuple[int, int]
    box: Tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """`image` is uint8 (H, W, 3), RGB; `shapes` run from back to front."""

    image: np.ndarray
    shapes: List[Shape]


def _texture(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Float32 (H, W, 3): a base colour, a sinusoidal grating of random pitch, and noise."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, pitch, phase = random.uniform((0, 6, 0), (np.pi, 40, 6.28))
    wave = np.sin((columns * np.cos(angle) + rows * np.sin(angle)) * 6.28 / pitch + phase)
    colour = random.uniform(30, 225, 3)
    amplitude = random.uniform(3, 25)
    noise = random.normal(0, 4, (height, width, 3))
    return (colour + amplitude * wave[..., None] + noise).astype(np.float32)


def _outline(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Bool (H, W): an ellipse or a rectangle of random place, size and tilt."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = random.uniform(0.2, 0.8, 2) * (height, width)
    half = random.uniform(0.12, 0.3, 2) * min(height, width)
    angle = random.uniform(0, np.pi)
    u = ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)) / half[0]
    v = (-(columns - x) * np.sin(angle) + (rows - y) * np.cos(angle)) / half[1]
    if random.random() < 0.5:
        return u * u + v * v < 1
    return np.maximum(np.abs(u), np.abs(v)) < 0.9


def _inner_point(mask: np.ndarray) -> Tuple[int, int]:
    """The pixel (x, y) that survives the most erosions: far from every edge of the mask."""
    eroded = np.pad(mask, 1)
    while True:
        core = eroded.copy()
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            core &= np.roll(eroded, step, axis)
        if not core.any():
            break
        eroded = core
    y, x = np.argwhere(eroded)[0] - 1
    return int(x), int(y)


def _shape(mask: np.ndarray) -> Shape:
    ys, xs = np.nonzero(mask)
    box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    return Shape(mask, _inner_point(mask), box)


def draw(seed: int, height: int, width: int, count: int = 4) -> Scene:
    """Draw `count` overlapping shapes on a textured ground.

    Shapes of which less than 1 % of the image stays visible are left out of `Scene.shapes`.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    image = _texture(random, height, width)
    visible: List[np.ndarray] = []
    for _ in range(count):
        outline = _outline(random, height, width)
        image = np.where(outline[..., None], _texture(random, height, width), image)
        visible = [mask & ~outline for mask in visible] + [outline]
    smallest = 0.01 * height * width
    shapes = [_shape(mask) for mask in visible if mask.sum() >= smallest]
    return Scene(np.clip(np.rint(image), 0, 255).astype(np.uint8), shapes)
