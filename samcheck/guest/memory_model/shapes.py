"""The dimensions of SAM's variants, and the number of parameters that follows from them.

From `segment_anything/build_sam.py`; a check in the suite compares them with the real models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Tuple

PATCH = 16
#: Tokens that the decoder adds to a prompt's: one for the score, one per mask.
OUTPUT_TOKENS = 5
MASKS = 4
DECODER_HEADS = 8
DECODER_DEPTH = 2
MASK_CHANNELS = 16
FLOAT = 4  # bytes


class DecoderShape:
    """What every family's shape says: the sizes of its decoder, and what each of its parts holds.

    Attributes:
        side: side of the square encoder input in pixels.
        out: number of channels of the features and of the decoder.
        decoder_heads, decoder_mlp, score_hidden: the mask decoder's dimensions.
        output_tokens: that the decoder adds to a prompt's.
        fused_attention: whether the decoder's attention holds no scores.
        adds_features: whether it adds the encoder's larger maps to what it enlarges.
        resizes_once: whether the masks are resized to the original image at once, without a step between.
    """

    side: int
    out: int
    decoder_heads: int
    decoder_mlp: int
    score_hidden: int
    output_tokens = OUTPUT_TOKENS
    fused_attention = False
    adds_features = False
    resizes_once = False

    @property
    def grid(self) -> int:
        """Number of tokens along one side of the image."""
        return self.side // PATCH

    @property
    def tokens(self) -> int:
        return self.grid**2

    @property
    def features(self) -> List[int]:
        """Bytes of each tensor that a predictor keeps of an image."""
        return [self.tokens * self.out * FLOAT]

    @property
    def held(self) -> List[int]:
        """Bytes of each tensor that the model holds beside its parameters."""
        return []

    @property
    def encoder_tensors(self) -> List[int]:
        """Elements of each of the image encoder's parameters, in the order of `Module.parameters`."""
        raise NotImplementedError

    @property
    def encoder_parameters(self) -> int:
        """Number of the image encoder's parameters."""
        return sum(self.encoder_tensors)

    @property
    def parameters(self) -> int:
        """Number of parameters of the whole model."""
        return sum(self.encoder_tensors) + sum(self.other_tensors)

    @property
    def other_tensors(self) -> List[int]:
        """Likewise of the prompt encoder and the mask decoder, which are always float32."""
        return [*self._prompt_tensors, *self._transformer_tensors, *self._mask_tensors]

    @property
    def _prompt_tensors(self) -> List[int]:
        quarter, full = MASK_CHANNELS // 4, MASK_CHANNELS
        embeddings = 6 * [self.out]  # four kinds of point, no point, no mask
        narrow = [4 * quarter, quarter, quarter, quarter]  # a convolution and a norm
        wide = [4 * quarter * full, full, full, full]
        return [*embeddings, *narrow, *wide, *linear(full, self.out)]

    @property
    def _transformer_tensors(self) -> List[int]:
        c, norm = self.out, [self.out, self.out]
        across = [*(3 * linear(c, c // 2)), *linear(c // 2, c)]
        mlp = [*linear(c, self.decoder_mlp), *linear(self.decoder_mlp, c)]
        layer = [*(4 * linear(c, c)), *norm, *across, *norm, *mlp, *norm, *norm, *across]
        return [*(DECODER_DEPTH * layer), *across, *norm]

    @property
    def _mask_tensors(self) -> List[int]:
        c, hidden = self.out, self.score_hidden
        tokens = [c, (OUTPUT_TOKENS - 1) * c]
        quarter, eighth = c // 4, c // 8
        upscaling = [4 * c * quarter, quarter, quarter, quarter, 4 * quarter * eighth, eighth]
        masks = MASKS * [*linear(c, c), *linear(c, c), *linear(c, eighth)]
        scores = [*linear(c, hidden), *linear(hidden, hidden), *linear(hidden, MASKS)]
        return [*tokens, *upscaling, *masks, *scores]


@dataclass(frozen=True)
class ModelShape(DecoderShape):
    """The dimensions of one variant.

    Attributes:
        side: side of the square encoder input in pixels.
        width: number of channels of the encoder.
        depth: number of its blocks; those in `global_blocks` attend to the whole image.
        heads: number of its attention heads.
        window: side of the other blocks' windows, in tokens.
        out: number of channels of the features and of the decoder.
        decoder_heads, decoder_mlp, score_hidden: the mask decoder's dimensions.
    """

    side: int
    width: int
    depth: int
    heads: int
    global_blocks: Tuple[int, ...]
    window: int = 14
    out: int = 256
    decoder_heads: int = DECODER_HEADS
    decoder_mlp: int = 2048
    score_hidden: int = 256

    @property
    def head(self) -> int:
        """Number of channels per head."""
        return self.width // self.heads

    @property
    def encoder_tensors(self) -> List[int]:
        """Elements of each of the image encoder's parameters, in the order of `Module.parameters`."""
        patches = [self.tokens * self.width, 3 * PATCH**2 * self.width, self.width]
        blocks = [size for number in range(self.depth) for size in self._block_tensors(number)]
        norm = [self.out, self.out]
        neck = [self.width * self.out, *norm, 9 * self.out**2, *norm]
        return [*patches, *blocks, *neck]

    def _block_tensors(self, number: int) -> List[int]:
        width, side = self.width, self.grid if number in self.global_blocks else self.window
        norm = [width, width]
        positions = 2 * [(2 * side - 1) * self.head]
        attention = [*positions, *linear(width, 3 * width), *linear(width, width)]
        return [*norm, *attention, *norm, *linear(width, 4 * width), *linear(4 * width, width)]


def linear(inputs: int, outputs: int) -> List[int]:
    """Elements of the weight and the bias of a linear layer."""
    return [inputs * outputs, outputs]


SHAPES: Dict[str, ModelShape] = {
    "tiny": ModelShape(
        256, 128, 4, 4, (1, 3), window=7, out=128, decoder_heads=4, decoder_mlp=256, score_hidden=128
    ),
    "vit_b": ModelShape(1024, 768, 12, 12, (2, 5, 8, 11)),
    "vit_l": ModelShape(1024, 1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": ModelShape(1024, 1280, 32, 16, (7, 15, 23, 31)),
}
