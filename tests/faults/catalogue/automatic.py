"""The automatic mask generator."""

from __future__ import annotations

from ..fault import fault
from ..patching import edit

AMG = "segment_anything.utils.amg:"
GENERATOR = "segment_anything.automatic_mask_generator:SamAutomaticMaskGenerator."
BOX = "box_xyxy_to_xywh(mask_data["


@fault("forks that sort instead", "automatic")
def suppression_skipped() -> None:
    """Duplicates are not suppressed."""
    edit(GENERATOR + "_process_crop", "data.filter(keep_by_nms)", "pass")


@fault("forks that forget the second suppression", "automatic")
def suppression_between_crops_skipped() -> None:
    """Duplicates between crops are not suppressed."""
    edit(GENERATOR + "_generate_masks", "data.filter(keep_by_nms)", "pass")


@fault("forks that mix up the arguments", "automatic")
def suppression_prefers_the_worst() -> None:
    """Of duplicates the one with the lowest score is kept."""
    edit(GENERATOR + "_process_crop", 'data["iou_preds"],', '-data["iou_preds"],')


@fault("ports that leave boxes as corners", "automatic")
def boxes_as_corners() -> None:
    """Boxes come as (x0, y0, x1, y1)."""
    edit(GENERATOR + "generate", BOX + '"boxes"][idx]).tolist()', 'mask_data["boxes"][idx].tolist()')


@fault("inclusive and exclusive ends", "automatic")
def boxes_one_too_large() -> None:
    """Boxes end one pixel behind their mask."""
    edit(
        AMG + "batched_mask_to_box",
        "[left_edges, top_edges, right_edges,",
        "[left_edges, top_edges, right_edges + 1,",
    )


@fault("ports with (row, column) instead of (x, y)", "automatic")
def boxes_swapped() -> None:
    """x and y change places in the boxes."""
    edit(
        AMG + "batched_mask_to_box",
        "[left_edges, top_edges, right_edges, bottom_edges]",
        "[top_edges, left_edges, bottom_edges, right_edges]",
    )


@fault("runs counted from the wrong one", "automatic")
def area_of_background() -> None:
    """The area is that of what is outside."""
    edit(AMG + "area_from_rle", "[1::2]", "[0::2]")


@fault("areas of boxes: https://github.com/facebookresearch/segment-anything/issues/552", "automatic")
def area_of_box() -> None:
    """The area is that of the box."""
    edit(
        GENERATOR + "generate",
        'area_from_rle(mask_data["rles"][idx])',
        'int(box_area(torch.as_tensor(mask_data["boxes"][idx])[None]))',
    )


@fault("forks that drop the second pass", "automatic")
def crop_of_boxes_forgotten() -> None:
    """The boxes of crops are not moved to the frame of the picture."""
    edit(GENERATOR + "_process_crop", 'uncrop_boxes_xyxy(data["boxes"], crop_box)', 'data["boxes"]')


@fault("forks that drop the second pass", "automatic")
def crop_of_points_forgotten() -> None:
    """The points of crops are not moved to the frame of the picture."""
    edit(GENERATOR + "_process_crop", 'uncrop_points(data["points"], crop_box)', 'data["points"]')


@fault("padding on the wrong side", "automatic")
def crop_of_masks_forgotten() -> None:
    """The masks of crops are put into the upper left corner of the picture."""
    edit(AMG + "uncrop_masks", "(x0, pad_x - x0, y0, pad_y - y0)", "(0, pad_x, 0, pad_y)")


@fault("callers who forget that COCO counts column by column", "automatic")
def runs_row_by_row() -> None:
    """Run lengths are counted row by row, and read so by the package itself."""
    edit(AMG + "mask_to_rle_pytorch", "tensor.permute(0, 2, 1).flatten(1)", "tensor.flatten(1)")
    edit(AMG + "rle_to_mask", "mask.reshape(w, h)", "mask.reshape(h, w)")
    edit(AMG + "rle_to_mask", "mask.transpose()", "mask")


@fault("encoders that begin with the first run they meet", "automatic")
def runs_without_leading_zero() -> None:
    """Run lengths of a mask that holds the first pixel do not begin with zero."""
    edit(AMG + "mask_to_rle_pytorch", "else [0]", "else []")


@fault("forks that drop the argument", "automatic")
def stability_offset_ignored() -> None:
    """The stability is computed without an offset, and is always 1."""
    edit(AMG + "calculate_stability_score", "mask_threshold + threshold_offset", "mask_threshold")
    edit(AMG + "calculate_stability_score", "mask_threshold - threshold_offset", "mask_threshold")


@fault("ports that divide the wrong way", "automatic")
def stability_inverted() -> None:
    """The stability is the inverse of what it should be."""
    edit(AMG + "calculate_stability_score", "intersections / unions", "unions / intersections")


@fault("ports on a plain linspace", "automatic")
def grid_to_the_edges() -> None:
    """The points of the grid run from edge to edge."""
    edit(
        AMG + "build_point_grid",
        "np.linspace(offset, 1 - offset, n_per_side)",
        "np.linspace(0, 1, n_per_side)",
    )


@fault("ports with (row, column) instead of (x, y)", "automatic")
def grid_by_height() -> None:
    """The grid is stretched with height and width exchanged."""
    edit(
        GENERATOR + "_process_crop",
        "np.array(cropped_im_size)[None, ::-1]",
        "np.array(cropped_im_size)[None]",
    )


@fault("integer division", "automatic")
def last_batch_lost() -> None:
    """The last batch of points is left out if it is not full."""
    edit(AMG + "batch_iterator", " + int(len(args[0]) % batch_size != 0)", "")


@fault("forks that drop the argument", "automatic")
def score_threshold_ignored() -> None:
    """Masks are kept whatever their score."""
    edit(GENERATOR + "_process_batch", "if self.pred_iou_thresh > 0.0:", "if False:")


@fault("filters applied to one list of several", "automatic")
def scores_not_filtered_along() -> None:
    """Scores stay where they are when masks are left out."""
    kept = "v[torch.as_tensor(keep, device=v.device)]"
    edit(AMG + "MaskData.filter", kept, '{0} if k != "iou_preds" else v[: len({0})]'.format(kept))


@fault("forks that keep one mask per point", "automatic")
def best_of_three_only() -> None:
    """Of the three masks of a point only the last is looked at."""
    edit(GENERATOR + "_process_batch", "multimask_output=True", "multimask_output=False")


@fault("encoders that write the width first", "optional")
def coco_size_swapped() -> None:
    """Compressed run lengths have width and height the wrong way round."""
    edit(AMG + "coco_encode_rle", "return rle", "rle['size'] = rle['size'][::-1]; return rle")


@fault("other defaults for what is connected: OpenCV's 8, SciPy's 4", "optional")
def parts_apart_at_corners() -> None:
    """Pixels that touch by a corner only count as two holes or islands."""
    edit(AMG + "remove_small_regions", "(working_mask, 8)", "(working_mask, connectivity=4)")


@fault("a limit that is taken to be among what goes", "optional")
def parts_at_the_limit_removed() -> None:
    """Holes and islands of exactly `min_mask_region_area` pixels go as well."""
    edit(AMG + "remove_small_regions", "s < area_thresh", "s <= area_thresh")


@fault("forks that forget one of the two passes", "optional")
def islands_stay() -> None:
    """Small holes are filled, and small islands stay."""
    edit(GENERATOR + "postprocess_small_regions", 'mode="islands"', 'mode="holes"')


@fault("boxes computed before the masks change", "optional")
def box_of_the_old_mask() -> None:
    """The box is that of the mask with its small islands."""
    edit(GENERATOR + "postprocess_small_regions", 'mask_data["boxes"][i_mask] = boxes[i_mask]', "pass")
