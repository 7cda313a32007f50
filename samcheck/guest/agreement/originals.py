"""The original implementations at small sizes, with weights for the comparison."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..models import weights
from ..models.families import transformers_sam
from ..models.variants import VARIANTS


def tiny() -> Any:
    """Return segment_anything's `Sam` with the trained weights of `tiny`."""
    return weights.load(VARIANTS["tiny"])[0]


def sam2_mini() -> Any:
    """Return sam2's model with the trained weights of `sam2.1_mini`."""
    return weights.load(VARIANTS["sam2.1_mini"])[0]


def hq_mini() -> Any:
    """Return segment_anything_hq's `Sam` with seeded weights."""
    model = build_hq_mini()
    weights.fill_random(model)
    return model


def build_hq_mini() -> Any:
    """Build HQ-SAM from its own classes with the encoder of `tiny`."""
    import torch
    from segment_anything_hq.modeling import (
        ImageEncoderViT,
        MaskDecoderHQ,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )

    side, width = transformers_sam.SAM_SIZE, transformers_sam.SAM_WIDTH
    encoder = ImageEncoderViT(
        img_size=side,
        patch_size=16,
        embed_dim=128,
        depth=4,
        num_heads=4,
        mlp_ratio=4,
        out_chans=width,
        qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=7,
        global_attn_indexes=(1, 3),
    )
    prompts = PromptEncoder(
        embed_dim=width, image_embedding_size=(16, 16), input_image_size=(side, side), mask_in_chans=16
    )
    decoder = MaskDecoderHQ(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=width, mlp_dim=256, num_heads=4),
        transformer_dim=width,
        iou_head_depth=3,
        iou_head_hidden_dim=width,
        vit_dim=128,
    )
    return Sam(encoder, prompts, decoder).eval()
