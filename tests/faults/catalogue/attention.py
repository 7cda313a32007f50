"""Attention in the image encoder, which ports rewrite for speed."""

from __future__ import annotations

from ..fault import fault
from ..patching import edit

ENCODER = "segment_anything.modeling.image_encoder:"
FORWARD = ENCODER + "Attention.forward"
SOFTMAX = "attn = attn.softmax(dim=-1)"


@fault("a fused kernel that scales by itself, and one that does not", "features")
def attention_not_scaled() -> None:
    """Queries are not divided by the root of their width."""
    edit(FORWARD, "(q * self.scale)", "q")


@fault("a fused kernel that scales by itself, called with scaled queries", "features")
def attention_scaled_twice() -> None:
    """Queries are divided by the root of their width twice."""
    edit(FORWARD, "(q * self.scale)", "(q * self.scale * self.scale)")


@fault("ports with another layout", "features")
def attention_softmax_axis() -> None:
    """The softmax runs over the queries instead of over the keys."""
    edit(FORWARD, "softmax(dim=-1)", "softmax(dim=-2)")


@fault("kernels that round in between: https://github.com/facebookresearch/sam3/issues/507", "features")
def attention_in_bfloat16() -> None:
    """The weights of attention go through bfloat16, in a float32 model."""
    edit(FORWARD, SOFTMAX, SOFTMAX + ".bfloat16().to(x.dtype)")


@fault("flash attention called without a bias", "features")
def relative_positions_dropped() -> None:
    """Relative positions are not added to the attention."""
    edit(FORWARD, "if self.use_rel_pos:", "if False:")


@fault("ports with width before height", "features")
def relative_positions_swapped() -> None:
    """The relative positions of rows are used for columns, and the other way round."""
    edit(FORWARD, "self.rel_pos_h, self.rel_pos_w", "self.rel_pos_w, self.rel_pos_h")


@fault("ports with key minus query", "features")
def relative_positions_reversed() -> None:
    """Relative positions run from the key to the query."""
    edit(ENCODER + "get_rel_pos", "(q_coords - k_coords)", "(k_coords - q_coords)")


@fault("ports that scale queries once, at the top", "features")
def relative_positions_scaled() -> None:
    """Relative positions are computed from the scaled queries, and are thus too small."""
    edit(FORWARD, "(attn, q, self", "(attn, q * self.scale, self")


@fault("ports that mask what was padded, as seems right", "features")
def window_padding_masked() -> None:
    """The padding of the windows is left out of the attention, although SAM was trained with it."""
    mask = "(x.abs().sum(-1) == 0).reshape(B, 1, H * W).repeat_interleave(self.num_heads, 0)"
    edit(FORWARD, SOFTMAX, "attn = attn.masked_fill({}, -1e4).softmax(dim=-1)".format(mask))


@fault("pruning and tensor parallelism that lose a shard", "features")
def head_zeroed() -> None:
    """The first head of every attention gives zeros."""
    heads = "(torch.arange(self.num_heads) > 0).to(v).view(1, -1, 1, 1, 1)"
    edit(
        FORWARD,
        "view(B, self.num_heads, H, W, -1)",
        "view(B, self.num_heads, H, W, -1).mul({})".format(heads),
    )


@fault("checkpoints converted from frameworks that interleave", "features")
def queries_interleaved() -> None:
    """Queries, keys and values are taken from each head's block instead of from three blocks."""
    edit(
        FORWARD,
        "reshape(B, H * W, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)",
        "reshape(B, H * W, self.num_heads, 3, -1).permute(3, 0, 2, 1, 4)",
    )


@fault("block-sparse kernels: https://pytorch.org/blog/accelerating-generative-ai/", "features")
def attention_sparse() -> None:
    """The smallest weights of attention, below a thousandth, are dropped."""
    edit(FORWARD, SOFTMAX, "attn = attn.softmax(dim=-1); attn = attn * (attn > 1e-3)")


@fault("an online softmax that loses a block of keys", "features")
def attention_last_key_lost() -> None:
    """The last key takes no part in the attention."""
    edit(FORWARD, SOFTMAX, "attn[..., -1] = -1e4; attn = attn.softmax(dim=-1)")
