"""Procedural scenes: seeded images of overlapping shapes, with the true mask of each shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np

#: Adjacent surfaces differ by at least this much in RGB (0 to 255 each): no segmentation can find an
#: invisible edge.
CONTRAST = 60.0
#: A shape counts if it visibly covers this share of the image, and if this share of its outline is visible.
VISIBLE_OF_IMAGE, VISIBLE_OF_OUTLINE = 0.02, 0.4
NOISE = 5.0


@dataclass(frozen=True)
class SceneShape:
    """One shape of a scene.

    `mask` is bool (H, W), the visible part of the shape; `point` is a pixel (x, y) well inside it;
    `box` is (x0, y0, x1, y1) in pixels.
    """

    mask: np.ndarray
    point: Tuple[int, int]
    box: Tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """`image` is uint8 (H, W, 3), RGB; `shapes` run from back to front."""

    image: np.ndarray
    shapes: List[SceneShape]


def colour_unlike(random: np.random.Generator, others: List[np.ndarray]) -> np.ndarray:
    """Draw a colour, float (3,), that differs from all `others`."""
    for _ in range(100):
        colour: np.ndarray = random.uniform(30, 225, 3)
        if all(np.linalg.norm(colour - other) >= CONTRAST for other in others):
            break
    return colour


def texture(random: np.random.Generator, colour: np.ndarray, height: int, width: int) -> np.ndarray:
    """Draw float32 (H, W, 3): `colour` with a sinusoidal grating of random angle, pitch and strength."""
    rows, columns = np.ogrid[0:height, 0:width]
    angle, pitch, phase = random.uniform((0, 6, 0), (np.pi, 40, 6.28))
    along = columns.astype(np.float32) * np.float32(np.cos(angle) * 6.28 / pitch)
    across = rows.astype(np.float32) * np.float32(np.sin(angle) * 6.28 / pitch)
    wave = np.float32(random.uniform(3, 20)) * np.sin(along + across + np.float32(phase))
    return colour.astype(np.float32) + wave[..., None]


def _outline(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw bool (H, W): an ellipse or a rectangle of random position, size and tilt."""
    rows, columns = np.ogrid[0:height, 0:width]
    y, x = random.uniform(0.2, 0.8, 2) * (height, width)
    half = random.uniform(0.12, 0.3, 2) * min(height, width)
    angle = random.uniform(0, np.pi)
    u = ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)) / half[0]
    v = (-(columns - x) * np.sin(angle) + (rows - y) * np.cos(angle)) / half[1]
    if random.random() < 0.5:
        return u * u + v * v < 1
    return np.maximum(np.abs(u), np.abs(v)) < 0.9


def _inner_point(mask: np.ndarray) -> Tuple[int, int]:
    """Find the pixel (x, y) that survives the most erosions: far from every edge of the mask."""
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


def shape_of(mask: np.ndarray) -> SceneShape:
    ys, xs = np.nonzero(mask)
    box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    return SceneShape(mask, _inner_point(mask), box)


def draw(seed: int, height: int, width: int, count: int = 4) -> Scene:
    """Draw `count` overlapping shapes on a textured background, with noise over everything.

    Shapes with too little visible are left out of `Scene.shapes`; the front one never is.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    colours = [colour_unlike(random, [])]
    image = texture(random, colours[0], height, width)
    outlines: List[np.ndarray] = []
    visible: List[np.ndarray] = []
    for _ in range(count):
        outline = _outline(random, height, width)
        colours.append(colour_unlike(random, colours))
        image[outline] = texture(random, colours[-1], height, width)[outline]
        outlines.append(outline)
        visible = [mask & ~outline for mask in visible] + [outline]
    image += random.standard_normal(image.shape, dtype=np.float32) * np.float32(NOISE)
    least = VISIBLE_OF_IMAGE * height * width
    shapes = [
        shape_of(mask)
        for mask, outline in zip(visible[:-1], outlines)
        if mask.sum() >= max(least, VISIBLE_OF_OUTLINE * outline.sum())
    ]
    shapes.append(shape_of(visible[-1]))
    return Scene(np.clip(np.rint(image), 0, 255).astype(np.uint8), shapes)
