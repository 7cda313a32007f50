"""The mask decoder and its transformer."""

from __future__ import annotations

from ..fault import fault
from ..patching import edit

DECODER = "segment_anything.modeling.mask_decoder:MaskDecoder."
PERCEPTRON = "segment_anything.modeling.mask_decoder:MLP.forward"
TRANSFORMER = "segment_anything.modeling.transformer:TwoWayTransformer.forward"
BLOCK = "segment_anything.modeling.transformer:TwoWayAttentionBlock.forward"
ATTENTION = "segment_anything.modeling.transformer:Attention.forward"
RETURN = "return masks, iou_pred"


@fault("exports that sort masks by their size", "answers")
def masks_reversed() -> None:
    """The masks come in the reverse order, their scores do not."""
    edit(DECODER + "predict_masks", RETURN, "return masks.flip(1), iou_pred")


@fault("exports that sort masks by their size", "answers")
def masks_and_scores_reversed() -> None:
    """Masks and scores come in the reverse order, so that the single mask is one of the three."""
    edit(DECODER + "predict_masks", RETURN, "return masks.flip(1), iou_pred.flip(1)")


@fault("forks that count from zero", "answers")
def mask_index_off_by_one() -> None:
    """The three masks start with the one that is for unambiguous prompts."""
    edit(DECODER + "forward", "slice(1, None)", "slice(0, -1)")


@fault("forks that pick by place", "answers")
def single_mask_is_another() -> None:
    """The single mask is the first of the three."""
    edit(DECODER + "forward", "slice(0, 1)", "slice(1, 2)")


@fault("ports of `multimask_output` that get lost on the way", "answers")
def multimask_ignored() -> None:
    """Three masks come whatever the caller asks for."""
    edit(DECODER + "forward", "if multimask_output:", "if True:")


@fault("exports that sort one of the two", "answers")
def scores_rotated() -> None:
    """Every mask has the score of the next."""
    edit(DECODER + "predict_masks", RETURN, "return masks, iou_pred.roll(1, 1)")


@fault("exports that return the best score", "answers")
def scores_all_the_best() -> None:
    """Every mask has the score of the best."""
    edit(
        DECODER + "predict_masks", RETURN, "return masks, iou_pred.amax(1, keepdim=True).expand_as(iou_pred)"
    )


@fault("SAM 2, where this is right: `iou_prediction_use_sigmoid`", "answers")
def scores_through_sigmoid() -> None:
    """The scores go through a sigmoid."""
    edit(DECODER + "predict_masks", RETURN, "return masks, iou_pred.sigmoid()")


@fault("tokens counted from the wrong end", "answers")
def scores_from_mask_token() -> None:
    """The scores are computed from the first mask's token."""
    edit(DECODER + "predict_masks", "hs[:, 0, :]", "hs[:, 1, :]")


@fault("batched hypernetworks: one weight for all", "answers")
def hypernetworks_mixed() -> None:
    """Each mask is made by the hypernetwork of another."""
    edit(
        DECODER + "predict_masks",
        "self.output_hypernetworks_mlps[i]",
        "self.output_hypernetworks_mlps[-1 - i]",
    )


@fault("batched hypernetworks: one weight for all", "answers")
def hypernetworks_shared() -> None:
    """Every mask is made by the first hypernetwork."""
    edit(DECODER + "predict_masks", "self.output_hypernetworks_mlps[i]", "self.output_hypernetworks_mlps[0]")


@fault("ports with width before height", "answers")
def masks_transposed() -> None:
    """Masks leave the decoder with rows and columns exchanged."""
    edit(DECODER + "predict_masks", RETURN, "return masks.transpose(-1, -2), iou_pred")


@fault("ports that avoid transposed convolutions", "answers")
def upscaling_nearest() -> None:
    """Of each transposed convolution only the first quarter is used, repeated."""
    edit(
        DECODER + "predict_masks",
        "b, c, h, w = upscaled_embedding.shape",
        "upscaled_embedding = upscaled_embedding[..., ::2, ::2].repeat_interleave(2, -1)"
        ".repeat_interleave(2, -2); b, c, h, w = upscaled_embedding.shape",
    )


@fault("`repeat_interleave` replaced by hand: https://github.com/NVIDIA-AI-IOT/nanosam/issues/16", "answers")
def batch_answers_the_first() -> None:
    """All prompts of a batch get the masks of the first."""
    edit(DECODER + "predict_masks", RETURN, "return masks[:1].expand_as(masks), iou_pred")


@fault("exports that lose a constant", "answers")
def image_positions_dropped() -> None:
    """The transformer is not told where the features lie."""
    edit(TRANSFORMER, "image_pe.flatten(2)", "(image_pe * 0).flatten(2)")


@fault("pruning", "answers")
def final_attention_skipped() -> None:
    """The last attention from the tokens to the image is left out."""
    edit(TRANSFORMER, "queries = queries + attn_out", "pass")


@fault("exports that lose an output", "answers")
def keys_not_updated() -> None:
    """The features that are upscaled are those before the transformer."""
    edit(TRANSFORMER, "return queries, keys", "return queries, image_embedding")


@fault("ports that treat all blocks alike", "answers")
def first_block_like_others() -> None:
    """The first block adds positions and a shortcut to its attention between tokens, as the others do."""
    edit(BLOCK, "if self.skip_first_layer_pe:", "if False:")


@fault("ports that add positions once, at the bottom", "answers")
def token_positions_added_once() -> None:
    """Positions are not added to the tokens again in each attention."""
    edit(BLOCK, "queries + query_pe", "queries", count=3)


@fault("fused kernels that forget the shortcut", "answers")
def decoder_shortcut_missing() -> None:
    """The image's attention to the tokens replaces its features instead of being added to them."""
    edit(BLOCK, "keys = keys + attn_out", "keys = attn_out")


@fault("ports with the other block's norm", "answers")
def decoder_norm_skipped() -> None:
    """The features are not normalised behind the attention."""
    edit(BLOCK, "keys = self.norm4(keys)", "pass")


@fault("ports that scale by the whole width", "answers")
def decoder_attention_scale() -> None:
    """Attention is divided by the root of the model's width instead of that of a head."""
    edit(ATTENTION, "math.sqrt(c_per_head)", "math.sqrt(self.internal_dim)")


@fault("ports with one activation for all layers", "answers")
def perceptron_ends_in_relu() -> None:
    """The last layer of the small perceptrons is followed by a ReLU too."""
    edit(PERCEPTRON, "if i < self.num_layers - 1 else layer(x)", "")
