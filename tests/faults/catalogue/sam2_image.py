"""SAM 2.1's image encoder, prompts and mask decoder."""

from __future__ import annotations

from functools import partial

from ..fault import fault
from ..patching import edit

seeded = partial(fault, evidence="sam2_image", after="sam2", family="sam2")

HIERA = "sam2.modeling.backbones.hieradet:"
NECK = "sam2.modeling.backbones.image_encoder:FpnNeck.forward"
DECODER = "sam2.modeling.sam.mask_decoder:MaskDecoder."
PREDICTOR = "sam2.sam2_image_predictor:SAM2ImagePredictor."


@seeded("ports that forget which stage a block belongs to")
def windows_twice_as_large() -> None:
    """Attention within windows sees twice as far as it should."""
    edit(
        HIERA + "MultiScaleBlock.forward",
        "window_size = self.window_size\n",
        "window_size = self.window_size if self.q_stride else 2 * self.window_size\n",
    )


@seeded("exports that trace one size")
def window_positions_not_tiled() -> None:
    """The window's positions are added once over, in the wrong order."""
    edit(HIERA + "Hiera._get_pos_embed", "window_embed.tile(", "window_embed.flip(-1).tile(")


@seeded("other libraries' bicubic filters")
def positions_enlarged_bilinearly() -> None:
    """The background's positions are enlarged by another filter."""
    edit(HIERA + "Hiera._get_pos_embed", '"bicubic"', '"bilinear"')


@seeded("query pooling by averages, as in other pyramids")
def queries_not_pooled_by_the_largest() -> None:
    """Queries are pooled by their average at the start of a stage."""
    edit(
        HIERA + "do_pool",
        "x = pool(x)",
        "x = nn.functional.avg_pool2d(x, pool.kernel_size, pool.stride)",
    )


@seeded("necks of other detectors, which add to every level or none")
def no_top_down_features() -> None:
    """The coarsest level does not reach the one above it."""
    edit(NECK, "prev_features = lateral_features + top_down_features", "prev_features = lateral_features")


@seeded("detectron2's `fuse_type`")
def top_down_features_averaged() -> None:
    """Lateral and top-down features are averaged in place of added."""
    edit(NECK, 'self.fuse_type == "avg"', 'self.fuse_type == "sum"')


@seeded("forks that leave out the term for images")
def no_embedding_of_no_memory() -> None:
    """An image's features lack what stands for no memory."""
    edit(PREDICTOR + "set_image", "vision_feats[-1] + self.model.no_mem_embed", "vision_feats[-1] + 0")


@seeded("decoders of SAM put into SAM 2")
def no_fine_features() -> None:
    """The mask decoder does not add the features of stride 4."""
    edit(
        DECODER + "predict_masks", "act2(dc2(upscaled_embedding) + feat_s0)", "act2(dc2(upscaled_embedding))"
    )


@seeded("decoders of SAM put into SAM 2")
def middle_features_behind_the_norm() -> None:
    """The features of stride 8 are added behind the norm."""
    edit(DECODER + "predict_masks", "act1(ln1(dc1(src) + feat_s1))", "act1(ln1(dc1(src)) + feat_s1)")


@seeded("SAM, which has one token less")
def scores_from_the_object_token() -> None:
    """Masks' scores are computed from the token of the object score."""
    edit(DECODER + "predict_masks", "hs[:, s, :]", "hs[:, 0, :]")


@seeded("prompt encoders that pad only where there is no box, and get boxes as points")
def padding_point_left_out() -> None:
    """No padding point follows the prompt's points."""
    edit(
        "sam2.modeling.sam.prompt_encoder:PromptEncoder.forward",
        "pad=(boxes is None)",
        "pad=False",
    )


@seeded("SAM's resizing, which keeps the ratio of the sides")
def points_scaled_by_the_longer_side() -> None:
    """Points are scaled as if the image's sides had been resized alike."""
    edit(
        "sam2.utils.transforms:SAM2Transforms.transform_coords",
        "coords[..., 1] / h",
        "coords[..., 1] / max(h, w)",
    )


@seeded("single masks that are never exchanged for a stable one")
def unstable_masks_kept() -> None:
    """A single mask that is not stable is kept."""
    edit(
        DECODER + "_dynamic_multimask_via_stability",
        "stability_scores >= self.dynamic_multimask_stability_thresh",
        "stability_scores < self.dynamic_multimask_stability_thresh",
    )
