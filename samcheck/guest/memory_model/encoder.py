"""Memory that the image encoder holds while it runs, tensor by tensor, as in `modeling/image_encoder.py`."""

from __future__ import annotations

from dataclasses import dataclass

from .ledger import Ledger
from .shapes import FLOAT, DecoderShape, ModelShape


@dataclass(frozen=True)
class Computing:
    """Data types of the encoder's computation.

    Attributes:
        width: bytes per element of matrix products, including attention scores.
        stream: bytes per element of the residual stream, which autocast leaves in float32.
        cast: whether each product casts its operands first, as autocast does.
        wide_softmax: whether softmax computes and returns float32 for any input: CUDA's autocast does
            (https://docs.pytorch.org/docs/stable/amp.html), the CPU's does not.
        fused_softmax: whether it reads its narrow input as it is: CUDA's kernel does for float16 but not
            for bfloat16 (`softmax_cuda_out` in aten/src/ATen/native/cuda/SoftMax.cu, `half_to_float`).
        wide_norm: whether norms compute and return float32 for any input: CUDA's autocast does, the CPU's
            does not.
    """

    width: int
    stream: int
    cast: bool = False
    wide_softmax: bool = False
    fused_softmax: bool = False
    wide_norm: bool = False


def encode(ledger: Ledger, shape: ModelShape, how: Computing, batch: int) -> None:
    """Follow `ImageEncoderViT.forward`; the caller holds the input."""
    stream = batch * shape.tokens * shape.width * how.stream
    with ledger.part("image encoder"):
        if how.width != FLOAT and not how.cast:  # the pixels, cast by the caller
            ledger.take("pixels", batch * 3 * shape.side**2 * how.width)
        ledger.take("x", batch * shape.tokens * shape.width * how.width)
        ledger.take("x", stream)  # with positions
        for number in range(shape.depth):
            if how.cast:  # autocast keeps the cast weights of parameters until it ends
                for name, share in (("qkv", 3), ("projection", 1), ("first layer", 4), ("second layer", 4)):
                    ledger.take("{} {}".format(name, number), share * shape.width**2 * how.width)
            _block(ledger, shape, how, batch, number)
            ledger.take("x", stream)
        convolve_neck(ledger, shape, how, batch)


def _block(ledger: Ledger, shape: ModelShape, how: Computing, batch: int, number: int) -> None:
    """Follow `Block.forward`; the encoder holds its input while it runs."""
    everywhere = number in shape.global_blocks
    side = shape.grid if everywhere else shape.window
    windows = 1 if everywhere else (-(-shape.grid // side)) ** 2
    stream = batch * shape.tokens * shape.width * how.stream
    padded = batch * windows * side**2 * shape.width * how.stream
    with ledger.part("attention of block {}".format(number)):
        ledger.take("x", stream)  # normalised
        if not everywhere:
            if windows * side**2 > shape.tokens:
                ledger.take("padded", padded)
            ledger.take("x", padded)
        _attention(ledger, shape, how, batch * windows, side)
        ledger.take("x", batch * windows * side**2 * shape.width * how.width)
        if not everywhere:
            ledger.take("x", batch * windows * side**2 * shape.width * how.width)
            ledger.take("x", batch * shape.tokens * shape.width * how.width)
        ledger.take("x", stream)
    with ledger.part("MLP of block {}".format(number)):
        ledger.take("x", stream)
        ledger.take("normalised", stream)
        hidden = 4 * batch * shape.tokens * shape.width * how.width
        if how.cast:
            ledger.take("normalised, cast", batch * shape.tokens * shape.width * how.width)
        ledger.take("first layer", hidden)
        ledger.take("activated", hidden)
        ledger.give_back("first layer")
        ledger.take("second layer", hidden // 4)
        ledger.give_back("activated", "normalised")
        ledger.take("x", stream)


def _attention(ledger: Ledger, shape: ModelShape, how: Computing, batch: int, side: int) -> None:
    """Follow `Attention.forward` with decomposed relative positions; `batch` includes windows.

    The largest tensors are the scores, tokens x tokens for each head. The positions are added in two
    steps, so three such tensors are alive at once.
    """
    tokens = side**2
    activation = batch * tokens * shape.width * how.width
    scores = batch * shape.heads * tokens**2 * how.width
    positions = batch * shape.heads * tokens * side * how.width
    if how.cast:
        ledger.pass_by(activation)
    ledger.take("qkv", 3 * activation)
    if batch > 1:  # the merged dimensions are no longer adjacent in memory
        ledger.take("q, k, v", 3 * activation)
    ledger.take("scaled q", activation)
    ledger.take("scores", scores)
    ledger.give_back("scaled q")
    ledger.pass_by(activation)
    ledger.take("rel_h", positions)
    ledger.pass_by(activation)
    ledger.take("rel_w", positions)
    ledger.take("with height", scores)
    ledger.take("with width", scores)
    ledger.give_back("with height", "scores", "rel_h", "rel_w")
    _softmax(ledger, how, scores)
    ledger.give_back("with width")
    if how.wide_softmax:
        ledger.take("cast", scores)
    ledger.take("values", activation)
    if how.wide_softmax:
        ledger.give_back("cast")
    ledger.take("joined", activation)
    ledger.give_back("softmax", "values", "joined", "qkv", *(["q, k, v"] if batch > 1 else []))


def _softmax(ledger: Ledger, how: Computing, scores: int) -> None:
    if not how.wide_softmax:
        ledger.take("softmax", scores)
        return
    wide = scores // how.width * FLOAT
    if how.fused_softmax:
        ledger.take("softmax", wide)
        return
    ledger.take("wide scores", wide)
    ledger.take("softmax", wide)
    ledger.give_back("wide scores")


def convolve_neck(ledger: Ledger, shape: DecoderShape, how: Computing, batch: int) -> None:
    """Follow two convolutions, each with a `LayerNorm2d` in float32 after it."""
    narrow = batch * shape.tokens * shape.out * how.width
    wide = batch * shape.tokens * shape.out * FLOAT
    with ledger.part("neck"):
        for _ in range(2):
            ledger.take("x", narrow)
            norm_2d(ledger, wide)
            ledger.take("x", wide)


def norm_2d(ledger: Ledger, size: int) -> None:
    """Follow `LayerNorm2d.forward`; the caller holds its input. The difference to the mean is made twice."""
    with ledger.part("LayerNorm2d"):
        ledger.take("difference", size)
        ledger.pass_by(size)  # its square
        ledger.take("x", size)
        ledger.give_back("difference")
        ledger.take("product", size)
        ledger.take("sum", size)
