"""The prompt encoder."""

from __future__ import annotations

from ..fault import fault
from ..patching import edit

PROMPTS = "segment_anything.modeling.prompt_encoder:PromptEncoder."
POSITIONS = "segment_anything.modeling.prompt_encoder:PositionEmbeddingRandom."
SHIFT = " + 0.5  # Shift to center of pixel"


@fault("ports that leave out the shift", "answers")
def point_shift_dropped() -> None:
    """Points are not shifted to the centres of their pixels."""
    edit(PROMPTS + "_embed_points", SHIFT, "")


@fault("ports that leave out the shift", "answers")
def box_shift_dropped() -> None:
    """Corners of boxes are not shifted to the centres of their pixels."""
    edit(PROMPTS + "_embed_boxes", SHIFT, "")


@fault("ports that take boxes as (x1, y1, x0, y0)", "answers")
def box_corners_swapped() -> None:
    """The first corner of a box is taken for its last."""
    edit(PROMPTS + "_embed_boxes", "reshape(-1, 2, 2)", "reshape(-1, 2, 2).flip(1)")


@fault("boxes of COCO, which are (x, y, width, height)", "answers")
def box_taken_for_size() -> None:
    """Boxes are taken for (x, y, width, height)."""
    edit(
        PROMPTS + "_embed_boxes",
        "boxes = boxes + 0.5",
        "boxes = boxes.reshape(-1, 4)"
        "\n    boxes = torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1) + 0.5",
    )


@fault("callers of the ONNX model who send boxes as two points", "answers")
def box_corners_as_points() -> None:
    """The corners of a box are embedded as two points inside."""
    edit(PROMPTS + "_embed_boxes", "self.point_embeddings[2]", "self.point_embeddings[1]")
    edit(PROMPTS + "_embed_boxes", "self.point_embeddings[3]", "self.point_embeddings[1]")


@fault("forks that take one box", "answers")
def boxes_beyond_the_first() -> None:
    """Several boxes in one call are all answered for the first."""
    edit(PROMPTS + "_embed_boxes", "boxes = boxes + 0.5", "boxes = boxes[:1].expand_as(boxes) + 0.5")


@fault("front ends that know one kind of click", "answers")
def negative_point_as_positive() -> None:
    """Points outside of what is wanted are taken for points inside."""
    edit(PROMPTS + "_embed_points", "self.point_embeddings[0]", "self.point_embeddings[1]")


@fault("filtering of labels by their truth value", "answers")
def negative_point_dropped() -> None:
    """Points outside of what is wanted are ignored."""
    edit(
        PROMPTS + "_embed_points",
        "points = points + 0.5",
        "labels = labels.masked_fill(labels == 0, -1); points = points + 0.5",
    )


@fault("ports with the labels the other way round", "answers")
def labels_swapped() -> None:
    """Inside means outside, and the other way round."""
    edit(
        PROMPTS + "_embed_points",
        "points = points + 0.5",
        "labels = torch.where(labels >= 0, 1 - labels, labels); points = points + 0.5",
    )


@fault("exports: the official ONNX model leaves this to the caller", "answers")
def padding_point_missing() -> None:
    """Points without a box are not followed by the point that is none."""
    edit(PROMPTS + "_embed_points", "if pad:", "if False:")


@fault("ports that treat the padding as a point", "answers")
def padding_point_placed() -> None:
    """The point that is none keeps the position of the corner."""
    edit(PROMPTS + "_embed_points", "point_embedding[labels == -1] = 0.0", "pass")


@fault("exports with a fixed number of points", "answers")
def points_beyond_the_first() -> None:
    """All points but the first are ignored."""
    edit(
        PROMPTS + "_embed_points",
        "points = points + 0.5",
        "points, labels = points[:, :1], labels[:, :1]; points = points + 0.5",
    )


@fault("forks without this input", "answers")
def mask_prompt_ignored() -> None:
    """Masks as prompts are ignored."""
    edit(PROMPTS + "forward", "if masks is not None:", "if False:")


@fault("probabilities and logits mixed up", "answers")
def mask_prompt_as_probabilities() -> None:
    """Masks as prompts go through a sigmoid first."""
    edit(PROMPTS + "_embed_masks", "(masks)", "(masks.sigmoid())")


@fault("background and foreground mixed up", "answers")
def mask_prompt_negated() -> None:
    """Masks as prompts are negated."""
    edit(PROMPTS + "_embed_masks", "(masks)", "(-masks)")


@fault("ports that always add it, as the ONNX model's formula suggests", "answers")
def no_mask_always_added() -> None:
    """The embedding of "no mask" is added to that of a mask too."""
    edit(
        PROMPTS + "_embed_masks",
        "return mask_embedding",
        "return mask_embedding + self.no_mask_embed.weight.reshape(1, -1, 1, 1)",
    )


@fault("ports with width before height", "answers")
def positions_of_points_swapped() -> None:
    """x and y change places in the positional encoding of prompts."""
    edit(POSITIONS + "forward_with_coords", "coords_input.clone()", "coords_input.flip(-1).clone()")


@fault("ports that put the grid on the corners of the patches", "answers")
def dense_positions_shifted() -> None:
    """The positions of the features are those of the corners of their patches."""
    edit(POSITIONS + "forward", "- 0.5", "- 1.0", count=2)


@fault("ports with the cosine first", "answers")
def sine_and_cosine_swapped() -> None:
    """Positions are encoded as cosine and sine instead of sine and cosine."""
    edit(
        POSITIONS + "_pe_encoding",
        "[torch.sin(coords), torch.cos(coords)]",
        "[torch.cos(coords), torch.sin(coords)]",
    )


@fault("integer pixels", "answers")
def points_rounded_in_half() -> None:
    """Coordinates go through float16, which has steps of half a pixel from 512 on."""
    edit(
        POSITIONS + "forward_with_coords",
        "coords_input.clone()",
        "coords_input.half().to(coords_input.dtype)",
    )
