"""Memory that SAM 2's image encoder holds while it runs, tensor by tensor.

As in ``sam2/modeling/backbones/hieradet.py`` and ``image_encoder.py`` (sam2 1.1.0).
"""

from __future__ import annotations

from .encoder import Computing
from .hiera_shapes import PATCH_WEIGHTS, HieraBlock, HieraShape
from .ledger import Ledger
from .shapes import FLOAT

IN_FLOAT = Computing(FLOAT, FLOAT)
INDEX = 8  # bytes per element of what max pooling returns beside its result


def encode_hiera(ledger: Ledger, shape: HieraShape, images: int, how: Computing = IN_FLOAT) -> None:
    """Follow `SAM2Base.forward_image`; the caller holds the input."""
    with ledger.part("image encoder"):
        _trunk_and_neck(ledger, shape, images, how)
        for stage in (0, 1, 2):
            _take_level(ledger, shape, images, stage, how)
        if how.width != FLOAT:  # the features are given to the decoder in float32
            for name in ("positions", "level"):
                for stage in (0, 1):
                    ledger.take("wide {} {}".format(name, stage), images * shape.size(stage, shape.out))
            ledger.give_back("positions 0", "positions 1", "level 0", "level 1")
        for stage, share in ((0, 8), (1, 4)):  # `conv_s0` and `conv_s1` of the decoder
            ledger.take("high resolution {}".format(stage), images * shape.size(stage, shape.out // share))
            ledger.give_back("{}level {}".format("" if how.width == FLOAT else "wide ", stage))


def _take_level(ledger: Ledger, shape: HieraShape, images: int, stage: int, how: Computing) -> None:
    """Hold a level of the pyramid and its positions; what it adds from above makes level 2 float32."""
    width = FLOAT if stage == 2 else how.width
    size = images * shape.size(stage, shape.out) // FLOAT * width
    ledger.take("level {}".format(stage), size)
    ledger.take("positions {}".format(stage), size)


def _trunk_and_neck(ledger: Ledger, shape: HieraShape, images: int, how: Computing) -> None:
    """Follow `ImageEncoder.forward`; autocast keeps the cast weights of parameters until it ends."""
    with ledger.part("trunk"):
        if how.width != FLOAT and not how.cast:
            ledger.take("narrow pixels", images * 3 * shape.side**2 * how.width)
        positions = shape.size(0, shape.width) // FLOAT * (FLOAT if how.cast else how.width)
        if how.cast:
            ledger.take("weights of the patches", shape.width * PATCH_WEIGHTS * how.width)
            ledger.take("pixels, cast", images * 3 * shape.side**2 * how.width)
        ledger.take("x", images * shape.size(0, shape.width) // FLOAT * how.width)
        if how.cast:
            ledger.give_back("pixels, cast")
        ledger.take("interpolated", positions)
        ledger.take("tiled", positions)
        ledger.take("positions", positions)
        ledger.give_back("interpolated", "tiled")
        ledger.take("x", images * shape.size(0, shape.width) // FLOAT * how.stream)
        ledger.give_back("positions")
        for block in shape.each_block():
            if how.cast:
                weights = sum(shape.block_weights(block)) * how.width
                ledger.take("weights of block {}".format(block.number), weights)
            name = "stage {}".format(block.stage)  # the result of a stage's last block is kept
            size = images * shape.size(block.stage, shape.width << block.stage)
            _hiera_block(ledger, shape, block, images, how)
            ledger.take(name, size // FLOAT * _stream(block.stage, how))
            if block.number == 0:
                ledger.give_back("x")
        _pyramid(ledger, shape, images, how)


def _stream(stage: int, how: Computing) -> int:
    """Bytes per element of the residual stream; under autocast the first projected shortcut narrows it."""
    return how.width if stage else how.stream


def _hiera_block(ledger: Ledger, shape: HieraShape, block: HieraBlock, images: int, how: Computing) -> None:
    """Follow `MultiScaleBlock.forward`; the trunk holds its input while it runs."""
    before = block.stage - block.pooled
    grid, wide = shape.map_side(before), shape.width << block.stage
    side = block.window or grid
    tokens = images * (-(-grid // side) * side) ** 2  # of padded windows
    channels = shape.width << before
    inner = images * grid**2 * channels
    outer = images * shape.map_side(block.stage) ** 2 * wide
    with ledger.part("attention of block {}".format(block.number)):
        normed = _normalise(ledger, inner, _stream(before, how), how)
        if block.pooled:
            _cast(ledger, inner, how)
            ledger.take("projected", images * grid**2 * wide * how.width)
            _pool(ledger, "shortcut", outer, how)
            ledger.give_back("projected")
        if block.window:
            if grid % side:
                ledger.take("padded", tokens * channels * normed)
            ledger.take("x", tokens * channels * normed)
            if grid % side:
                ledger.give_back("padded")
        _attend(ledger, shape, block, tokens, channels, how)
        attended = tokens // (4 if block.pooled else 1) * wide * how.width
        if block.window:
            ledger.take("attended", attended)  # windows put together
        ledger.take("x", outer * _stream(block.stage, how))
    _hiera_mlp(ledger, block, outer, how)


def _normalise(ledger: Ledger, elements: int, width: int, how: Computing) -> int:
    """Follow a norm, which CUDA's autocast computes in float32; return the bytes per element."""
    normed = FLOAT if how.wide_norm else width
    if normed != width:
        ledger.take("widened", elements * normed)
    ledger.take("x", elements * normed)
    if normed != width:
        ledger.give_back("widened")
    return normed


def _cast(ledger: Ledger, elements: int, how: Computing) -> None:
    """Follow autocast, which copies an operand before a product; it is given back before anything else."""
    if how.cast:
        ledger.pass_by(elements * how.width)


def _attend(
    ledger: Ledger, shape: HieraShape, block: HieraBlock, tokens: int, channels: int, how: Computing
) -> None:
    """Follow `MultiScaleAttention.forward`, whose result the caller then has as ``attended``."""
    wide = (shape.width << block.stage) * how.width
    pooled = tokens // (4 if block.pooled else 1)
    if how.cast:
        ledger.take("cast", tokens * channels * how.width)
    ledger.take("qkv", 3 * tokens * wide)
    if how.cast:
        ledger.give_back("cast")
    if block.pooled:
        ledger.take("copied q", tokens * wide)
        _pool(ledger, "q", pooled * (shape.width << block.stage), how)
        ledger.give_back("copied q")
    ledger.take("values", pooled * wide)
    ledger.pass_by(pooled * (shape.heads << block.stage) * FLOAT)  # the logarithms of softmax's sums
    ledger.take("attended", pooled * wide)
    ledger.give_back("qkv", "values", "x", *(["q"] if block.pooled else []))


def _hiera_mlp(ledger: Ledger, block: HieraBlock, elements: int, how: Computing) -> None:
    stream = _stream(block.stage, how)
    with ledger.part("MLP of block {}".format(block.number)):
        ledger.take("sum", elements * stream)
        _normalise(ledger, elements, stream, how)
        if how.cast:
            ledger.take("cast", elements * how.width)
        ledger.take("first layer", 4 * elements * how.width)
        if how.cast:
            ledger.give_back("cast")
        ledger.take("activated", 4 * elements * how.width)
        ledger.give_back("first layer")
        ledger.take("second layer", elements * how.width)
        ledger.give_back("activated", "x")
        ledger.take("sum", elements * stream)


def _pool(ledger: Ledger, name: str, elements: int, how: Computing) -> None:
    ledger.take(name, elements * how.width)
    ledger.pass_by(elements * INDEX)


def _pyramid(ledger: Ledger, shape: HieraShape, images: int, how: Computing) -> None:
    """Follow `FpnNeck.forward`, from the lowest level up; what it adds from above is held to its end."""
    with ledger.part("neck"):
        for stage in (3, 2, 1, 0):
            channels = shape.width << stage
            if how.cast:
                ledger.take("weights {}".format(stage), channels * shape.out * how.width)
                if not stage:
                    ledger.pass_by(images * shape.size(0, channels) // FLOAT * how.width)
            size = images * shape.size(stage, shape.out)
            if stage == 2:
                ledger.take("lateral", size // FLOAT * how.width)
                ledger.take("from above", size)
                ledger.take("level 2", size)
                ledger.take("positions 2", size)
                continue
            ledger.take("level {}".format(stage), size // FLOAT * how.width)
            if stage == 1:
                ledger.give_back("lateral")
            ledger.take("positions {}".format(stage), size)
            if how.width != FLOAT:
                ledger.take("positions {}".format(stage), size // FLOAT * how.width)
