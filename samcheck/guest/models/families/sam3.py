"""The family sam3: SAM 3 as Meta published it in 2025, and a small tracker of its classes.

The published model is built on a GPU only: `build_sam3_image_model` creates tensors on CUDA by name, whatever
device it is given. Its classes run anywhere where triton can be imported, and so does the small variant.
sam3 0.1.4 lacks the vocabulary of its tokenizer, without which the published model is not built at all: a
made-up one stands in for it, since nothing here reads the words.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from typing import Any, Tuple

from ..family import Capability, SamFamily
from ..variant import Variant
from .transformers_sam3 import GRID, PATCH, SIDE, TRUNK, WIDTH

FAMILY = SamFamily("sam3", ("sam3",))
#: How many merges of pairs the tokenizer reads.
_MERGES = 49152 - 256 - 2


def _positions(width: int) -> Any:
    from sam3.model.position_encoding import PositionEmbeddingSine

    # With `precompute_resolution`, as the published model has it, it would fill its cache on a GPU.
    return PositionEmbeddingSine(num_pos_feats=width, normalize=True, scale=None, temperature=10000)


def _trunk() -> Any:
    from sam3.model.vitdet import ViT

    return ViT(
        img_size=SIDE,
        pretrain_img_size=TRUNK["pretrain_image_size"],
        patch_size=PATCH,
        embed_dim=TRUNK["hidden_size"],
        depth=TRUNK["num_hidden_layers"],
        num_heads=TRUNK["num_attention_heads"],
        mlp_ratio=4.625,
        norm_layer="LayerNorm",
        drop_path_rate=0.1,
        qkv_bias=True,
        use_abs_pos=True,
        tile_abs_pos=True,
        global_att_blocks=tuple(TRUNK["global_attn_indexes"]),  # type: ignore[arg-type]
        rel_pos_blocks=(),
        use_rope=True,
        use_interp_rope=True,
        window_size=TRUNK["window_size"],
        pretrain_use_cls_token=True,
        retain_cls_token=False,
        ln_pre=True,
        ln_post=False,
        return_interm_layers=False,
        bias_patch_embed=False,
    )


def _backbone() -> Any:
    from sam3.model.necks import Sam3DualViTDetNeck
    from sam3.model.vl_combiner import SAM3VLBackbone

    neck = Sam3DualViTDetNeck(
        position_encoding=_positions(WIDTH),
        d_model=WIDTH,
        scale_factors=[4.0, 2.0, 1.0, 0.5],
        trunk=_trunk(),
        add_sam2_neck=True,
    )
    return SAM3VLBackbone(scalp=1, visual=neck, text=None)


def _attention(**options: Any) -> Any:
    from sam3.sam.transformer import RoPEAttention

    return RoPEAttention(
        embedding_dim=WIDTH,
        num_heads=1,
        downsample_rate=1,
        dropout=0.1,
        rope_theta=10000.0,
        feat_sizes=[GRID, GRID],
        **options,
    )


def _memory_attention() -> Any:
    from sam3.model.decoder import TransformerDecoderLayerv2, TransformerEncoderCrossAttention
    from sam3.model.model_misc import TransformerWrapper

    layer = TransformerDecoderLayerv2(
        cross_attention_first=False,
        activation="relu",
        dim_feedforward=128,
        dropout=0.1,
        pos_enc_at_attn=False,
        pre_norm=True,
        self_attention=_attention(),
        d_model=WIDTH,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        cross_attention=_attention(kv_in_dim=WIDTH, rope_k_repeat=True),
    )
    encoder = TransformerEncoderCrossAttention(
        remove_cross_attention_layers=[],
        batch_first=True,
        d_model=WIDTH,
        frozen=False,
        pos_enc_at_input=True,
        layer=layer,
        num_layers=1,
        use_act_checkpoint=False,
    )
    return TransformerWrapper(encoder=encoder, decoder=None, d_model=WIDTH)


def _memory_encoder() -> Any:
    from sam3.model.memory import CXBlock, SimpleFuser, SimpleMaskDownSampler, SimpleMaskEncoder

    return SimpleMaskEncoder(
        out_dim=WIDTH,
        position_encoding=_positions(WIDTH),
        mask_downsampler=SimpleMaskDownSampler(embed_dim=WIDTH, kernel_size=3, stride=2, padding=1),
        fuser=SimpleFuser(CXBlock(dim=WIDTH, kernel_size=7, padding=3, use_dwconv=True), num_layers=1),
        in_dim=WIDTH,
    )


def build_mini() -> Any:
    """Build a small tracker for images (eval mode, float32, CPU) with arbitrary weights.

    It is the base class: `Sam3TrackerPredictor`, for videos, switches on autocast for the whole process.
    """
    from sam3.model.sam3_tracker_base import Sam3TrackerBase

    return Sam3TrackerBase(
        image_size=SIDE,
        backbone=_backbone(),
        backbone_stride=PATCH,
        transformer=_memory_attention(),
        maskmem_backbone=_memory_encoder(),
        multimask_output_in_sam=True,
        sam_mask_decoder_extra_args={
            "dynamic_multimask_via_stability": True,
            "dynamic_multimask_stability_delta": 0.05,
            "dynamic_multimask_stability_thresh": 0.98,
        },
    ).eval()


def stand_in_vocabulary(path: str) -> str:
    """Write a vocabulary of the size that the tokenizer reads, of made-up pairs of letters."""
    pairs = "\n".join("a{} b{}".format(number, number) for number in range(_MERGES))
    with gzip.open(path, "wb") as stream:
        stream.write("#version: made up\n{}\n".format(pairs).encode())
    return path


def build_published() -> Any:
    """Build the tracker of the published model, which needs a GPU; it is returned on the CPU."""
    from sam3.model_builder import build_sam3_image_model

    with tempfile.TemporaryDirectory(prefix="samcheck-") as folder:
        whole = build_sam3_image_model(
            bpe_path=stand_in_vocabulary(os.path.join(folder, "vocabulary.txt.gz")),
            device="cuda",
            load_from_HF=False,
            enable_inst_interactivity=True,
        )
    tracker = whole.inst_interactive_predictor.model
    # Built alone, the tracker would enter CUDA's autocast to bfloat16 and never leave it; so it did here.
    tracker.bf16_context.__exit__(None, None, None)
    tracker.backbone = whole.backbone
    tracker.backbone.language_backbone = None
    for module in tracker.modules():
        if type(module).__name__ == "PositionEmbeddingSine":
            module.cache.clear()  # of tensors on the GPU, which do not move with the model
    return tracker.cpu().eval()


def image_predictor(model: Any) -> Any:
    """Create a predictor of images."""
    from ..sam3_predictors import Sam3ImageAdapter

    return Sam3ImageAdapter(model)


def _oracle(model: Any) -> Any:
    from ...oracle.staged_code import StagedCode

    return StagedCode(model, image_predictor)


_CAPABILITIES = frozenset((Capability.IMAGE, Capability.CHOOSES))
VARIANTS: Tuple[Variant, ...] = (
    Variant(
        "sam3_mini",
        SIDE,
        build_mini,
        predictor=image_predictor,
        oracle=_oracle,
        tier="fast",
        family=FAMILY,
        capabilities=_CAPABILITIES,
    ),
    Variant(
        "sam3",
        1008,
        build_published,
        predictor=image_predictor,
        oracle=_oracle,
        family=FAMILY,
        capabilities=_CAPABILITIES,
        gpu=True,
    ),
)
