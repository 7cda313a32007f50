"""The dimensions of MobileSAM's image encoder, and the memory that it holds while it runs.

As in ``mobile_sam/modeling/tiny_vit_sam.py`` (mobilesam-mirror 1.0.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Tuple

from .encoder import Computing, convolve_neck
from .ledger import Ledger
from .shapes import DECODER_HEADS, FLOAT, DecoderShape, linear

INDEX = 8  # bytes


@dataclass(frozen=True)
class TinyVitShape(DecoderShape):
    """The dimensions of one variant.

    Attributes:
        side: side of the square encoder input in pixels.
        widths: number of channels of each of the four stages; `depths`: of their blocks.
        heads, windows: of the attention, and side of its windows in tokens; the first stage has none.
        classes: of the classifier, which is never used.
        expansion: how many times as many channels a block has inside.
        decoder_heads, decoder_mlp, score_hidden: the mask decoder's dimensions.
    """

    side: int
    widths: Tuple[int, int, int, int]
    depths: Tuple[int, int, int, int]
    heads: Tuple[int, int, int, int]
    windows: Tuple[int, int, int, int] = (7, 7, 14, 7)
    classes: int = 1000
    expansion: int = 4
    out: int = 256
    decoder_heads: int = DECODER_HEADS
    decoder_mlp: int = 2048
    score_hidden: int = 256

    def map_side(self, stage: int) -> int:
        """Number of tokens along one side of a stage's map, from 0; the last two have the same."""
        return self.side // 4 >> min(stage, 2)

    @property
    def encoder_tensors(self) -> List[int]:
        first, last, inside = self.widths[0], self.widths[-1], self.expansion * self.widths[0]
        sizes = [*_conv_bn(27, first // 2), *_conv_bn(9 * first // 2, first)]
        for _ in range(self.depths[0]):
            sizes += [*_conv_bn(first, inside), *_conv_bn(9, inside), *_conv_bn(inside, first)]
        for stage in (1, 2, 3):
            width = self.widths[stage]
            sizes += [*_conv_bn(self.widths[stage - 1], width), *_conv_bn(9, width), *_conv_bn(width, width)]
            sizes += self.depths[stage] * self.block_tensors(stage)
        head = [last, last, *linear(last, self.classes)]
        return [*sizes, *head, last * self.out, 2 * self.out, 9 * self.out**2, 2 * self.out]

    def block_tensors(self, stage: int) -> List[int]:
        width, inside = self.widths[stage], self.expansion * self.widths[stage]
        biases = [self.heads[stage] * self.windows[stage] ** 2]
        attention = [2 * width, *linear(width, 3 * width), *linear(width, width), *biases]
        return [*attention, 2 * width, *linear(width, inside), *linear(inside, width), *_conv_bn(9, width)]

    @property
    def held(self) -> List[int]:
        """What each attention adds to its scores, and where that is from; the norms' statistics are small."""
        pairs = [(stage, self.windows[stage] ** 4) for stage in (1, 2, 3) for _ in range(self.depths[stage])]
        return [size for stage, n in pairs for size in (n * INDEX, self.heads[stage] * n * FLOAT)]


def _conv_bn(inputs: int, outputs: int) -> List[int]:
    """Elements of a convolution, with so many inputs per output, and of the norm after it."""
    return [inputs * outputs, outputs, outputs]


def encode_tiny_vit(ledger: Ledger, shape: TinyVitShape, how: Computing, images: int) -> None:
    """Follow `TinyViT.forward`; the caller holds the input.

    Of the later stages, whose maps are at most half as large, only the attention is followed.
    """
    width, quarter = shape.widths[0], (shape.side // 4) ** 2
    stream = images * quarter * width * how.width
    with ledger.part("image encoder"):
        if how.width != FLOAT:
            ledger.take("pixels", images * 3 * shape.side**2 * how.width)
        with ledger.part("patch embedding"):
            half = 4 * images * quarter * (width // 2) * how.width
            _convolve(ledger, half)
            ledger.take("x", half)
            _convolve(ledger, stream)
        ledger.take("x", stream)
        if how.cast:
            ledger.give_back("pixels")
        ledger.take("input of the stage", 0)
        for number in range(shape.depths[0]):
            with ledger.part("convolutions of block {}".format(number)):
                for _ in range(2):
                    _convolve(ledger, shape.expansion * stream)
                    ledger.take("x", shape.expansion * stream)
                _convolve(ledger, stream)
                ledger.take("x", stream)
            ledger.take("x", stream)
            if number == 0:  # what came into the stage is held beside what comes out of a block
                ledger.take("input of the stage", stream)
        with ledger.part("joining patches"):
            wide = stream // width * shape.widths[1]
            _convolve(ledger, wide)
            ledger.take("x", wide)
            _convolve(ledger, wide // 4)
            ledger.take("x", wide // 4)
            _convolve(ledger, wide // 4)
        ledger.give_back("input of the stage")
        ledger.take("x", wide // 4)
        for stage in (1, 2, 3):
            elements = images * shape.map_side(stage) ** 2 * shape.widths[stage]
            ledger.take("input of the stage", elements * how.width)
            ledger.take("x", elements * how.width)
            if how.cast:  # autocast keeps them, of the last block those that have been used
                weights = (shape.depths[stage] - 1) * sum(shape.block_tensors(stage))
                weights += 4 * shape.widths[stage] ** 2
                ledger.take("weights of stage {}".format(stage), weights * how.width)
            _attend(ledger, shape, how, images, stage)
        ledger.give_back("input of the stage")
        convolve_neck(ledger, shape, how, images)
        ledger.take("features", images * shape.tokens * shape.out * FLOAT)


def _convolve(ledger: Ledger, size: int) -> None:
    """Follow a convolution and its norm, beside what the caller holds as ``x``, which the result replaces."""
    with ledger.part("convolution with its norm"):
        ledger.take("convolved", size)
        ledger.take("normalised", size)
    ledger.take("x", size)


def _attend(ledger: Ledger, shape: TinyVitShape, how: Computing, images: int, stage: int) -> None:
    """Follow `Attention.forward` of a stage's block, in windows; autocast leaves the biases in float32."""
    side, window, width = shape.map_side(stage), shape.windows[stage], shape.widths[stage]
    windows = images * (-(-side // window)) ** 2
    elements = windows * window**2 * width
    scores = windows * shape.heads[stage] * window**4
    wide = FLOAT if how.cast else how.width
    with ledger.part("attention of stage {}".format(stage)):
        if side % window:
            ledger.take("padded", elements * how.width)
        ledger.take("windows", elements * how.width)
        if side % window:
            ledger.give_back("padded")
        ledger.take("normalised", elements * (FLOAT if how.wide_norm else how.width))
        ledger.take("qkv", 3 * elements * how.width)
        ledger.take("attention", scores * how.width)
        ledger.take("attention", scores * how.width)  # scaled
        ledger.take("attention", scores * wide)  # with biases
        ledger.take("attention", scores * wide)  # softmax
        if how.cast:
            ledger.pass_by(scores * how.width)
        ledger.take("values", elements * how.width)


TINY_VIT_SHAPES: Dict[str, TinyVitShape] = {
    "mobile_sam_mini": TinyVitShape(
        256, (32, 64, 80, 320), (1, 1, 2, 1), (1, 2, 4, 10), classes=10, decoder_mlp=256, score_hidden=128
    ),
    "mobile_sam": TinyVitShape(1024, (64, 128, 160, 320), (2, 2, 6, 2), (2, 4, 5, 10)),
}
