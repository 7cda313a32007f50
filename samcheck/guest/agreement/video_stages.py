"""The stages of `Sam2VideoModel`, each of which can be replaced by SAM 2's own.

The frame is transformers' session, which hands the same tensors from stage to stage as SAM 2 does: a map is
(H W, B, C), a memory is stored as such. With every stage replaced, what is left is how they are joined.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Tuple

import torch
from torch.nn.functional import interpolate

from ..outcomes import Word


class VideoStage(Word):
    """A part of the way from frames to masks."""

    PREPROCESS = "preprocess"
    ENCODER = "encoder"
    MEMORY_ATTENTION = "memory attention"
    PROMPT = "prompt"
    DECODER = "decoder"
    MEMORY_ENCODER = "memory encoder"


#: SAM 2 cuts the logits of an earlier mask there before it gives them to the decoder.
LARGEST_LOGIT = 32.0
KINDS = ("cond_frame_outputs", "non_cond_frame_outputs")


def _use_encoder(model: Any, original: Any) -> None:
    def features(pixel_values: torch.Tensor, **_: Any) -> Any:
        _, maps, places, _ = original._prepare_backbone_features(original.forward_image(pixel_values))
        return SimpleNamespace(fpn_hidden_states=maps, fpn_position_encoding=places)

    model.get_image_features = features


def _sizes(model: Any) -> List[Tuple[int, int]]:
    return [(size[0], size[1]) for size in model.backbone_feature_sizes]


def _as_original(model: Any, kept: Dict[str, Any]) -> Dict[str, Any]:
    """Rename what a session keeps of a frame; maps become (B, C, H, W)."""
    size = _sizes(model)[-1]

    def square(flat: torch.Tensor) -> torch.Tensor:
        return flat.permute(1, 2, 0).reshape(flat.shape[1], flat.shape[2], *size)

    return {
        "maskmem_features": square(kept["maskmem_features"]),
        "maskmem_pos_enc": [square(kept["maskmem_pos_enc"])],
        "obj_ptr": kept["object_pointer"].reshape(1, -1),
    }


def _use_memory_attention(model: Any, original: Any) -> None:
    def conditioned(**given: Any) -> torch.Tensor:
        session, number = given["inference_session"], given["obj_idx"]
        kept = session.output_dict_per_obj[number]
        outputs = {
            kind: {frame: _as_original(model, each) for frame, each in kept[kind].items()} for kind in KINDS
        }
        result: torch.Tensor = original._prepare_memory_conditioned_features(
            frame_idx=given["frame_idx"],
            is_init_cond_frame=given["is_initial_conditioning_frame"],
            current_vision_feats=[given["current_vision_features"]],
            current_vision_pos_embeds=[given["current_vision_positional_embeddings"]],
            feat_sizes=_sizes(model)[-1:],
            output_dict=outputs,
            num_frames=given["num_total_frames"],
            track_in_reverse=given["track_in_reverse_time"],
        )
        return result

    model._prepare_memory_conditioned_features = conditioned


def _use_prompt(model: Any, original: Any) -> None:
    """Give the decoder the mask that the session has of the frame, beside points, as SAM 2 does."""
    inner = model._run_single_frame_inference

    def run(**given: Any) -> Any:
        outputs = given["inference_session"].output_dict_per_obj[given["obj_idx"]]
        found = [outputs[kind].get(given["frame_idx"]) for kind in KINDS]
        before = next((each for each in found if each is not None), None)
        if given["point_inputs"] is not None and before is not None:
            mask = before["pred_masks"].clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
            given["prev_sam_mask_logits"] = mask
        return inner(**given)

    model._run_single_frame_inference = run


def _heads(answer: Any) -> Any:
    """Convert what SAM 2's heads return."""
    low, high, pointer, score = answer[3], answer[4], answer[5], answer[6]
    return SimpleNamespace(
        pred_masks=low,
        high_res_masks=high,
        object_pointer=pointer[:, None],
        object_score_logits=score[:, None],
    )


def _use_decoder(model: Any, original: Any) -> None:
    def segmented(**given: Any) -> Any:
        points = None
        if given["input_points"] is not None:
            points = {
                "point_coords": given["input_points"][:, 0],
                "point_labels": given["input_labels"][:, 0],
            }
        *fine, coarse = given["image_embeddings"]
        return _heads(
            original._forward_sam_heads(
                backbone_features=coarse,
                point_inputs=points,
                mask_inputs=given["input_masks"],
                high_res_features=fine,
                multimask_output=given["multimask_output"],
            )
        )

    def given_mask(features: Any, fine: Any, mask: Any) -> Any:
        return _heads(original._use_mask_as_output(features, fine, mask))

    model._single_frame_forward, model._use_mask_as_output = segmented, given_mask


def _use_memory_encoder(model: Any, original: Any) -> None:
    def encode(**given: Any) -> None:
        session, frame = given["inference_session"], given["frame_idx"]
        maps, _ = model._prepare_vision_features(session, frame, batch_size=1)
        for number, large, score, shown in zip(
            given["objects_needing_memory_encoding"],
            given["high_res_masks_for_memory"],
            given["object_score_logits_for_memory"],
            given["is_mask_from_pts_per_obj"],
        ):
            outputs = session.output_dict_per_obj[number]
            kept = next(outputs[kind][frame] for kind in KINDS if frame in outputs[kind])
            # SAM 2 makes the memory of a prompted frame when it begins to follow, of what it kept.
            side = (model.image_size, model.image_size)
            again = interpolate(kept["pred_masks"], side, mode="bilinear") if shown else large
            memory, places = original._encode_new_memory(
                current_vision_feats=maps[-1:],
                feat_sizes=_sizes(model)[-1:],
                pred_masks_high_res=again,
                object_score_logits=score[:, 0],
                is_mask_from_pts=shown,
            )
            kept["maskmem_features"] = memory.to(torch.bfloat16).flatten(2).permute(2, 0, 1)
            kept["maskmem_pos_enc"] = places[-1].flatten(2).permute(2, 0, 1)

    model._batch_encode_memories = encode


#: Put a stage of SAM 2 in the place of the model's own; that of frames is the session's.
USE_ORIGINAL: Dict[VideoStage, Callable[[Any, Any], None]] = {
    VideoStage.ENCODER: _use_encoder,
    VideoStage.MEMORY_ATTENTION: _use_memory_attention,
    VideoStage.PROMPT: _use_prompt,
    VideoStage.DECODER: _use_decoder,
    VideoStage.MEMORY_ENCODER: _use_memory_encoder,
}
