"""SAM 2.1's memory: how it is made, kept and attended to."""

from __future__ import annotations

from functools import partial

from ..fault import fault
from ..patching import edit

seeded = partial(fault, evidence="sam2_stories", after="sam2", family="sam2")

BASE = "sam2.modeling.sam2_base:SAM2Base."
REMEMBER = BASE + "_prepare_memory_conditioned_features"
ENCODE = BASE + "_encode_new_memory"
ATTENTION = "sam2.modeling.memory_attention:MemoryAttention.forward"
LAYER = "sam2.modeling.memory_attention:MemoryAttentionLayer."


@seeded("https://github.com/facebookresearch/sam2/issues/154")
def memory_one_frame_short() -> None:
    """The oldest of the frames in the memory bank is not attended to."""
    edit(REMEMBER, "for t_pos in range(1, self.num_maskmem):", "for t_pos in range(2, self.num_maskmem):")


@seeded("indices that count from the other end")
def frames_in_the_wrong_order_of_time() -> None:
    """The position in time of the memories counts from the wrong end."""
    edit(REMEMBER, "self.maskmem_tpos_enc[self.num_maskmem - t_pos - 1]", "self.maskmem_tpos_enc[t_pos]")


@seeded("ports that leave the position in time out")
def no_position_in_time() -> None:
    """Memories carry no position in time."""
    edit(
        REMEMBER,
        "maskmem_enc + self.maskmem_tpos_enc[self.num_maskmem - t_pos - 1]",
        "maskmem_enc + 0 * self.maskmem_tpos_enc[self.num_maskmem - t_pos - 1]",
    )


@seeded("trackers that only look at the frame before")
def prompted_frame_forgotten() -> None:
    """Once there are other memories, the prompted frame is not attended to."""
    edit(
        REMEMBER,
        "for t_pos, prev in t_pos_and_prevs:",
        "for t_pos, prev in t_pos_and_prevs[sum(p is not None for t, p in t_pos_and_prevs if t) and 1 :]:",
    )


@seeded("configurations of SAM 2.0")
def pointers_without_position_in_time() -> None:
    """Object pointers carry no position in time."""
    edit(
        REMEMBER, "obj_pos = self.obj_ptr_tpos_proj(obj_pos)", "obj_pos = 0 * self.obj_ptr_tpos_proj(obj_pos)"
    )


@seeded("configurations of SAM 2.0: `use_signed_tpos_enc_to_obj_ptrs`")
def pointers_normalised_by_another_distance() -> None:
    """The distance of pointers in time is divided by one frame more."""
    edit(REMEMBER, "t_diff_max = max_obj_ptrs_in_encoder - 1", "t_diff_max = max_obj_ptrs_in_encoder")


@seeded("configurations of SAM 2.0: `only_obj_ptrs_in_the_past_for_eval`")
def pointers_of_the_future() -> None:
    """Pointers of prompted frames that are yet to come are attended to."""
    edit(REMEMBER, "self.only_obj_ptrs_in_the_past_for_eval", "False")


@seeded("ports that rotate every key")
def pointers_rotated() -> None:
    """Object pointers are rotated as if they had a place in the image."""
    edit(REMEMBER, "num_obj_ptr_tokens = obj_ptrs.shape[0]", "num_obj_ptr_tokens = obj_ptrs.shape[0] % 1")


@seeded("exports that cut pointers the other way")
def pointers_cut_in_another_order() -> None:
    """The tokens of a pointer come in another order."""
    edit(
        REMEMBER,
        "obj_ptrs.permute(0, 2, 1, 3).flatten(0, 1)",
        "obj_ptrs.permute(0, 2, 1, 3).flip(3).flatten(0, 1)",
    )


@seeded("ports that take positions at their full size")
def current_positions_too_strong() -> None:
    """The current frame's positions are added in full, not a tenth of them."""
    edit(ATTENTION, "0.1 * curr_pos", "1.0 * curr_pos")


@seeded("ports that add positions to keys and values alike")
def memory_positions_in_values() -> None:
    """The memories' positions are in the values too."""
    edit(LAYER + "_forward_ca", "v=memory,", "v=memory + pos,")


@seeded("rotary tables of the wrong axis order")
def rotary_axes_swapped() -> None:
    """Rotary positions take rows for columns."""
    edit(
        "sam2.modeling.position_encoding:compute_axial_cis",
        "[freqs_cis_x, freqs_cis_y]",
        "[freqs_cis_y, freqs_cis_x]",
    )


@seeded("configurations of SAM 2 that were copied in part")
def memory_not_stretched() -> None:
    """A mask's probabilities go into the memory as they are, between 0 and 1."""
    edit(ENCODE, "mask_for_mem * self.sigmoid_scale_for_mem_enc", "mask_for_mem * 1.0")


@seeded("configurations of SAM 2 that were copied in part")
def memory_not_shifted() -> None:
    """A mask's stretched probabilities are not centred on zero."""
    edit(ENCODE, "mask_for_mem + self.sigmoid_bias_for_mem_enc", "mask_for_mem + 0.0")


@seeded("predictors that are not built by `build_sam2_video_predictor`")
def clicked_masks_with_shades() -> None:
    """The memory of a clicked mask has shades, not what the user saw."""
    edit(ENCODE, "binarize and not self.training", "False")


@seeded("configurations of SAM 2.0, which do not have it")
def no_embedding_of_absence_in_memory() -> None:
    """The memory of a frame without the object does not say so."""
    edit(ENCODE, "if self.no_obj_embed_spatial is not None:", "if False:")


@seeded("memories of the features that were attended from")
def memory_without_the_image() -> None:
    """The memory holds the mask and not the image."""
    edit("sam2.modeling.memory_encoder:MemoryEncoder.forward", "x = x + masks", "x = 0 * x + masks")
