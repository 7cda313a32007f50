"""SAM at a small size, from the classes of any package that has SAM's: the published sizes take minutes.

`modeling` is a package's module of that name, such as `segment_anything.modeling`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

#: Windows of 7 do not divide 16 tokens, so that padding is exercised, as every other line of SAM's path is.
SIZE, TOKENS, WIDTH = 256, 16, 128


def vit(modeling: Any, side: int = SIZE, tokens: int = TOKENS, width: int = WIDTH, **other: Any) -> Any:
    """Build an encoder with windowed and global blocks and relative positions, as SAM's are."""
    import torch

    sizes = {"embed_dim": width, "depth": 4, "num_heads": 4, "window_size": 7, "global_attn_indexes": (1, 3)}
    return modeling.ImageEncoderViT(
        img_size=side,
        patch_size=side // tokens,
        out_chans=width,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        **{**sizes, **other},
    )


def assembled(
    modeling: Any,
    encoder: Any,
    width: int = WIDTH,
    heads: int = 4,
    decoder: str = "MaskDecoder",
    **other: Any,
) -> Any:
    """Build it (eval mode, float32, CPU) with an encoder of 256 px; `other` is for the mask decoder."""
    prompts = modeling.PromptEncoder(width, (TOKENS, TOKENS), (SIZE, SIZE), mask_in_chans=16)
    masks = getattr(modeling, decoder)(
        num_multimask_outputs=3,
        transformer=modeling.TwoWayTransformer(depth=2, embedding_dim=width, mlp_dim=256, num_heads=heads),
        transformer_dim=width,
        iou_head_depth=3,
        iou_head_hidden_dim=128,
        **other,
    )
    return modeling.Sam(encoder, prompts, masks).eval()
