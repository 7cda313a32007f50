"""The family ultralytics: another implementation of SAM, MobileSAM and SAM 2.1, by Ultralytics.

Its models have the originals' names for all tensors, so that both take the same weights. The package is
AGPL-3.0: it is imported only where one of its models is built. Its builders make the published sizes only, so
the small models are put together from its classes, as the builders do.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, Tuple

from ..family import Capability, SamFamily
from ..variant import Variant, digest_of

ULTRALYTICS = SamFamily("ultralytics", ("ultralytics",))

# As the small variants of segment-anything, mobilesam-mirror and sam2.
_SIDE, _WIDTH, _MOBILE_WIDTH = 256, 128, 256


def build_sam_tiny() -> Any:
    """Build a `SAMModel` of the size of `tiny`."""
    import torch

    from ..ultralytics_predictors import quiet

    quiet()
    from ultralytics.models.sam.modules.encoders import ImageEncoderViT

    encoder = ImageEncoderViT(
        img_size=_SIDE,
        patch_size=16,
        embed_dim=_WIDTH,
        depth=4,
        num_heads=4,
        mlp_ratio=4,
        out_chans=_WIDTH,
        qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=7,
        global_attn_indexes=(1, 3),
    )
    return _with_decoder(encoder, _WIDTH, heads=4)


def build_mobile_sam_mini() -> Any:
    """Build a `SAMModel` of the size of `mobile_sam_mini`."""
    from ..ultralytics_predictors import quiet

    quiet()
    from ultralytics.models.sam.modules.tiny_encoder import TinyViT

    encoder = TinyViT(
        img_size=_SIDE,
        num_classes=10,
        embed_dims=(32, 64, 80, 320),
        depths=(1, 1, 2, 1),
        num_heads=(1, 2, 4, 10),
        window_sizes=(7, 7, 14, 7),
        drop_path_rate=0.0,
    )
    return _with_decoder(encoder, _MOBILE_WIDTH, heads=8)


def _with_decoder(encoder: Any, width: int, heads: int) -> Any:
    from ultralytics.models.sam.modules.blocks import TwoWayTransformer
    from ultralytics.models.sam.modules.decoders import MaskDecoder
    from ultralytics.models.sam.modules.encoders import PromptEncoder
    from ultralytics.models.sam.modules.sam import SAMModel

    decoder = MaskDecoder(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=width, mlp_dim=256, num_heads=heads),
        transformer_dim=width,
        iou_head_depth=3,
        iou_head_hidden_dim=128,
    )
    tokens = _SIDE // 16
    prompts = PromptEncoder(width, (tokens, tokens), (_SIDE, _SIDE), mask_in_chans=16)
    return _fitted(SAMModel(encoder, prompts, decoder), _SIDE)


def build_mobile_sam() -> Any:
    """Build the published MobileSAM."""
    from ..ultralytics_predictors import quiet

    quiet()
    from ultralytics.models.sam.build import build_mobile_sam as build

    return _fitted(build(None), 1024)


def _fitted(model: Any, side: int) -> Any:
    """Set the size of the input, as ultralytics' predictor does when it gets an image."""
    model.set_imgsz([side, side])
    return model.eval()


def build_sam2_mini() -> Any:
    """Build a `SAM2Model` of the size of `sam2.1_mini`, for images.

    Its memory has 256 channels whatever is asked for: it is taken out.
    """
    import torch

    from ..ultralytics_predictors import quiet
    from .sam2_mini import MEMORY_WIDTH, SIZE, WIDTH

    quiet()
    from ultralytics.models.sam.modules.encoders import FpnNeck, Hiera, ImageEncoder, MemoryEncoder
    from ultralytics.models.sam.modules.memory_attention import MemoryAttention
    from ultralytics.models.sam.modules.sam import SAM2Model

    trunk = Hiera(
        embed_dim=32,
        num_heads=1,
        stages=(1, 2, 4, 1),
        global_att_blocks=(4, 6),
        window_pos_embed_bkg_spatial_size=(7, 7),
        window_spec=(8, 4, 6, 3),
    )
    neck = FpnNeck(
        d_model=WIDTH,
        backbone_channel_list=[256, 128, 64, 32],
        fpn_top_down_levels=[2, 3],
        fpn_interp_model="nearest",
    )
    model = SAM2Model(
        image_encoder=ImageEncoder(trunk, neck, scalp=1),
        memory_attention=MemoryAttention(WIDTH, True, torch.nn.Identity(), num_layers=0),
        memory_encoder=MemoryEncoder(out_dim=MEMORY_WIDTH, in_dim=WIDTH),
        image_size=SIZE,
        **_OF_SAM2,
    )
    model.memory_attention = model.memory_encoder = torch.nn.Identity()
    return _fitted(model, SIZE)


#: As `ultralytics.models.sam.build._build_sam2` sets them for SAM 2.1 (8.4.190).
_OF_SAM2 = {
    "num_maskmem": 7,
    "sigmoid_scale_for_mem_enc": 20.0,
    "sigmoid_bias_for_mem_enc": -10.0,
    "use_mask_input_as_output_without_sam": True,
    "directly_add_no_mem_embed": True,
    "use_high_res_features_in_sam": True,
    "multimask_output_in_sam": True,
    "iou_prediction_use_sigmoid": True,
    "use_obj_ptrs_in_encoder": True,
    "add_tpos_enc_to_obj_ptrs": True,
    "only_obj_ptrs_in_the_past_for_eval": True,
    "pred_obj_scores": True,
    "pred_obj_scores_mlp": True,
    "fixed_no_obj_ptr": True,
    "multimask_output_for_tracking": True,
    "use_multimask_token_for_obj_ptr": True,
    "multimask_min_pt_num": 0,
    "multimask_max_pt_num": 1,
    "use_mlp_for_obj_ptr_proj": True,
    "no_obj_embed_spatial": True,
    "proj_tpos_enc_in_obj_ptrs": True,
    "use_signed_tpos_enc_to_obj_ptrs": True,
    "sam_mask_decoder_extra_args": {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    },
}


def image_part(state: Any) -> Any:
    """Return what of sam2's weights the model for images has."""
    return {name: value for name, value in state.items() if not name.startswith("memory_")}


def _trained(model: Any) -> Any:
    from ..weights import load_trained

    return load_trained(model)


def _trained_sam2(model: Any) -> Any:
    from .. import conversion
    from ..weights import SAM2_MINI, Weights, digest, state

    conversion.load_converted(model, image_part(state(SAM2_MINI.path)))
    return Weights("trained", digest(model))


def _real_mobile_sam(model: Any) -> Any:
    from .mobile_sam import real_weights

    return real_weights(model)


def _predictor(model: Any, side: int) -> Any:
    from ..ultralytics_predictors import UltralyticsPredictor

    return UltralyticsPredictor(model, side)


def _oracle(model: Any, kind: str) -> Any:
    from ...oracle import letterboxed

    oracles: Dict[str, Any] = {
        "vit": letterboxed.LetterboxedOracle,
        "tiny_vit": letterboxed.LetterboxedTinyVit,
        "sam2": letterboxed.LetterboxedSam2,
    }
    return oracles[kind].of(model, digest_of(model))


def _variant(name: str, side: int, build: Any, kind: str, *more: Capability, **rest: Any) -> Variant:
    return Variant(
        "ultralytics." + name,
        side,
        build,
        predictor=partial(_predictor, side=side),
        oracle=partial(_oracle, kind=kind),
        family=ULTRALYTICS,
        capabilities=frozenset((Capability.IMAGE, *more)),
        **rest,
    )


VARIANTS: Tuple[Variant, ...] = (
    _variant("sam_tiny", _SIDE, build_sam_tiny, "vit", Capability.MEANING, tier="fast", weights=_trained),
    _variant("mobile_sam_mini", _SIDE, build_mobile_sam_mini, "tiny_vit", tier="fast"),
    _variant(
        "sam2.1_mini",
        128,
        build_sam2_mini,
        "sam2",
        Capability.MEANING,
        Capability.CHOOSES,
        tier="fast",
        weights=_trained_sam2,
    ),
    _variant("mobile_sam", 1024, build_mobile_sam, "tiny_vit", Capability.MEANING, weights=_real_mobile_sam),
)
