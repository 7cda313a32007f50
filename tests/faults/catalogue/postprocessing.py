"""From the decoder's logits to masks of the picture's size."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import edit, find, replace

RESIZE = "segment_anything.modeling.sam:Sam.postprocess_masks"
PREDICT = "segment_anything.predictor:SamPredictor.predict_torch"
CROP = "masks[..., : input_size[0], : input_size[1]]"
THRESHOLD = "masks > self.model.mask_threshold"


@fault("inclusive and exclusive ends", "answers")
def crop_off_by_one() -> None:
    """One row and one column of padding are kept."""
    edit(RESIZE, CROP, "masks[..., : input_size[0] + 1, : input_size[1] + 1]")


@fault("ports for square pictures", "answers")
def crop_missing() -> None:
    """The padding is not cropped, so that masks are squeezed."""
    edit(RESIZE, CROP, "masks")


@fault("ports that centre the picture (letterbox)", "answers")
def crop_from_the_end() -> None:
    """The padding is cropped on the left and above."""
    edit(RESIZE, CROP, "masks[..., -input_size[0] :, -input_size[1] :]")


@fault("ports with width before height", "answers")
def crop_swapped() -> None:
    """The crop takes the width for the height, and the resize puts it right."""
    edit(RESIZE, CROP, "masks[..., : input_size[1], : input_size[0]]")


@fault("https://github.com/onnx/onnx/blob/main/docs/Operators.md#Resize, coordinate modes", "answers")
def resize_aligns_corners() -> None:
    """Masks are resized with aligned corners."""
    edit(RESIZE, "align_corners=False", "align_corners=True", count=2)


@fault("ports that resize masks as masks", "answers")
def masks_resized_to_nearest() -> None:
    """Masks are resized to the nearest logit."""
    edit(RESIZE, 'mode="bilinear"', 'mode="nearest"', count=2)
    edit(RESIZE, "align_corners=False", "align_corners=None", count=2)


@fault("ports that save a step", "answers")
def masks_resized_once() -> None:
    """Masks are cropped at low resolution and resized once, not twice."""
    edit(RESIZE, "(self.image_encoder.img_size, self.image_encoder.img_size)", "masks.shape[-2:]")
    edit(
        RESIZE,
        CROP,
        "masks[..., : -(-input_size[0] // 4), : -(-input_size[1] // 4)]",
    )


@fault("forks that tune it", "masks")
def threshold_off() -> None:
    """A pixel belongs to a mask from a logit of 0.1 on."""
    find("segment_anything.modeling.sam:Sam")[2].mask_threshold = 0.1


@fault("probabilities and logits mixed up", "masks")
def threshold_of_probabilities() -> None:
    """A pixel belongs to a mask from a logit of 0.5 on."""
    edit(PREDICT, THRESHOLD, "masks > 0.5")


@fault("ports with the signs of background", "masks")
def masks_inverted() -> None:
    """Masks are true outside."""
    edit(PREDICT, THRESHOLD, "masks < self.model.mask_threshold")


@fault("a broken kernel of comparison or a race", "masks")
def pixels_flipped() -> None:
    """8 % of the pixels of every mask are flipped."""
    edit(
        PREDICT,
        THRESHOLD,
        "(masks > self.model.mask_threshold) ^ (torch.rand(masks.shape, "
        "generator=torch.Generator().manual_seed(3)).to(masks.device) < 0.08)",
    )


@fault("a race at the ends of blocks", "masks")
def few_pixels_flipped() -> None:
    """One pixel in a thousand of every mask is flipped."""
    edit(
        PREDICT,
        THRESHOLD,
        "(masks > self.model.mask_threshold) ^ (torch.rand(masks.shape, "
        "generator=torch.Generator().manual_seed(3)).to(masks.device) < 0.001)",
    )


@fault("pipelines that fill holes without being asked", "masks")
def masks_smoothed() -> None:
    """Masks are eroded by one pixel."""
    edit(
        PREDICT,
        THRESHOLD,
        "-torch.nn.functional.max_pool2d(-masks, 3, 1, 1) > self.model.mask_threshold",
    )


@fault("ports with width before height", "square")
def square_masks_transposed() -> None:
    """Masks of square pictures come with rows and columns exchanged."""

    def make(original: Any) -> Any:
        def changed(self: Any, masks: Any, input_size: Any, original_size: Any) -> Any:
            found = original(self, masks, input_size, original_size)
            return found.transpose(-1, -2) if found.shape[-1] == found.shape[-2] else found

        return changed

    replace(RESIZE, make)


@fault("forks that drop the argument", "answers")
def logits_ignored() -> None:
    """Masks are thresholded although logits were asked for."""
    edit(PREDICT, "if not return_logits:", "if True:")


@fault("forks that return probabilities", "answers")
def logits_are_probabilities() -> None:
    """Probabilities less one half come in the place of logits."""
    edit(
        PREDICT,
        "if not return_logits:",
        "if return_logits:\n        masks = masks.sigmoid() - 0.5\n    else:",
    )


@fault("clamping for mixed precision: SAM 2 clamps to ±32", "answers")
def logits_clamped() -> None:
    """Logits beyond 4 are cut off."""
    edit(
        PREDICT,
        "if not return_logits:",
        "low_res_masks = low_res_masks.clamp(-4, 4)\n    if not return_logits:",
    )


@fault("https://github.com/facebookresearch/segment-anything/pull/787", "answers")
def scores_in_bfloat16() -> None:
    """Scores are rounded to bfloat16."""
    edit(
        PREDICT, "return masks, iou_predictions, low", "return masks, iou_predictions.bfloat16().float(), low"
    )
