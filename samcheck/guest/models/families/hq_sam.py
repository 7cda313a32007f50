"""The family segment-anything-hq: HQ-SAM, which adds a mask of higher quality to SAM's.

Its TinyViT needs timm, which the package does not declare, and without which it cannot be imported. Its
predictor takes `SamPredictor`'s arguments, and returns one mask even if several are asked for: the best of
the three plus the fine one.

No SHA-256 of the official files was found in two public sources, only MD5s; so there is no `Checkpoint` here,
and the weights are seeded.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Tuple

from ..family import SamFamily
from ..variant import Variant, digest_of

FAMILY = SamFamily("segment-anything-hq", ("segment_anything_hq", "timm"))

# As the small variant of segment-anything (`sam1`), with HQ-SAM's decoder.
_MINI_SIZE, _TOKENS, _WIDTH = 256, 16, 128


def _build_mini() -> Any:
    from segment_anything_hq.modeling import MaskDecoderHQ, PromptEncoder, Sam, TwoWayTransformer

    decoder = MaskDecoderHQ(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=_WIDTH, mlp_dim=256, num_heads=4),
        transformer_dim=_WIDTH,
        iou_head_depth=3,
        iou_head_hidden_dim=128,
        vit_dim=_WIDTH,
    )
    prompts = PromptEncoder(_WIDTH, (_TOKENS, _TOKENS), (_MINI_SIZE, _MINI_SIZE), mask_in_chans=16)
    return Sam(_mini_encoder(), prompts, decoder).eval()


def _mini_encoder() -> Any:
    import torch
    from segment_anything_hq.modeling import ImageEncoderViT

    return ImageEncoderViT(
        img_size=_MINI_SIZE,
        patch_size=_MINI_SIZE // _TOKENS,
        embed_dim=_WIDTH,
        depth=4,
        num_heads=4,
        out_chans=_WIDTH,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=7,
        global_attn_indexes=(1, 3),
    )


def _build_official(name: str) -> Any:
    from segment_anything_hq import sam_model_registry

    return sam_model_registry[name]().eval()


def _predictor(model: Any) -> Any:
    from segment_anything_hq import SamPredictor

    return SamPredictor(model)


def _generator(model: Any, **settings: Any) -> Any:
    from segment_anything_hq import SamAutomaticMaskGenerator

    return SamAutomaticMaskGenerator(model, **settings)


def _oracle(model: Any) -> Any:
    from ...oracle.hq_decoder import HqOracle

    return HqOracle.of(model, digest_of(model))


def _tiny_vit_oracle(model: Any) -> Any:
    from ...oracle.hq_decoder import HqTinyVitOracle

    return HqTinyVitOracle.of(model, digest_of(model))


def _variant(name: str, size: int, build: Any, **other: Any) -> Variant:
    given = {"oracle": _oracle, "predictor": _predictor, "generator": _generator, **other}
    return Variant(name, size, build, family=FAMILY, masks=1, **given)


VARIANTS: Tuple[Variant, ...] = (
    _variant("hq_mini", _MINI_SIZE, _build_mini, tier="fast"),
    _variant("hq_vit_tiny", 1024, partial(_build_official, "vit_tiny"), oracle=_tiny_vit_oracle),
    _variant("hq_vit_b", 1024, partial(_build_official, "vit_b")),
    _variant("hq_vit_l", 1024, partial(_build_official, "vit_l")),
    _variant("hq_vit_h", 1024, partial(_build_official, "vit_h")),
)
