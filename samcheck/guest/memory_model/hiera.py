"""Memory that SAM 2's image encoder holds while it runs, in float32, tensor by tensor.

As in ``sam2/modeling/backbones/hieradet.py`` and ``image_encoder.py`` (sam2 1.1.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, List, NamedTuple, Tuple

from .encoder import FLOAT
from .ledger import Ledger

INDEX = 8  # bytes per element of what max pooling returns beside its result


@dataclass(frozen=True)
class HieraShape:
    """The dimensions of one variant.

    Attributes:
        side: side of the square encoder input in pixels.
        width: number of channels of the first stage; each later one has twice as many.
        blocks: number of blocks of each of the four stages; `windows`: side of their windows in tokens.
        global_blocks: those that attend to the whole image.
        heads: number of attention heads of the first stage.
        out: number of channels of the feature maps and of the decoder; `memory`: of the memory.
    """

    side: int
    width: int
    blocks: Tuple[int, int, int, int]
    windows: Tuple[int, int, int, int]
    global_blocks: Tuple[int, ...]
    heads: int = 1
    out: int = 256
    memory: int = 64

    def grid(self, stage: int) -> int:
        """Number of tokens along one side of the feature map of a stage, from 0."""
        return self.side // 4 >> stage

    def size(self, stage: int, channels: int) -> int:
        """Bytes of a map of this stage with so many channels."""
        return self.grid(stage) ** 2 * channels * FLOAT

    def each_block(self) -> Iterator[_HieraBlock]:
        number = 0
        for stage, count in enumerate(self.blocks):
            for index in range(count):
                first = bool(
                    index == 0 and stage
                )  # it still has the window and the tokens of the stage before
                side = self.windows[stage - first]
                yield _HieraBlock(number, stage, first, 0 if number in self.global_blocks else side)
                number += 1


class _HieraBlock(NamedTuple):
    """`stage` is that of its result; `pooled` if its input is of the stage before; `window` 0 if global."""

    number: int
    stage: int
    pooled: bool
    window: int


#: From sam2's configurations, ``configs/sam2.1``, and `samcheck.guest.models.families.sam2_mini`.
HIERA_SHAPES: Dict[str, HieraShape] = {
    "sam2.1_mini": HieraShape(128, 32, (1, 2, 4, 1), (8, 4, 6, 3), (4, 6), out=128),
    "sam2.1_hiera_tiny": HieraShape(1024, 96, (1, 2, 7, 2), (8, 4, 14, 7), (5, 7, 9)),
    "sam2.1_hiera_small": HieraShape(1024, 96, (1, 2, 11, 2), (8, 4, 14, 7), (7, 10, 13)),
    "sam2.1_hiera_base_plus": HieraShape(1024, 112, (2, 3, 16, 3), (8, 4, 14, 7), (12, 16, 20), heads=2),
    "sam2.1_hiera_large": HieraShape(1024, 144, (2, 6, 36, 4), (8, 4, 16, 8), (23, 33, 43), heads=2),
}


def encode_hiera(ledger: Ledger, shape: HieraShape, images: int) -> None:
    """Follow `SAM2Base.forward_image`; the caller holds the input."""
    with ledger.part("image encoder"):
        with ledger.part("trunk"):
            first = images * shape.size(0, shape.width)
            ledger.take("x", first)
            ledger.take("positions", shape.size(0, shape.width))
            ledger.take("x", first)
            ledger.give_back("positions")
            for block in shape.each_block():
                name = "stage {}".format(block.stage)  # the result of a stage's last block is kept
                size = images * shape.size(block.stage, shape.width << block.stage)
                _hiera_block(ledger, shape, block, images)
                ledger.take(name, size)
                if block.number == 0:
                    ledger.give_back("x")
            _pyramid(ledger, shape, images)
        for stage, share in ((0, 8), (1, 4)):  # `conv_s0` and `conv_s1` of the decoder
            ledger.take("high resolution {}".format(stage), images * shape.size(stage, shape.out // share))


def _hiera_block(ledger: Ledger, shape: HieraShape, block: _HieraBlock, images: int) -> None:
    """Follow `MultiScaleBlock.forward`; the trunk holds its input while it runs."""
    before = block.stage - block.pooled
    grid, wide = shape.grid(before), shape.width << block.stage
    side = block.window or grid
    tokens = images * (-(-grid // side) * side) ** 2 * FLOAT  # bytes per channel, of padded windows
    inner = images * shape.size(before, shape.width << before)
    outer = images * shape.size(block.stage, wide)
    with ledger.part("attention of block {}".format(block.number)):
        ledger.take("x", inner)  # normalised
        if block.pooled:
            ledger.take("projected", images * shape.size(before, wide))
            _pool(ledger, "shortcut", outer)
            ledger.give_back("projected")
        if block.window:
            if grid % side:
                ledger.take("padded", tokens * (shape.width << before))
            ledger.take("x", tokens * (shape.width << before))
            if grid % side:
                ledger.give_back("padded")
        pooled = tokens // (4 if block.pooled else 1)
        ledger.take("qkv", 3 * tokens * wide)
        if block.pooled:
            ledger.take("copied q", tokens * wide)
            _pool(ledger, "q", pooled * wide)
            ledger.give_back("copied q")
        ledger.take("values", pooled * wide)
        ledger.pass_by(pooled * (shape.heads << block.stage))  # the logarithms of softmax's sums
        ledger.take("attended", pooled * wide)
        ledger.give_back("qkv", "values", "x", *(["q"] if block.pooled else []))
        if block.window:
            ledger.take("attended", pooled * wide)  # windows put together
        ledger.take("x", outer)
    _hiera_mlp(ledger, block, outer)


def _hiera_mlp(ledger: Ledger, block: _HieraBlock, size: int) -> None:
    with ledger.part("MLP of block {}".format(block.number)):
        ledger.take("x", size)
        ledger.take("normalised", size)
        ledger.take("first layer", 4 * size)
        ledger.take("activated", 4 * size)
        ledger.give_back("first layer")
        ledger.take("second layer", size)
        ledger.give_back("activated", "normalised")
        ledger.take("x", size)


def _pool(ledger: Ledger, name: str, size: int) -> None:
    ledger.take(name, size)
    ledger.pass_by(size // FLOAT * INDEX)


def _pyramid(ledger: Ledger, shape: HieraShape, images: int) -> None:
    """Follow `FpnNeck.forward`, from the lowest level up; what it adds from above is held to its end."""
    with ledger.part("neck"):
        for stage in (3, 2, 1, 0):
            size = images * shape.size(stage, shape.out)
            name = "level {}".format(stage)
            if stage == 2:
                ledger.take("lateral", size)
                ledger.take("from above", size)
                ledger.take(name, size)
            else:
                ledger.take(name, size)
                if stage == 1:
                    ledger.give_back("lateral")
            ledger.take("positions {}".format(stage), size)


def hiera_tensors(shape: HieraShape) -> List[int]:
    """Elements of each of the image encoder's parameters."""
    c = shape.width
    sizes = [c * 49, c * shape.windows[0] ** 2, 3 * 49 * c, c]
    for block in shape.each_block():
        narrow, wide = c << (block.stage - block.pooled), c << block.stage
        sizes += [2 * narrow, narrow * 3 * wide, 3 * wide, wide * wide, wide, 2 * wide]
        sizes += [8 * wide * wide, 5 * wide, *([narrow * wide, wide] if block.pooled else [])]
    return sizes + [size for stage in range(4) for size in ((c << stage) * shape.out, shape.out)]


def video_state(shape: HieraShape, frames: int, followed: int, objects: int) -> int:
    """Bytes that `SAM2VideoPredictor` keeps of a video, once `followed` of its frames have been followed.

    It keeps every frame's pixels, the maps of the last one, and of each object one memory, mask and pointer
    per frame, of which nothing is ever given back (https://github.com/facebookresearch/sam2/issues/196). Each
    object has one click in the first frame.
    """
    pixels = frames * 3 * shape.side**2 * FLOAT
    stages = ((0, shape.out // 8), (1, shape.out // 4), (2, shape.out))
    maps = sum(shape.size(stage, channels) + shape.size(stage, shape.out) for stage, channels in stages)
    memory = shape.size(2, shape.memory) // 2  # in bfloat16
    per_frame = memory + shape.size(0, 1) + (shape.out + 1) * FLOAT  # low-resolution mask, pointer, score
    positions = shape.size(2, shape.memory) if followed else 0
    click = 2 * FLOAT + 4
    return pixels + maps + positions + objects * (followed * per_frame + click)
