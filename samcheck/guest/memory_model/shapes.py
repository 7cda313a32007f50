"""The dimensions of SAM's variants, and the number of parameters that follows from them.

From `segment_anything/build_sam.py`; a check in the suite compares them with the real models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Tuple

PATCH = 16
#: Tokens that the decoder adds to a prompt's: one for the score, one per mask.
OUTPUT_TOKENS = 5
MASKS = 4
DECODER_HEADS = 8
DECODER_DEPTH = 2
MASK_CHANNELS = 16


@dataclass(frozen=True)
class ModelShape:
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
    def grid(self) -> int:
        """Number of tokens along one side of the image."""
        return self.side // PATCH

    @property
    def tokens(self) -> int:
        return self.grid**2

    @property
    def head(self) -> int:
        """Number of channels per head."""
        return self.width // self.heads

    @property
    def encoder_parameters(self) -> int:
        linear = self.depth * (12 * self.width**2 + 9 * self.width)
        norms = self.depth * 4 * self.width
        windows = [self.grid if n in self.global_blocks else self.window for n in range(self.depth)]
        positions = sum(2 * (2 * side - 1) * self.head for side in windows)
        patches = 3 * PATCH**2 * self.width + self.width + self.tokens * self.width
        neck = self.width * self.out + 9 * self.out**2 + 4 * self.out
        return linear + norms + positions + patches + neck

    @property
    def parameters(self) -> int:
        """Number of parameters of the whole model."""
        return self.encoder_parameters + self._prompt_parameters + self._decoder_parameters

    @property
    def _prompt_parameters(self) -> int:
        c = MASK_CHANNELS
        embeddings = 6 * self.out  # four kinds of point, no point, no mask
        first = 4 * (c // 4) + 3 * (c // 4)
        second = 4 * (c // 4) * c + 3 * c
        return embeddings + first + second + c * self.out + self.out

    @property
    def _decoder_parameters(self) -> int:
        c = self.out
        full, half = 4 * (c * c + c), 3 * (c * c // 2 + c // 2) + c * c // 2 + c
        block = full + 2 * half + 2 * c * self.decoder_mlp + self.decoder_mlp + c + 8 * c
        transformer = DECODER_DEPTH * block + half + 2 * c
        upscaling = 4 * c * (c // 4) + c // 4 + 2 * (c // 4) + 4 * (c // 4) * (c // 8) + c // 8
        masks = MASKS * (2 * (c * c + c) + c * (c // 8) + c // 8)
        hidden = self.score_hidden
        scores = c * hidden + hidden + hidden * hidden + hidden + hidden * MASKS + MASKS
        return transformer + upscaling + masks + scores + OUTPUT_TOKENS * c


SHAPES: Dict[str, ModelShape] = {
    "tiny": ModelShape(
        256, 128, 4, 4, (1, 3), window=7, out=128, decoder_heads=4, decoder_mlp=256, score_hidden=128
    ),
    "vit_b": ModelShape(1024, 768, 12, 12, (2, 5, 8, 11)),
    "vit_l": ModelShape(1024, 1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": ModelShape(1024, 1280, 32, 16, (7, 15, 23, 31)),
}
