"""SAM 2.1's objects in a video: their prompts, pointers and state."""

from __future__ import annotations

from functools import partial

from ..fault import fault
from ..patching import edit

seeded = partial(fault, evidence="sam2_stories", after="sam2", family="sam2")
of_pointers = partial(fault, evidence="sam2_pointers", after="sam2", family="sam2")
of_state = partial(fault, evidence="sam2_state", after="sam2", family="sam2")

HEADS = "sam2.modeling.sam2_base:SAM2Base._forward_sam_heads"
PREDICTOR = "sam2.sam2_video_predictor:SAM2VideoPredictor."
SINGLE = PREDICTOR + "_run_single_frame_inference"


@seeded("trackers that take the first mask")
def first_mask_followed() -> None:
    """Of three masks the first is taken, not the one with the highest score."""
    edit(HEADS, "torch.argmax(ious, dim=-1)", "0 * torch.argmax(ious, dim=-1)")


@of_pointers("configurations of SAM 2.0: `use_multimask_token_for_obj_ptr`")
def pointer_of_the_single_mask() -> None:
    """The object pointer comes from another mask than the one that was taken."""
    edit(HEADS, "if sam_output_tokens.size(1) > 1:", "if False:")


@of_pointers("configurations of SAM 2.0: `fixed_no_obj_ptr`")
def pointer_of_an_absent_object() -> None:
    """An object that an empty mask declares absent has a pointer of zeros."""
    edit(
        "sam2.modeling.sam2_base:SAM2Base._use_mask_as_output",
        "obj_ptr = obj_ptr + (1 - lambda_is_obj_appearing) * self.no_obj_ptr",
        "obj_ptr = obj_ptr + 0 * self.no_obj_ptr",
    )


@of_pointers("configurations of SAM 2.0: `fixed_no_obj_ptr`")
def pointer_of_a_lost_object() -> None:
    """An object that was not found keeps the pointer that it would have if it were there."""
    edit(HEADS, "lambda_is_obj_appearing = is_obj_appearing.float()", "lambda_is_obj_appearing = 1.0")


@seeded("https://github.com/facebookresearch/sam2/issues/546")
def earlier_mask_not_refined() -> None:
    """A click in a frame that already has a mask does not start from it."""
    edit(
        PREDICTOR + "add_new_points_or_box",
        "prev_sam_mask_logits=prev_sam_mask_logits",
        "prev_sam_mask_logits=None",
    )


@seeded("https://github.com/facebookresearch/sam2/issues/719")
def correction_seen_as_first_prompt() -> None:
    """A click in a later frame does not see the memory."""
    edit(
        PREDICTOR + "add_new_points_or_box",
        "is_init_cond_frame=is_init_cond_frame",
        "is_init_cond_frame=True",
    )


@seeded("https://github.com/facebookresearch/sam2/issues/308")
def backwards_looks_ahead() -> None:
    """Backwards, the memories of frames that come later in that direction are attended to."""
    edit(SINGLE, "track_in_reverse=reverse", "track_in_reverse=False")


@seeded("clients that send what a user added since")
def earlier_clicks_dropped() -> None:
    """A click that is added to others replaces them."""
    edit(
        PREDICTOR + "add_new_points_or_box",
        "if not clear_old_points:\n        point_inputs =",
        "if False:\n        point_inputs =",
    )


@seeded("https://github.com/facebookresearch/sam2/issues/295")
def boxes_labelled_as_points() -> None:
    """The corners of a box are taken for two points."""
    edit(PREDICTOR + "add_new_points_or_box", "torch.tensor([2, 3]", "torch.tensor([1, 1]")


@seeded("caches that are keyed by video")
def features_of_the_frame_before() -> None:
    """Two frames share the features of the first of them."""
    edit(
        PREDICTOR + "_get_image_feature",
        'inference_state["images"][frame_idx]',
        'inference_state["images"][frame_idx - frame_idx % 2]',
    )


@seeded("masks of another size than the model's")
def mask_prompt_mirrored() -> None:
    """A mask that is given as a prompt is mirrored on its way."""
    edit(
        PREDICTOR + "add_new_mask",
        "mask_inputs = (mask_inputs >= 0.5).float()",
        "mask_inputs = (mask_inputs >= 0.5).float().flip(-1)",
    )


@of_state("https://github.com/facebookresearch/sam2/issues/571")
def features_of_every_frame_kept() -> None:
    """The features of every frame stay in the state."""
    edit(
        PREDICTOR + "_get_image_feature",
        'inference_state["cached_features"] = {frame_idx: (image, backbone_out)}',
        'inference_state["cached_features"][frame_idx] = (image, backbone_out)',
    )


@of_state("https://github.com/facebookresearch/sam2/issues/523")
def removed_object_takes_another() -> None:
    """Removing an object mixes up the objects behind it."""
    edit(
        PREDICTOR + "remove_object",
        "dict(zip(remain_old_obj_inds, new_obj_inds))",
        "dict(zip(old_obj_inds, new_obj_inds))",
    )


@of_state("https://github.com/facebookresearch/sam2/issues/523")
def reset_keeps_results() -> None:
    """A reset forgets the objects' numbers and keeps what was found of them."""
    edit(PREDICTOR + "reset_state", 'inference_state["frames_tracked_per_obj"].clear()', "pass")
    edit(
        PREDICTOR + "_obj_id_to_idx",
        'inference_state["frames_tracked_per_obj"][obj_idx] = {}',
        'inference_state["frames_tracked_per_obj"].setdefault(obj_idx, {})',
    )
    edit(
        PREDICTOR + "_reset_tracking_results",
        'for v in inference_state["frames_tracked_per_obj"].values():\n        v.clear()',
        "pass",
    )


@of_state("https://github.com/facebookresearch/sam2/issues/523")
def cleared_prompt_stays() -> None:
    """A prompt that is taken back still counts."""
    edit(
        PREDICTOR + "clear_all_prompts_in_frame",
        'temp_output_dict_per_obj[obj_idx]["cond_frame_outputs"].pop(frame_idx, None)',
        "pass",
    )


@seeded("memories offloaded in another precision")
def memories_share_the_last_object() -> None:
    """Objects that are followed together share the memory encoder's last answer."""
    edit(
        SINGLE,
        "maskmem_features = maskmem_features.to(torch.bfloat16)",
        "maskmem_features = maskmem_features.to(torch.bfloat16)\n"
        "        if batch_size == 1 and len(inference_state['obj_ids']) > 1:\n"
        "            shared = inference_state['constants']\n"
        "            maskmem_features = shared.setdefault(('m', frame_idx), maskmem_features)",
    )


holes = partial(fault, evidence="sam2_holes", after="sam2", family="sam2")
FILL = "sam2.utils.misc:fill_holes_in_mask_scores"


@holes("https://github.com/facebookresearch/sam2/issues/131")
def holes_of_any_size_filled() -> None:
    """Holes are filled however large they are."""
    edit(FILL, "(areas <= max_area)", "(areas <= 64 * max_area)")


@holes("https://github.com/facebookresearch/sam2/issues/131")
def holes_left_open() -> None:
    """Holes stay as they are."""
    edit(FILL, "torch.where(is_hole, 0.1, mask)", "torch.where(is_hole, mask, mask)")
