"""HQ-SAM: its early features, and the head of its fine mask."""

from __future__ import annotations

from functools import partial

from ..fault import fault
from ..patching import edit

seeded = partial(fault, evidence="hq_answers", after="segment_anything_hq", family="segment-anything-hq")
of_the_token = partial(
    fault, evidence="hq_token_answers", after="segment_anything_hq", family="segment-anything-hq"
)

DECODER = "segment_anything_hq.modeling.mask_decoder_hq:MaskDecoderHQ."
ENCODER = "segment_anything_hq.modeling.image_encoder:ImageEncoderViT.forward"


@seeded("transformers' SamHQModel, which drops what the transformer returns for the image")
def hq_image_before_the_transformer() -> None:
    """The masks are made from the image as it was before it saw the prompt."""
    edit(DECODER + "predict_masks", "hs, src = self.transformer(", "hs, _ = self.transformer(")
    edit(DECODER + "predict_masks", "src = src.transpose(1, 2).view(b, c, h, w)", "src = src")


@seeded("https://github.com/SysCV/sam-hq/issues/19")
def hq_best_mask_of_four() -> None:
    """The best mask is searched among all four, not the three for ambiguous prompts, and is one off."""
    edit(DECODER + "forward", "slice(1,self.num_mask_tokens-1)", "slice(0,self.num_mask_tokens-2)")


@seeded("ports that take the last block's features")
def hq_last_global_block() -> None:
    """The early features are those of the last block with global attention."""
    edit(DECODER + "forward", "interm_embeddings[0].permute", "interm_embeddings[-1].permute")


@seeded("forks that add the fine mask only where it is asked for")
def hq_mask_not_added() -> None:
    """SAM's mask comes back alone."""
    edit(DECODER + "forward", "masks = masks_sam + masks_hq", "masks = masks_sam")


@seeded("checkpoints loaded with strict=False: https://github.com/SysCV/sam-hq/issues/6")
def hq_no_early_features() -> None:
    """The head sees the encoder's last features only."""
    edit(
        DECODER + "forward",
        "+ self.compress_vit_feat(vit_features)",
        "+ 0 * self.compress_vit_feat(vit_features)",
    )


@seeded("ports that index mask tokens")
def hq_token_is_a_mask_token() -> None:
    """The fine mask is made from the last mask token, not from its own."""
    edit(
        DECODER + "predict_masks",
        "self.hf_mlp(mask_tokens_out[:, i, :])",
        "self.hf_mlp(mask_tokens_out[:, i - 1, :])",
    )


@seeded("ports that leave out a residual path")
def hq_mask_features_skipped() -> None:
    """The fine mask's features come without SAM's upscaled ones."""
    edit(
        DECODER + "predict_masks",
        "self.embedding_maskfeature(upscaled_embedding_sam) + hq_features",
        "hq_features",
    )


@of_the_token("wrappers that do not pass the argument on")
def hq_token_only_ignored() -> None:
    """`hq_token_only` changes nothing."""
    edit(DECODER + "forward", "if hq_token_only:", "if False:")


@seeded("https://github.com/SysCV/sam-hq/issues/62")
def hq_score_of_another_mask() -> None:
    """The score is the last mask's, not the best one's."""
    edit(
        DECODER + "forward",
        "iou_pred, max_iou_idx = torch.max(iou_pred,dim=1)",
        "max_iou_idx = iou_pred.argmax(1); iou_pred = iou_pred[:, -1]",
    )
