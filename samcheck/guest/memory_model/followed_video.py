"""Memory that SAM 2 holds while it follows objects through a video, as a function of frames and objects.

As in ``sam2/sam2_video_predictor.py`` (sam2 1.1.0). What is kept of a video grows with its frames, and of
those that have been followed with the objects. Beside that, a frame's peak is in its encoder, while the maps
of the frame before are still held, or in the masks at the video's size. What comes between takes one object
at a time, and less: with the tiny size in float32, attention to seven frames 160 MiB and the memory encoder
52, where the image encoder takes 288.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

from .encoder import Computing
from .hiera import encode_hiera
from .hiera_shapes import HieraShape
from .ledger import Ledger
from .shapes import FLOAT


@dataclass(frozen=True)
class FollowedVideo:
    """A video, and what is followed in it.

    Attributes:
        frames: number of frames; each object has one click in the first.
        objects: number of objects.
        size: height and width of its frames in pixels.
        pixels_on_host, state_on_host: `offload_video_to_cpu` and `offload_state_to_cpu` of `init_state`.
    """

    frames: int
    objects: int
    size: Tuple[int, int]
    pixels_on_host: bool = False
    state_on_host: bool = False


def frame_maps(shape: HieraShape) -> List[int]:
    """Bytes of each map that is kept of the last frame, and of its positions."""
    stages = ((0, shape.out // 8), (1, shape.out // 4), (2, shape.out))
    return [shape.size(stage, kept) for stage, channels in stages for kept in (channels, shape.out)]


def video_state(shape: HieraShape, video: FollowedVideo, followed: int) -> int:
    """Bytes that `SAM2VideoPredictor` keeps on its device, once `followed` frames have been followed.

    It keeps every frame's pixels, the maps of the last one, and of each object one memory, mask and pointer
    per frame, of which nothing is ever given back (https://github.com/facebookresearch/sam2/issues/196).
    """
    pixels = (1 if video.pixels_on_host else video.frames) * 3 * shape.side**2 * FLOAT
    positions = shape.size(2, shape.memory) if followed else 0
    return pixels + sum(frame_maps(shape)) + positions + _kept(shape, video, followed)


def _kept(shape: HieraShape, video: FollowedVideo, followed: int) -> int:
    """Bytes of all objects' memories, masks and pointers, and of their clicks."""
    memory = shape.size(2, shape.memory) // 2  # in bfloat16
    mask = shape.size(0, 1)
    per_frame = (shape.out + 1) * FLOAT + (0 if video.state_on_host else memory + mask)
    click = 2 * FLOAT + 4
    return video.objects * (followed * per_frame + click)


def follow(ledger: Ledger, shape: HieraShape, video: FollowedVideo, how: Computing) -> None:
    """Follow `init_state` and, with the last frame, `propagate_in_video`; earlier frames take less."""
    with ledger.part("following a video"):
        if not video.pixels_on_host:
            ledger.take("pixels", video.frames * 3 * shape.side**2 * FLOAT)
        if video.frames > 1:
            _take_maps(ledger, shape, video, "of the frame before")
            ledger.take("positions of memories", shape.size(2, shape.memory))
            ledger.take("memories", _kept(shape, video, video.frames - 1))
            _take_masks(ledger, shape, video)
        if video.pixels_on_host:
            ledger.take("image", 3 * shape.side**2 * FLOAT)
        encode_hiera(ledger, shape, 1, how)
        for number, size in enumerate(frame_maps(shape)):
            ledger.take("map {}".format(number), size)
        if video.frames > 1:
            names = ["map {} of the frame before".format(number) for number in range(len(frame_maps(shape)))]
            ledger.give_back(*names, *(["image of the frame before"] if video.pixels_on_host else []))
        ledger.take("last memories", _kept(shape, video, 1))
        _take_masks(ledger, shape, video)


def _take_maps(ledger: Ledger, shape: HieraShape, video: FollowedVideo, which: str) -> None:
    if video.pixels_on_host:
        ledger.take("image " + which, 3 * shape.side**2 * FLOAT)
    for number, size in enumerate(frame_maps(shape)):
        ledger.take("map {} {}".format(number, which), size)


def _take_masks(ledger: Ledger, shape: HieraShape, video: FollowedVideo) -> None:
    """Hold what the caller is given of a frame: one mask per object at the video's size, as logits."""
    if video.objects > 1:
        ledger.take("small masks", video.objects * shape.size(0, 1))
    with ledger.part("masks at the video's size"):
        ledger.take("masks", video.objects * video.size[0] * video.size[1] * FLOAT)
    ledger.take("masks", video.objects * video.size[0] * video.size[1] * FLOAT)
