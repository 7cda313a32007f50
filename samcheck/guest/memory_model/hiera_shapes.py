"""The dimensions of SAM 2.1's variants, and the tensors that follow from them.

From sam2's configurations, ``configs/sam2.1``, and its modules (sam2 1.1.0); a check in the suite compares
them with the real models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, List, NamedTuple, Tuple

from .shapes import DECODER_HEADS, FLOAT, OUTPUT_TOKENS, DecoderShape, linear

#: Weights per channel of the first convolution, over patches of 7 x 7 pixels.
PATCH_WEIGHTS = 3 * 7**2


@dataclass(frozen=True)
class HieraShape(DecoderShape):
    """The dimensions of one variant.

    Attributes:
        side: side of the square encoder input in pixels.
        width: number of channels of the first stage; each later one has twice as many.
        blocks: number of blocks of each of the four stages; `windows`: side of their windows in tokens.
        global_blocks: those that attend to the whole image.
        heads: number of attention heads of the first stage.
        out: number of channels of the feature maps and of the decoder; `memory`: of the memory.
        layers: number of layers of the memory's attention; `feedforward`: hidden channels of each.
        background: side of the positions that are enlarged to the first map.
        warmed: whether the memory's positions are computed for all maps when the model is built.
    """

    side: int
    width: int
    blocks: Tuple[int, int, int, int]
    windows: Tuple[int, int, int, int]
    global_blocks: Tuple[int, ...]
    heads: int = 1
    out: int = 256
    memory: int = 64
    layers: int = 4
    feedforward: int = 2048
    warmed: bool = True
    background: int = 7
    decoder_heads: int = DECODER_HEADS
    decoder_mlp: int = 2048
    score_hidden: int = 256
    output_tokens = OUTPUT_TOKENS + 1  # and one that says whether the object is there
    fused_attention = True
    adds_features = True
    resizes_once = True

    @property
    def features(self) -> List[int]:
        maps = [self.size(stage, self.out // share) for stage, share in ((0, 8), (1, 4))]
        return [self.size(2, self.out), *maps]

    @property
    def held(self) -> List[int]:
        """Positions of maps and of memories, and the tables of rotary positions, as complex numbers.

        `PositionEmbeddingSine` keeps them, and `RoPEAttention`, neither as a buffer.
        """
        positions = [self.size(stage, self.out) for stage in range(4)]
        memories = [self.size(stage, self.memory) for stage in (range(4) if self.warmed else (2,))]
        return [*positions, *memories, *(2 * self.layers * [self.size(2, self.out)])]

    @property
    def encoder_tensors(self) -> List[int]:
        c = self.width
        sizes = [c * self.background**2, c * self.windows[0] ** 2, c * PATCH_WEIGHTS, c]
        for block in self.each_block():
            narrow, wide = c << (block.stage - block.pooled), c << block.stage
            sizes += [2 * narrow, narrow * 3 * wide, 3 * wide, wide * wide, wide, 2 * wide]
            sizes += [8 * wide * wide, 5 * wide, *([narrow * wide, wide] if block.pooled else [])]
        return sizes + [size for stage in range(4) for size in ((c << stage) * self.out, self.out)]

    @property
    def other_tensors(self) -> List[int]:
        """Of prompts and decoder as in SAM, with what SAM 2 adds, and of the memory."""
        c, memory = self.out, self.memory
        maps = [*linear(c, c // 8), *linear(c, c // 4)]
        present = [c, *linear(c, c), *linear(c, c), *linear(c, 1)]
        pointers = [*(3 * linear(c, c)), *linear(c, memory), c]
        frames = [7 * memory, c, c, memory, *linear(16, 1)]
        return [*super().other_tensors, *maps, *present, *pointers, *frames, *self._memory_tensors]

    @property
    def _memory_tensors(self) -> List[int]:
        """Of the memory's attention and encoder."""
        c, norm = self.out, [self.out, self.out]
        across = [*linear(c, c), *linear(self.memory, c), *linear(self.memory, c), *linear(c, c)]
        mlp = [*linear(c, self.feedforward), *linear(self.feedforward, c)]
        attention = [*(self.layers * [*(4 * linear(c, c)), *across, *mlp, *(3 * norm)]), *norm]
        masks = [size for k in (1, 4, 16, 64) for size in (9 * k * 4 * k, 4 * k, 4 * k, 4 * k)]
        fused = [*linear(49, c), *norm, *linear(c, 4 * c), *linear(4 * c, c), c]
        ends = [*linear(256, c), *linear(c, c), *linear(c, self.memory)]
        return [*attention, *masks, *(2 * fused), *ends]

    def block_weights(self, block: HieraBlock) -> List[int]:
        """Elements of the weights of a block's linear layers."""
        narrow, wide = self.width << (block.stage - block.pooled), self.width << block.stage
        return [narrow * 3 * wide, wide * wide, 8 * wide * wide, *([narrow * wide] if block.pooled else [])]

    def map_side(self, stage: int) -> int:
        """Number of tokens along one side of the feature map of a stage, from 0."""
        return self.side // 4 >> stage

    def size(self, stage: int, channels: int) -> int:
        """Bytes of a map of this stage with so many channels."""
        return self.map_side(stage) ** 2 * channels * FLOAT

    def each_block(self) -> Iterator[HieraBlock]:
        number = 0
        for stage, count in enumerate(self.blocks):
            for index in range(count):
                first = bool(
                    index == 0 and stage
                )  # it still has the window and the tokens of the stage before
                side = self.windows[stage - first]
                yield HieraBlock(number, stage, first, 0 if number in self.global_blocks else side)
                number += 1


class HieraBlock(NamedTuple):
    """`stage` is that of its result; `pooled` if its input is of the stage before; `window` 0 if global."""

    number: int
    stage: int
    pooled: bool
    window: int


#: From sam2's configurations, ``configs/sam2.1``, and `samcheck.guest.models.families.sam2_mini`.
HIERA_SHAPES: Dict[str, HieraShape] = {
    "sam2.1_mini": HieraShape(
        128, 32, (1, 2, 4, 1), (8, 4, 6, 3), (4, 6), out=128, layers=2, feedforward=512, warmed=False
    ),
    "sam2.1_hiera_tiny": HieraShape(1024, 96, (1, 2, 7, 2), (8, 4, 14, 7), (5, 7, 9)),
    "sam2.1_hiera_small": HieraShape(1024, 96, (1, 2, 11, 2), (8, 4, 14, 7), (7, 10, 13)),
    "sam2.1_hiera_base_plus": HieraShape(
        1024, 112, (2, 3, 16, 3), (8, 4, 14, 7), (12, 16, 20), heads=2, background=14
    ),
    "sam2.1_hiera_large": HieraShape(1024, 144, (2, 6, 36, 4), (8, 4, 16, 8), (23, 33, 43), heads=2),
}
