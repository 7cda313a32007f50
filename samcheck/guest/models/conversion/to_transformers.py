"""The names of the originals' tensors in transformers: `SamModel`, `SamHQModel` and `Sam2Model`.

Read off the classes of segment_anything 1.0, segment-anything-hq 0.3, sam2 1.1.0 and transformers 4.57.6 and
5.23.0, whose own scripts ``convert_*_to_hf.py`` do the same.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from .names import Rule, converted, perceptron

_MASK_EMBED = {"0": "conv1", "1": "layer_norm1", "3": "conv2", "4": "layer_norm2", "6": "conv3"}
_NECK = {"0": "conv1", "1": "layer_norm1", "2": "conv2", "3": "layer_norm2"}
_UPSCALING = {"0": "upscale_conv1", "1": "upscale_layer_norm", "3": "upscale_conv2"}
#: The two positional encodings of transformers, which are one in Meta's code.
POSITIONS = ("shared_image_embedding", "prompt_encoder.shared_embedding")
#: What the four embeddings of points are called until they are joined.
ONE_POINT = "point_embeddings."


def _numbered(pattern: str, names: Mapping[str, str], before: str, after: str = "") -> Rule:
    """Return the rule for ``pattern``, whose groups are the number in a `Sequential`, and weight or bias."""
    return (
        pattern,
        lambda match: "{}{}{}.{}".format(before, names[match.group(1)], after, match.group(2)),
    )


def prompt_encoder(name: str) -> Tuple[Rule, ...]:
    """Return the rules for what all prompt encoders have in common; `name` is Meta's, as a pattern."""
    return (
        (
            name + r"\.pe_layer\.positional_encoding_gaussian_matrix",
            POSITIONS[0] + ".positional_embedding",
        ),
        (name + r"\.(not_a_point_embed|no_mask_embed)\.weight", r"prompt_encoder.\1.weight"),
        _numbered(
            name + r"\.mask_downscaling\.([01346])\.(weight|bias)", _MASK_EMBED, "prompt_encoder.mask_embed."
        ),
    )


def mask_decoder(name: str, projection: str) -> Tuple[Rule, ...]:
    """Return the rules for what all mask decoders have in common.

    `projection` is what the last layer of an attention is called.
    """
    attention = r"(self_attn|cross_attn_token_to_image|cross_attn_image_to_token)"
    new = "mask_decoder.transformer."
    return (
        (
            name + r"\.transformer\.layers\.(\d+)\." + attention + r"\.([qkv])_proj\.(.+)",
            new + r"layers.\1.\2.\3_proj.\4",
        ),
        (
            name + r"\.transformer\.layers\.(\d+)\." + attention + r"\.out_proj\.(.+)",
            new + r"layers.\1.\2." + projection + r".\3",
        ),
        (name + r"\.transformer\.layers\.(\d+)\.norm([1-4])\.(.+)", new + r"layers.\1.layer_norm\2.\3"),
        (
            name + r"\.transformer\.final_attn_token_to_image\.([qkv])_proj\.(.+)",
            new + r"final_attn_token_to_image.\1_proj.\2",
        ),
        (
            name + r"\.transformer\.final_attn_token_to_image\.out_proj\.(.+)",
            new + "final_attn_token_to_image." + projection + r".\1",
        ),
        (name + r"\.transformer\.norm_final_attn\.(.+)", new + r"layer_norm_final_attn.\1"),
        (name + r"\.(iou_token|mask_tokens)\.weight", r"mask_decoder.\1.weight"),
        _numbered(name + r"\.output_upscaling\.([013])\.(weight|bias)", _UPSCALING, "mask_decoder."),
        perceptron(name + r"\.(output_hypernetworks_mlps\.\d|iou_prediction_head)", "mask_decoder."),
    )


#: Both SAM and HQ-SAM have these.
_SAM1_PARTS: Tuple[Rule, ...] = (
    (r"image_encoder\.pos_embed", "vision_encoder.pos_embed"),
    (r"image_encoder\.patch_embed\.proj\.(.+)", r"vision_encoder.patch_embed.projection.\1"),
    (r"image_encoder\.blocks\.(\d+)\.norm([12])\.(.+)", r"vision_encoder.layers.\1.layer_norm\2.\3"),
    (r"image_encoder\.blocks\.(\d+)\.(attn|mlp)\.(.+)", r"vision_encoder.layers.\1.\2.\3"),
    _numbered(r"image_encoder\.neck\.([0-3])\.(weight|bias)", _NECK, "vision_encoder.neck."),
    *prompt_encoder("prompt_encoder"),
    (r"prompt_encoder\.point_embeddings\.([0-3])\.weight", r"prompt_encoder.point_embed.\1.weight"),
    *mask_decoder("mask_decoder", "out_proj"),
    (
        r"mask_decoder\.transformer\.layers\.(\d+)\.mlp\.lin([12])\.(.+)",
        r"mask_decoder.transformer.layers.\1.mlp.lin\2.\3",
    ),
)

_COMPRESS = {"0": "compress_vit_conv1", "1": "compress_vit_norm", "3": "compress_vit_conv2"}
_EMBEDDING = {"0": "encoder_conv1", "1": "encoder_norm", "3": "encoder_conv2"}
_MASK_FEATURE = {"0": "mask_conv1", "1": "mask_norm", "3": "mask_conv2"}
_HQ_PARTS: Tuple[Rule, ...] = (
    (r"mask_decoder\.hf_token\.weight", "mask_decoder.hq_token.weight"),
    (
        perceptron(r"mask_decoder\.(hf_mlp)")[0],
        lambda match: "mask_decoder.hq_mask_mlp.{}.{}".format(
            {"0": "proj_in", "1": "layers.0", "2": "proj_out"}[match.group(2)], match.group(3)
        ),
    ),
    _numbered(r"mask_decoder\.compress_vit_feat\.([013])\.(weight|bias)", _COMPRESS, "mask_decoder."),
    _numbered(r"mask_decoder\.embedding_encoder\.([013])\.(weight|bias)", _EMBEDDING, "mask_decoder."),
    _numbered(r"mask_decoder\.embedding_maskfeature\.([013])\.(weight|bias)", _MASK_FEATURE, "mask_decoder."),
)

#: The layers of a perceptron of two layers, by their number in Meta's code.
_FEED_FORWARD = {"0": "proj_in", "1": "proj_out"}


def _feed_forward(pattern: str, before: str) -> Rule:
    """Return the rule for a perceptron of two layers inside block number ``\\1``."""
    return (
        pattern + r"\.(\d+)\.mlp\.layers\.([01])\.(weight|bias)",
        lambda match: "{}.{}.mlp.{}.{}".format(
            before, match.group(1), _FEED_FORWARD[match.group(2)], match.group(3)
        ),
    )


_TRUNK = r"image_encoder\.trunk"
#: What only the video predictor uses: the image model has no such tensors.
VIDEO_ONLY = (
    r"(?:maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial)|"
    r"(?:mask_downsample|memory_attention|memory_encoder|obj_ptr_proj|obj_ptr_tpos_proj)\..+"
)
SAM2_PARTS: Tuple[Rule, ...] = (
    (_TRUNK + r"\.(pos_embed|pos_embed_window)", r"vision_encoder.backbone.\1"),
    (_TRUNK + r"\.patch_embed\.proj\.(.+)", r"vision_encoder.backbone.patch_embed.projection.\1"),
    (_TRUNK + r"\.blocks\.(\d+)\.norm([12])\.(.+)", r"vision_encoder.backbone.blocks.\1.layer_norm\2.\3"),
    (
        _TRUNK + r"\.blocks\.(\d+)\.(attn\.(?:qkv|proj)|proj)\.(.+)",
        r"vision_encoder.backbone.blocks.\1.\2.\3",
    ),
    _feed_forward(_TRUNK + r"\.blocks", "vision_encoder.backbone.blocks"),
    (r"image_encoder\.neck\.convs\.(\d+)\.conv\.(.+)", r"vision_encoder.neck.convs.\1.\2"),
    *prompt_encoder("sam_prompt_encoder"),
    (r"sam_prompt_encoder\.point_embeddings\.([0-3])\.weight", ONE_POINT + r"\1"),  # joined below
    *mask_decoder("sam_mask_decoder", "o_proj"),
    _feed_forward(r"sam_mask_decoder\.transformer\.layers", "mask_decoder.transformer.layers"),
    (r"sam_mask_decoder\.obj_score_token\.weight", "mask_decoder.obj_score_token.weight"),
    (r"sam_mask_decoder\.conv_s([01])\.(.+)", r"mask_decoder.conv_s\1.\2"),
    perceptron(r"sam_mask_decoder\.(pred_obj_score_head)", "mask_decoder."),
    (r"no_mem_embed", "no_memory_embedding"),
    (VIDEO_ONLY, None),
)


def sam1(state: Mapping[str, Any]) -> Dict[str, Any]:
    """Convert the state dict of segment_anything's `Sam` to that of `SamModel`."""
    return _with_both_positions(converted(state, _SAM1_PARTS))


def hq_sam(state: Mapping[str, Any]) -> Dict[str, Any]:
    """Convert the state dict of segment_anything_hq's `Sam` to that of `SamHQModel`."""
    return _with_both_positions(converted(state, _SAM1_PARTS + _HQ_PARTS))


def sam2_image(state: Mapping[str, Any]) -> Dict[str, Any]:
    """Convert the state dict of sam2's `SAM2Base` to that of `Sam2Model`, which is for images only."""
    return with_joined_points(converted(state, SAM2_PARTS))


def with_joined_points(state: Dict[str, Any]) -> Dict[str, Any]:
    """Make one tensor of the embeddings of points, and two of the positional encoding."""
    import torch

    points = [state.pop("{}{}".format(ONE_POINT, index)) for index in range(4)]
    state["prompt_encoder.point_embed.weight"] = torch.cat(points)
    return _with_both_positions(state)


def _with_both_positions(state: Dict[str, Any]) -> Dict[str, Any]:
    shared, prompts = (name + ".positional_embedding" for name in POSITIONS)
    state[prompts] = state[shared]
    return state
