"""The company's own SAM: segment_anything's classes at 128 pixels, with a shallow encoder."""

from __future__ import annotations

from functools import partial

import torch
from segment_anything.modeling import ImageEncoderViT, MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

SIZE, TOKENS, WIDTH = 128, 8, 64


def build() -> Sam:
    """Return the model, which takes images of 128 x 128 pixels, in eval mode."""
    encoder = ImageEncoderViT(
        img_size=SIZE,
        patch_size=SIZE // TOKENS,
        embed_dim=WIDTH,
        depth=2,
        num_heads=4,
        out_chans=WIDTH,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=4,
        global_attn_indexes=(1,),
    )
    prompts = PromptEncoder(WIDTH, (TOKENS, TOKENS), (SIZE, SIZE), mask_in_chans=16)
    decoder = MaskDecoder(
        transformer_dim=WIDTH,
        transformer=TwoWayTransformer(depth=2, embedding_dim=WIDTH, num_heads=4, mlp_dim=128),
    )
    return Sam(encoder, prompts, decoder).eval()
