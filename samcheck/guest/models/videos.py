"""Procedural clips: seeded shapes that move, cross, hide each other and leave, with their true masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np

from . import scenes

#: A shape counts as hidden while it visibly covers less than this share of the frame.
SEEN = 0.002


@dataclass(frozen=True)
class Clip:
    """`frames` is uint8 (T, H, W, 3), RGB; `masks` is bool (N, T, H, W), the visible part of each shape.

    A mask is empty while its shape is hidden or outside.
    """

    frames: np.ndarray
    masks: np.ndarray

    def first(self, index: int) -> scenes.SceneShape:
        """Return where a shape is in the first frame, to be pointed at."""
        return scenes.shape_of(self.masks[index, 0])


@dataclass(frozen=True)
class _Moving:
    """A shape: its place, half axes and tilt in the first frame, and what is added to them in each frame."""

    place: np.ndarray
    step: np.ndarray
    half: np.ndarray
    angle: float
    turn: float
    round: bool
    surface: np.ndarray  # float32 (2 H, 2 W, 3), centred on the shape

    def outline(self, time: int, height: int, width: int) -> np.ndarray:
        rows, columns = np.ogrid[0:height, 0:width]
        y, x = self.place + time * self.step
        angle = self.angle + time * self.turn
        u = ((columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)) / self.half[0]
        v = (-(columns - x) * np.sin(angle) + (rows - y) * np.cos(angle)) / self.half[1]
        inside: np.ndarray = u * u + v * v < 1 if self.round else np.maximum(np.abs(u), np.abs(v)) < 0.9
        return inside

    def paint(self, image: np.ndarray, time: int) -> np.ndarray:
        """Draw the shape with its surface, which moves along; return its outline."""
        height, width, _ = image.shape
        outline = self.outline(time, height, width)
        top, left = (np.rint(time * self.step)).astype(int)
        ys, xs = np.nonzero(outline)
        image[ys, xs] = self.surface[(ys - top) % (2 * height), (xs - left) % (2 * width)]
        return outline


def _moving(random: np.random.Generator, colour: np.ndarray, height: int, width: int, frames: int) -> _Moving:
    side = min(height, width)
    goal, start = (random.uniform(0.2, 0.8, 2) * (height, width) for _ in range(2))
    if random.random() < 0.25:  # leaves through the nearest edge of the line that it is on
        goal = start + (goal - start) / max(1.0, float(np.linalg.norm(goal - start))) * 1.1 * side
    return _Moving(
        place=start,
        step=(goal - start) / frames,
        half=random.uniform(0.12, 0.28, 2) * side,
        angle=float(random.uniform(0, np.pi)),
        turn=float(random.uniform(-0.08, 0.08)),
        round=bool(random.random() < 0.5),
        surface=scenes.texture(random, colour, 2 * height, 2 * width),
    )


def draw(seed: int, height: int, width: int, frames: int = 8, count: int = 4) -> Clip:
    """Draw `count` shapes that move over a still background, with new noise in every frame.

    Shapes too little visible in the first frame are left out of `Clip.masks`; the front one never is.
    """
    random = np.random.Generator(np.random.PCG64(seed))
    colours = [scenes.colour_unlike(random, [])]
    background = scenes.texture(random, colours[0], height, width)
    shapes: List[_Moving] = []
    for _ in range(count):
        colours.append(scenes.colour_unlike(random, colours))
        shapes.append(_moving(random, colours[-1], height, width, frames))
    images, masks = zip(*(_frame(random, background, shapes, time) for time in range(frames)))
    every = np.stack(masks, axis=1)
    every[every.sum((2, 3)) < SEEN * height * width] = False
    outlined = np.array([shape.outline(0, height, width).sum() for shape in shapes])
    least = np.maximum(scenes.VISIBLE_OF_IMAGE * height * width, scenes.VISIBLE_OF_OUTLINE * outlined)
    followed = every[:, 0].sum((1, 2)) >= least
    followed[-1] = True
    return Clip(np.stack(images), every[followed])


def _frame(
    random: np.random.Generator, background: np.ndarray, shapes: Sequence[_Moving], time: int
) -> Tuple[np.ndarray, np.ndarray]:
    image = background.copy()
    visible: List[np.ndarray] = []
    for shape in shapes:
        outline = shape.paint(image, time)
        visible = [mask & ~outline for mask in visible] + [outline]
    image += random.standard_normal(image.shape, dtype=np.float32) * np.float32(scenes.NOISE)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), np.stack(visible)
