"""The names of sam2's tensors in transformers' `Sam2VideoModel`: those of `Sam2Model`, and the memory's.

Read off the classes of sam2 1.1.0 and transformers 4.57.6 and 5.23.0, whose own script
``models/sam2_video/convert_sam2_video_to_hf.py`` does the same.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping, Tuple

from . import to_transformers
from .names import Rule, converted, perceptron

_ATTENTION = r"memory_attention\.layers\.(\d+)\.(self_attn|cross_attn_image)"
_ATTENTION_NEW = r"memory_attention.layers.\1.\2"
_DOWNSAMPLER = r"memory_encoder\.mask_downsampler\.encoder\."
_DOWNSAMPLER_NEW = "memory_encoder.mask_downsampler."
_FUSER = r"memory_encoder\.fuser\.layers\.(\d+)\."
_FUSER_NEW = r"memory_encoder.memory_fuser.layers.\1."

#: In Meta's code a layer of the downsampler is a convolution, its norm and its activation, one after another.
_PER_LAYER = 3


def _downsampled(match: Any) -> str:
    number = int(match.group(1))
    part = ("conv", "layer_norm")[number % _PER_LAYER]
    return "{}layers.{}.{}.{}".format(_DOWNSAMPLER_NEW, number // _PER_LAYER, part, match.group(2))


#: What only the video predictor uses.
_MEMORY_PARTS: Tuple[Rule, ...] = (
    (r"maskmem_tpos_enc", "memory_temporal_positional_encoding"),
    (r"no_mem_pos_enc", "no_memory_positional_encoding"),
    (r"no_obj_ptr", "no_object_pointer"),
    (r"no_obj_embed_spatial", "occlusion_spatial_embedding_parameter"),
    (r"mask_downsample\.(.+)", r"mask_downsample.\1"),
    (r"obj_ptr_tpos_proj\.(.+)", r"temporal_positional_encoding_projection_layer.\1"),
    perceptron(r"(obj_ptr_proj)"),
    (_ATTENTION + r"\.([qkv])_proj\.(.+)", _ATTENTION_NEW + r".\3_proj.\4"),
    (_ATTENTION + r"\.out_proj\.(.+)", _ATTENTION_NEW + r".o_proj.\3"),
    (r"memory_attention\.layers\.(\d+)\.norm([1-3])\.(.+)", r"memory_attention.layers.\1.layer_norm\2.\3"),
    (r"memory_attention\.layers\.(\d+)\.linear([12])\.(.+)", r"memory_attention.layers.\1.linear\2.\3"),
    (r"memory_attention\.norm\.(.+)", r"memory_attention.layer_norm.\1"),
    (_DOWNSAMPLER + r"([0-9]|10)\.(.+)", _downsampled),
    (_DOWNSAMPLER + r"12\.(.+)", _DOWNSAMPLER_NEW + r"final_conv.\1"),
    (r"memory_encoder\.pix_feat_proj\.(.+)", r"memory_encoder.feature_projection.\1"),
    (r"memory_encoder\.out_proj\.(.+)", r"memory_encoder.projection.\1"),
    (_FUSER + r"gamma", _FUSER_NEW + "scale"),
    (_FUSER + r"dwconv\.(.+)", _FUSER_NEW + r"depthwise_conv.\2"),
    (_FUSER + r"norm\.(.+)", _FUSER_NEW + r"layer_norm.\2"),
    (_FUSER + r"pwconv([12])\.(.+)", _FUSER_NEW + r"pointwise_conv\2.\3"),
)
#: The perceptron of pointers has another name, which `perceptron` keeps.
_POINTERS = ("obj_ptr_proj.", "object_pointer_proj.")


_RULES: Tuple[Rule, ...] = (
    *(rule for rule in to_transformers.SAM2_PARTS if rule[1] is not None),
    *_MEMORY_PARTS,
)
_POINTS = "sam_prompt_encoder.point_embeddings.{}.weight"


def sam2_video(state: Mapping[str, Any]) -> Dict[str, Any]:
    """Convert the state dict of sam2's `SAM2Base` to that of `Sam2VideoModel`."""
    result = to_transformers.with_joined_points(converted(state, _RULES))
    return {name.replace(*_POINTERS): tensor for name, tensor in result.items()}


def from_sam2_video_model(state: Mapping[str, Any], names: Iterable[str]) -> Dict[str, Any]:
    """Convert the state dict of a `Sam2VideoModel` back; `names` are those of all tensors in sam2."""
    points = [_POINTS.format(index) for index in range(4)]
    table = converted({name: name for name in names if name not in points}, _RULES)
    result = {old: state[new.replace(*_POINTERS)] for new, old in table.items()}
    for index, name in enumerate(points):
        result[name] = state["prompt_encoder.point_embed.weight"][index : index + 1]
    return result
