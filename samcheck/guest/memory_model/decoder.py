"""Memory that a batch of prompts holds in `predict_torch`: mask decoder, then full-size masks.

The decoder copies the image's features for each prompt: with 64 prompts and 1024 pixels a copy is 256 MiB,
and seven are alive at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from .encoder import norm_2d
from .ledger import Ledger
from .shapes import DECODER_DEPTH, FLOAT, MASKS, OUTPUT_TOKENS, DecoderShape


@dataclass(frozen=True)
class Prompts:
    """A batch of prompts on one image.

    Attributes:
        count: number of prompts in the batch.
        points: number of points per prompt; one more is always added.
        size: height and width of the original image in pixels.
        masks: number of masks per prompt: 3, or 1.
        copied: whether resizing copies its input and its output, as PyTorch's single-threaded CPU kernel
            does since 2.0 (measured on 2.0.1, 2.4.1 and 2.15.0, and not on 1.13.1).
    """

    count: int
    size: Tuple[int, int]
    points: int = 1
    masks: int = MASKS - 1
    copied: bool = False


def input_size(shape: DecoderShape, size: Tuple[int, int]) -> Tuple[int, int]:
    """Height and width after resizing the longer side to the encoder's, as `ResizeLongestSide` rounds."""
    scale = shape.side / max(size)
    return int(size[0] * scale + 0.5), int(size[1] * scale + 0.5)


def logits(prompts: Prompts) -> int:
    """Bytes of the masks as float32 logits at the size of the original image."""
    return prompts.count * prompts.masks * prompts.size[0] * prompts.size[1] * FLOAT


def low_resolution(shape: DecoderShape, prompts: Prompts) -> int:
    """Bytes of the masks that the decoder returns, including the one for unambiguous prompts."""
    return prompts.count * MASKS * (shape.side // 4) ** 2 * FLOAT


def kept_low_resolution(shape: DecoderShape, prompts: Prompts) -> int:
    """Bytes of the small masks that the automatic generator keeps: a view of all, or a copy of its own."""
    low = low_resolution(shape, prompts)
    return low // MASKS * prompts.masks if shape.resizes_once else low


def predict(ledger: Ledger, shape: DecoderShape, prompts: Prompts) -> None:
    """Follow `SamPredictor.predict_torch(return_logits=True)`; the masks are left to the caller."""
    low = low_resolution(shape, prompts)
    with ledger.part("predict"):
        ledger.take("dense positions", shape.tokens * shape.out * FLOAT)
        _decode(ledger, shape, prompts, low)
        ledger.give_back("dense positions")
        ledger.take("low resolution", low)
        if shape.resizes_once:
            _enlarge_once(ledger, shape, prompts, low)
        else:
            _enlarge(ledger, shape, prompts)


def _decode(ledger: Ledger, shape: DecoderShape, prompts: Prompts, low: int) -> None:
    """`MaskDecoder.predict_masks`."""
    image = prompts.count * shape.tokens * shape.out * FLOAT
    with ledger.part("mask decoder"):
        ledger.take("src", image)
        ledger.take("src", image)  # with the dense prompt
        ledger.take("positions", image)
        with ledger.part("transformer of the decoder"):
            ledger.take("keys", 0)  # of the first layer: a view of src
            for number in range(DECODER_DEPTH):
                _layer(ledger, shape, prompts, image, strided=number == 0)
                ledger.take("keys", image)
            ledger.take("keys with positions", image)
            ledger.take("projected", image)
            _scores(ledger, shape, prompts)
        ledger.take("src", image)
        _upscale(ledger, image, shape.adds_features)
        ledger.take("upscaled", 2 * image)
        ledger.take("masks", low)


def _layer(ledger: Ledger, shape: DecoderShape, prompts: Prompts, image: int, strided: bool) -> None:
    """Follow `TwoWayAttentionBlock.forward`; `strided` inputs are copied before each product."""
    copied = image if strided else 0
    with ledger.part("layer of the decoder"):
        for _ in range(2):  # tokens attend to the image, then the image to the tokens
            ledger.take("k", image)
            ledger.take("copy", copied)
            ledger.take("projected k", image // 2)
            ledger.take("copy", copied)
            ledger.take("projected v", image // 2)
            ledger.give_back("copy")
            ledger.pass_by(image // 2)
            _scores(ledger, shape, prompts)
            if shape.fused_attention:
                _tokens_mlp(ledger, shape, prompts)
            ledger.give_back("projected k", "projected v")
        ledger.take("attended", image)
        ledger.take("sum", image)
        ledger.take("copy", copied)
        ledger.take("normalised", image)


def _scores(ledger: Ledger, shape: DecoderShape, prompts: Prompts) -> None:
    """Follow the attention between tokens and image: the scaled scores, and their softmax."""
    if shape.fused_attention:  # which holds no scores
        return
    tokens = OUTPUT_TOKENS + prompts.points + 1
    size = prompts.count * shape.decoder_heads * tokens * shape.tokens * FLOAT
    ledger.pass_by(2 * size)


def _tokens_mlp(ledger: Ledger, shape: DecoderShape, prompts: Prompts) -> None:
    """Follow the tokens' MLP, which is larger than the image's features if these are small."""
    size = prompts.count * (shape.output_tokens + prompts.points + 1) * shape.decoder_mlp * FLOAT
    ledger.pass_by(2 * size)


def _upscale(ledger: Ledger, image: int, adds_features: bool) -> None:
    """Follow `output_upscaling`: twice as wide, then again, with a quarter and an eighth of the channels."""
    with ledger.part("upscaling of the decoder"):
        ledger.take("first", image)
        if adds_features:
            ledger.take("first", image)
        norm_2d(ledger, image)
        ledger.take("normalised", image)
        ledger.give_back("first")
        ledger.take("activated", image)
        ledger.give_back("normalised")
        ledger.take("second", 2 * image)
        if adds_features:
            ledger.take("second", 2 * image)
        else:
            ledger.give_back("activated")
        ledger.take("activated again", 2 * image)


def _enlarge_once(ledger: Ledger, shape: DecoderShape, prompts: Prompts, low: int) -> None:
    """Follow `SAM2Transforms.postprocess_masks`, and then the limits that are put on the small masks."""
    kept = low // MASKS * prompts.masks
    with ledger.part("enlargement of the masks"):
        ledger.take("flat", kept)
        _resize(ledger, "masks", kept, logits(prompts), prompts.copied)
    with ledger.part("enlargement of the masks"):
        ledger.take("masks", logits(prompts))
        ledger.take("limited", kept)


def _enlarge(ledger: Ledger, shape: DecoderShape, prompts: Prompts) -> None:
    """Follow `Sam.postprocess_masks`: to the encoder's size, then, from an unpadded view, to the original."""
    planes = prompts.count * prompts.masks * FLOAT
    height, width = input_size(shape, prompts.size)
    with ledger.part("first enlargement of the masks"):
        _resize(ledger, "square", planes * (shape.side // 4) ** 2, planes * shape.side**2, prompts.copied)
        with ledger.part("second enlargement of the masks"):
            _resize(ledger, "masks", planes * height * width, logits(prompts), prompts.copied)


def _resize(ledger: Ledger, name: str, before: int, after: int, copied: bool) -> None:
    ledger.take(name, after)
    if copied:
        ledger.pass_by(before + after)
