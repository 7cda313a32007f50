"""SAM 2.1 from sam2's own classes at a size that runs on any laptop: 128 px, 8 x 8 tokens, width 128.

Every structural part and every option of ``configs/sam2.1/sam2.1_hiera_t.yaml`` (sam2 1.1.0) is there:
windows that need padding, query pooling, the pyramid with its unused lowest level, high-resolution features
in the decoder, object scores, pointers that are split into tokens of the memory's width, and what
``build_sam2_video_predictor`` adds: falling back to the most certain of three masks, memory of clicked masks
without shades, and hole filling. One class serves images and videos: `SAM2VideoPredictor` is a `SAM2Base`.
"""

from __future__ import annotations

from typing import Any

SIZE, WIDTH, MEMORY_WIDTH = 128, 128, 64
#: Sides of the three feature maps, for `SAM2ImagePredictor._bb_feat_sizes`, which assumes 1024 px.
FEATURE_SIZES = ((SIZE // 4, SIZE // 4), (SIZE // 8, SIZE // 8), (SIZE // 16, SIZE // 16))
_TRUNK_WIDTH = 32
_SIDE = SIZE // 16


def build_image_and_video_model() -> Any:
    """Build a `SAM2VideoPredictor` (eval mode, float32, CPU) with arbitrary weights."""
    from sam2.sam2_video_predictor import SAM2VideoPredictor

    return SAM2VideoPredictor(
        image_encoder=_image_encoder(),
        memory_attention=_memory_attention(),
        memory_encoder=_memory_encoder(),
        num_maskmem=7,
        image_size=SIZE,
        sigmoid_scale_for_mem_enc=20.0,
        sigmoid_bias_for_mem_enc=-10.0,
        use_mask_input_as_output_without_sam=True,
        directly_add_no_mem_embed=True,
        no_obj_embed_spatial=True,
        use_high_res_features_in_sam=True,
        multimask_output_in_sam=True,
        iou_prediction_use_sigmoid=True,
        use_obj_ptrs_in_encoder=True,
        add_tpos_enc_to_obj_ptrs=True,
        proj_tpos_enc_in_obj_ptrs=True,
        use_signed_tpos_enc_to_obj_ptrs=True,
        only_obj_ptrs_in_the_past_for_eval=True,
        pred_obj_scores=True,
        pred_obj_scores_mlp=True,
        fixed_no_obj_ptr=True,
        multimask_output_for_tracking=True,
        use_multimask_token_for_obj_ptr=True,
        multimask_min_pt_num=0,
        multimask_max_pt_num=1,
        use_mlp_for_obj_ptr_proj=True,
        binarize_mask_from_pts_for_mem_enc=True,
        fill_hole_area=8,
        sam_mask_decoder_extra_args={
            "dynamic_multimask_via_stability": True,
            "dynamic_multimask_stability_delta": 0.05,
            "dynamic_multimask_stability_thresh": 0.98,
        },
    ).eval()


def _positions(width: int) -> Any:
    from sam2.modeling.position_encoding import PositionEmbeddingSine

    # Its cache would be warmed for 1024 px, on a GPU.
    return PositionEmbeddingSine(num_pos_feats=width, normalize=True, scale=None, warmup_cache=False)


def _image_encoder() -> Any:
    from sam2.modeling.backbones.hieradet import Hiera
    from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder

    trunk = Hiera(
        embed_dim=_TRUNK_WIDTH,
        num_heads=1,
        stages=(1, 2, 4, 1),
        global_att_blocks=(4, 6),
        window_pos_embed_bkg_spatial_size=(7, 7),
        window_spec=(8, 4, 6, 3),  # the last two do not divide 8 and 4 tokens: padded, as at 1024 px
    )
    neck = FpnNeck(
        position_encoding=_positions(WIDTH),
        d_model=WIDTH,
        backbone_channel_list=trunk.channel_list,
        fpn_top_down_levels=[2, 3],
        fpn_interp_model="nearest",
    )
    return ImageEncoder(trunk, neck, scalp=1)


def _attention(**options: Any) -> Any:
    from sam2.modeling.sam.transformer import RoPEAttention

    return RoPEAttention(
        rope_theta=10000.0,
        feat_sizes=(_SIDE, _SIDE),
        embedding_dim=WIDTH,
        num_heads=1,
        downsample_rate=1,
        dropout=0.1,
        **options,
    )


def _memory_attention() -> Any:
    from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer

    layer = MemoryAttentionLayer(
        activation="relu",
        dim_feedforward=512,
        dropout=0.1,
        pos_enc_at_attn=False,
        self_attention=_attention(),
        d_model=WIDTH,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        cross_attention=_attention(rope_k_repeat=True, kv_in_dim=MEMORY_WIDTH),
    )
    return MemoryAttention(d_model=WIDTH, pos_enc_at_input=True, layer=layer, num_layers=2)


def _memory_encoder() -> Any:
    from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder

    return MemoryEncoder(
        in_dim=WIDTH,
        out_dim=MEMORY_WIDTH,
        position_encoding=_positions(MEMORY_WIDTH),
        mask_downsampler=MaskDownSampler(embed_dim=WIDTH, kernel_size=3, stride=2, padding=1),
        fuser=Fuser(CXBlock(dim=WIDTH, kernel_size=7, padding=3, use_dwconv=True), num_layers=2),
    )


def load_weights(model: Any) -> Any:
    """Load the weights trained with `samcheck.guest.training_video`, and describe them."""
    from ..weights import SAM2_MINI, load_trained

    return load_trained(model, SAM2_MINI)
