"""A model of one's own, tested by samcheck without a change to samcheck: SAM with another image encoder.

    export PYTHONPATH=tests/own_variant
    python -m pytest -p mixer_sam tests/suite -m fast --samcheck-variants mixer_sam

Instead of ``-p``, a package offers the variant to every run in its environment by an entry point::

    [project.entry-points."samcheck.variants"]
    mixer_sam = "mixer_sam:VARIANT"
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from samcheck.guest.models.variants import Variant, own_code_oracle, register

SIZE, TOKENS, WIDTH = 128, 8, 64


class MixerEncoder(nn.Module):
    """Patches, then layers that mix tokens and channels by turns: (B, 3, 128, 128) to (B, 64, 8, 8)."""

    img_size = SIZE  # what SamPredictor asks of an encoder

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, SIZE // TOKENS, SIZE // TOKENS)
        self.tokens = nn.Linear(TOKENS * TOKENS, TOKENS * TOKENS)
        self.channels = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.patches(pixels).flatten(2)
        x = x + self.tokens(x)
        x = self.norm(x.transpose(1, 2))
        x = x + self.channels(x)
        return x.transpose(1, 2).reshape(len(pixels), WIDTH, TOKENS, TOKENS)


def build() -> Any:
    """SAM's own prompt encoder and mask decoder on a `MixerEncoder`."""
    from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    prompts = PromptEncoder(WIDTH, (TOKENS, TOKENS), (SIZE, SIZE), mask_in_chans=16)
    transformer = TwoWayTransformer(depth=2, embedding_dim=WIDTH, num_heads=4, mlp_dim=128)
    decoder = MaskDecoder(transformer_dim=WIDTH, transformer=transformer)
    return Sam(MixerEncoder(), prompts, decoder).eval()


# Not built like SAM, so its own code in float64 is what it is compared with. A fine-tuned SAM leaves
# `oracle` out; one with weights loads them in `build` and says so with `weights`.
VARIANT = Variant("mixer_sam", SIZE, build, oracle=own_code_oracle, tier="fast")
register(VARIANT)
