"""The family segment-anything: SAM as it was published in 2023, and a small model of its own classes."""

from __future__ import annotations

from functools import partial
from typing import Any, Tuple

from ..family import Capability
from ..variant import SAM1_METHODS, Checkpoint, Variant

# SAM's own classes at a size that runs on any laptop: 256 px, 16 x 16 tokens, width 128. Windowed and
# global blocks, relative positions and all three prompt kinds are present, so that every line of the
# official image and prompt path is exercised.
_TINY_SIZE, _TINY_TOKENS, _TINY_WIDTH = 256, 16, 128


def _build_tiny() -> Any:
    from segment_anything.modeling import PromptEncoder, Sam

    prompts = PromptEncoder(
        embed_dim=_TINY_WIDTH,
        image_embedding_size=(_TINY_TOKENS, _TINY_TOKENS),
        input_image_size=(_TINY_SIZE, _TINY_SIZE),
        mask_in_chans=16,
    )
    return Sam(image_encoder=_tiny_encoder(), prompt_encoder=prompts, mask_decoder=_tiny_decoder()).eval()


def _tiny_encoder() -> Any:
    import torch
    from segment_anything.modeling import ImageEncoderViT

    return ImageEncoderViT(
        img_size=_TINY_SIZE,
        patch_size=_TINY_SIZE // _TINY_TOKENS,
        embed_dim=_TINY_WIDTH,
        depth=4,
        num_heads=4,
        mlp_ratio=4,
        out_chans=_TINY_WIDTH,
        qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=7,
        global_attn_indexes=(1, 3),
    )


def _tiny_decoder() -> Any:
    from segment_anything.modeling import MaskDecoder, TwoWayTransformer

    return MaskDecoder(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=_TINY_WIDTH, mlp_dim=256, num_heads=4),
        transformer_dim=_TINY_WIDTH,
        iou_head_depth=3,
        iou_head_hidden_dim=128,
    )


def _trained(model: Any) -> Any:
    from ..weights import load_trained

    return load_trained(model)


def _build_official(name: str) -> Any:
    from segment_anything import sam_model_registry

    return sam_model_registry[name]().eval()


def _official(name: str, file: str, size: int, sha256: str) -> Variant:
    build = partial(_build_official, name)
    return Variant(name, 1024, build, Checkpoint(file, size, sha256))


# For the files, see the README of the official repository; the SHA-256 values were cross-checked between
# independent copies, since several published digest tables are wrong.
VARIANTS: Tuple[Variant, ...] = (
    Variant(
        "tiny",
        _TINY_SIZE,
        _build_tiny,
        tier="fast",
        weights=_trained,
        capabilities=SAM1_METHODS | {Capability.MEANING},
    ),
    _official(
        "vit_b",
        "sam_vit_b_01ec64.pth",
        375042383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    _official(
        "vit_l",
        "sam_vit_l_0b3195.pth",
        1249524607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    _official(
        "vit_h",
        "sam_vit_h_4b8939.pth",
        2564550879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
)
