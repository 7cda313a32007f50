"""Short stories of what a user does with a video, told by a predictor and by an oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import scenes
from .video import FrameAnswer, ObjectPrompt, VideoPredictor

#: More frames than SAM 2 has memories, so that the oldest are forgotten.
FRAMES, HEIGHT, WIDTH = 10, 96, 120
#: The camera moves by so many pixels per frame, down and to the right.
PAN = (1, 2)


@dataclass(frozen=True)
class Ask:
    """A prompt for an object in a frame."""

    number: int
    frame: int
    prompt: ObjectPrompt


@dataclass(frozen=True)
class Follow:
    """Follow all objects through so many frames, the first counted."""

    start: int
    count: int
    reverse: bool = False

    def frames(self) -> List[int]:
        step = -1 if self.reverse else 1
        return list(range(self.start, self.start + step * self.count, step))


Step = Union[Ask, Follow]
Story = Tuple[Step, ...]


@dataclass(frozen=True)
class Footage:
    """A drawn video: `frames` is uint8 (T, H, W, 3), and what there is in its first frame."""

    frames: np.ndarray
    shapes: Sequence[scenes.SceneShape]

    def click(self, which: int = -1, label: int = 1) -> ObjectPrompt:
        return ObjectPrompt(points=[self.shapes[which].point], labels=[label])


def footage(count: int = FRAMES, seed: int = 8) -> Footage:
    """Draw a landscape, and let a camera pan over it."""
    height, width = HEIGHT + PAN[0] * count, WIDTH + PAN[1] * count
    scene = scenes.draw(seed, height, width)
    frames = [
        scene.image[PAN[0] * time : PAN[0] * time + HEIGHT, PAN[1] * time : PAN[1] * time + WIDTH]
        for time in range(count)
    ]
    masks = [shape.mask[:HEIGHT, :WIDTH] for shape in scene.shapes]
    shapes = [scenes.shape_of(mask) for mask in masks if mask.any()]
    return Footage(np.stack(frames), shapes)


def stories(seen: Footage) -> Dict[str, Story]:
    """Everything that a user can do, each in as few frames as show it."""
    front, back = seen.shapes[-1], seen.shapes[0]
    click, other = seen.click(), seen.click(0)
    background = ObjectPrompt(points=[(2, 2)], labels=[0], added=True)
    return {
        "point": (Ask(1, 0, click), Follow(0, FRAMES)),
        "two-clicks": (Ask(1, 0, click), Ask(1, 0, background), Follow(0, 3)),
        "box": (Ask(1, 0, ObjectPrompt(box=front.box)), Follow(0, 3)),
        "box-and-point": (
            Ask(1, 0, ObjectPrompt(points=[front.point], labels=[1], box=front.box)),
            Follow(0, 2),
        ),
        "mask": (Ask(1, 0, ObjectPrompt(mask=front.mask)), Follow(0, 3)),
        "nothing-there": (Ask(1, 0, nothing(seen)), Ask(1, 1, ObjectPrompt(mask=front.mask)), Follow(1, 3)),
        "two-objects": (Ask(1, 0, click), Ask(2, 0, ObjectPrompt(mask=back.mask)), Follow(0, 3)),
        "two-frames": (Ask(1, 0, click), Ask(1, 4, click), Follow(0, 7)),
        "backwards": (Ask(1, 6, click), Follow(6, 2), Follow(6, 7, reverse=True)),
        "correction": (Ask(1, 0, click), Follow(0, 5), Ask(1, 3, other), Follow(3, 3)),
        "newcomer": (Ask(1, 0, click), Follow(0, 3), Ask(2, 3, other), Follow(3, 3)),
    }


def brief(seen: Footage) -> Story:
    """The shortest story with a memory, for large models."""
    return (Ask(1, 0, seen.click()), Follow(0, 2))


def nothing(seen: Footage) -> ObjectPrompt:
    """A mask without a pixel: the user says that the object is not in this frame."""
    return ObjectPrompt(mask=np.zeros(seen.shapes[0].mask.shape, bool))


def tell(video: VideoPredictor, story: Story) -> List[FrameAnswer]:
    """Let a predictor, whose video has begun, live through a story; return all its answers."""
    answers: List[FrameAnswer] = []
    for step in story:
        if isinstance(step, Ask):
            answers.append(video.prompt(step.number, step.frame, step.prompt))
            continue
        following = video.propagate(step.start, step.reverse)
        answers += [next(following) for _ in range(step.count)]
    return answers


class OracleTeller:
    """Tells stories with the interface of `tell`, by an oracle that follows objects one by one.

    Attributes:
        tracks: of the story that was told last, by object.
    """

    def __init__(self, oracle: Any, frames: np.ndarray, device: str) -> None:
        self._oracle = oracle
        self.tracks: Dict[int, Any] = {}
        oracle.start(list(frames), device)

    def tell(self, story: Story) -> List[FrameAnswer]:
        tracks = self.tracks = {}
        clicks: Dict[Tuple[int, int], List[Tuple[Any, int]]] = {}
        answers: List[FrameAnswer] = []
        for step in story:
            if isinstance(step, Ask):
                track = tracks.setdefault(step.number, self._oracle.new_track())
                self._ask(track, step, clicks.setdefault((step.number, step.frame), []))
                answers.append(self._answer(tracks, step.frame))
                continue
            for track in tracks.values():
                self._oracle.follow(track, step.frames())
            answers += [self._answer(tracks, frame) for frame in step.frames()]
        return answers

    def _ask(self, track: Any, step: Ask, before: List[Tuple[Any, int]]) -> None:
        prompt = step.prompt
        if prompt.mask is not None:
            self._oracle.give(track, step.frame, prompt.mask)
            return
        if not prompt.added:
            before.clear()
        if prompt.box is not None:
            before += [(prompt.box[:2], 2), (prompt.box[2:], 3)]
        before += list(zip(prompt.points, prompt.labels))
        self._oracle.click(track, step.frame, list(before))

    def _answer(self, tracks: Dict[int, Any], frame: int) -> FrameAnswer:
        logits: Dict[int, np.ndarray] = {}
        present: Dict[int, float] = {}
        for number, track in tracks.items():
            found: Optional[Any] = track.prompted.get(frame) or track.followed.get(frame)
            found = found or self._oracle.looked_for(track, frame)
            if found is None:  # not looked for in this frame yet
                logits[number] = self._oracle.unseen()
                present[number] = float("nan")
            else:
                logits[number] = self._oracle.enlarged(found)
                present[number] = found.present
        return FrameAnswer(frame, logits, present)
