"""SAM's own classes at the smallest size that has all their parts, with seeded weights."""

from __future__ import annotations

from typing import Any

from ..models import small_sam
from ..models.weights import fill_random

SIDE, TOKENS, WIDTH, EMBEDDED = 32, 4, 16, 8


def smallest() -> Any:
    """Build it, in float32 on the CPU, in eval mode."""
    from segment_anything import modeling
    from segment_anything.modeling import MaskDecoder, PromptEncoder, Sam, TwoWayTransformer

    sizes = {"embed_dim": EMBEDDED, "depth": 2, "num_heads": 2, "window_size": 3, "global_attn_indexes": (1,)}
    encoder = small_sam.vit(modeling, SIDE, TOKENS, WIDTH, mlp_ratio=2, **sizes)
    prompts = PromptEncoder(WIDTH, (TOKENS, TOKENS), (SIDE, SIDE), mask_in_chans=4)
    transformer = TwoWayTransformer(depth=1, embedding_dim=WIDTH, mlp_dim=32, num_heads=2)
    decoder = MaskDecoder(
        transformer_dim=WIDTH, transformer=transformer, iou_head_depth=2, iou_head_hidden_dim=16
    )
    model = Sam(encoder, prompts, decoder).eval()
    fill_random(model)
    return model


def pixels() -> Any:
    """Return an input of its encoder, (1, 3, 32, 32) float32, the same everywhere."""
    import torch

    values = torch.arange(3 * SIDE * SIDE, dtype=torch.float32)
    return ((values * 7919) % 251 / 125 - 1).reshape(1, 3, SIDE, SIDE)
