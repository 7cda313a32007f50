"""The names of SAM 3's tensors in transformers: of the tracker, `Sam3TrackerModel`.

Read off the classes of sam3 0.1.4 and transformers 5.23.0, whose own ``convert_sam3_to_hf.py`` does the same.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from . import to_transformers
from .names import Rule, converted, perceptron

_VISION = r"backbone\.vision_backbone\."
_TRUNK = _VISION + r"trunk\."
_NEW_TRUNK = "vision_encoder.backbone."
#: The layers of a level of the pyramid, by their name in Meta's code.
_LEVEL = {
    "dconv_2x2": "scale_layers.0",
    "dconv_2x2_0": "scale_layers.0",
    "dconv_2x2_1": "scale_layers.2",
    "conv_1x1": "proj1",
    "conv_3x3": "proj2",
}
_FEED_FORWARD = {"1": "proj_in", "2": "proj_out"}
#: What the image model has none of: the memory of videos, the detector's levels, tables that are computed.
_NOT_THERE = (
    r"(?:maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial)|"
    r"(?:mask_downsample|transformer|maskmem_backbone|obj_ptr_proj|obj_ptr_tpos_proj)\..+|"
    + _VISION
    + r"convs\..+|"
    + _TRUNK
    + r"blocks\.\d+\.attn\.freqs_cis"
)
_TRACKER_PARTS: Tuple[Rule, ...] = (
    (_TRUNK + r"pos_embed", _NEW_TRUNK + "embeddings.position_embeddings"),  # cut below
    (_TRUNK + r"patch_embed\.proj\.(.+)", _NEW_TRUNK + r"embeddings.patch_embeddings.projection.\1"),
    (_TRUNK + r"ln_pre\.(.+)", _NEW_TRUNK + r"layer_norm.\1"),
    (_TRUNK + r"blocks\.(\d+)\.norm([12])\.(.+)", _NEW_TRUNK + r"layers.\1.layer_norm\2.\3"),
    (_TRUNK + r"blocks\.(\d+)\.attn\.qkv\.(.+)", _NEW_TRUNK + r"layers.\1.attention.qkv.\2"),  # cut below
    (_TRUNK + r"blocks\.(\d+)\.attn\.proj\.(.+)", _NEW_TRUNK + r"layers.\1.attention.o_proj.\2"),
    (_TRUNK + r"blocks\.(\d+)\.mlp\.(.+)", _NEW_TRUNK + r"layers.\1.mlp.\2"),
    (
        _VISION + r"sam2_convs\.(\d+)\.(dconv_2x2(?:_[01])?|conv_[13]x[13])\.(weight|bias)",
        lambda match: "vision_encoder.neck.fpn_layers.{}.{}.{}".format(
            match.group(1), _LEVEL[match.group(2)], match.group(3)
        ),
    ),
    *to_transformers.prompt_encoder("sam_prompt_encoder"),
    (r"sam_prompt_encoder\.point_embeddings\.([0-3])\.weight", to_transformers.ONE_POINT + r"\1"),
    *to_transformers.mask_decoder("sam_mask_decoder", "o_proj"),
    (
        r"sam_mask_decoder\.transformer\.layers\.(\d+)\.mlp\.lin([12])\.(.+)",
        lambda match: "mask_decoder.transformer.layers.{}.mlp.{}.{}".format(
            match.group(1), _FEED_FORWARD[match.group(2)], match.group(3)
        ),
    ),
    (r"sam_mask_decoder\.obj_score_token\.weight", "mask_decoder.obj_score_token.weight"),
    (r"sam_mask_decoder\.conv_s([01])\.(.+)", r"mask_decoder.conv_s\1.\2"),
    perceptron(r"sam_mask_decoder\.(pred_obj_score_head)", "mask_decoder."),
    (r"no_mem_embed", "no_memory_embedding"),
    (_NOT_THERE, None),
)


def sam3_tracker(state: Mapping[str, Any]) -> Dict[str, Any]:
    """Convert the state dict of sam3's `Sam3TrackerBase` to that of `Sam3TrackerModel`."""
    result: Dict[str, Any] = {}
    for name, tensor in converted(state, _TRACKER_PARTS).items():
        if name.endswith("position_embeddings"):
            result[name] = tensor[:, 1:]  # without that of a class token, which there is none of
        elif ".attention.qkv." in name:
            for part, one in zip("qkv", tensor.chunk(3)):
                result[name.replace(".qkv.", ".{}_proj.".format(part))] = one
        else:
            result[name] = tensor
    return to_transformers.with_joined_points(result)
