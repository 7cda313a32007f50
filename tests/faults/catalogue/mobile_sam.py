"""MobileSAM: its image encoder, and the copies that it has of SAM's parts."""

from __future__ import annotations

from functools import partial

from ..fault import fault
from ..patching import edit

seeded = partial(fault, evidence="mobile_answers", after="mobile_sam", family="mobilesam-mirror")
registered = partial(fault, evidence="mobile_registry", after="mobile_sam", family="mobilesam-mirror")

TINY_VIT = "mobile_sam.modeling.tiny_vit_sam:"
ATTENTION = TINY_VIT + "Attention.forward"
BLOCK = TINY_VIT + "TinyViTBlock.forward"


@seeded("https://github.com/SysCV/sam-hq/issues/44")
def tinyvit_biases_forgotten() -> None:
    """The attention runs without its biases, as with weights that are loaded after eval()."""
    edit(ATTENTION, "if self.training else self.ab)", "if self.training else 0 * self.ab)")


@seeded("ports to kernels that take one scale for all")
def tinyvit_scale_of_all_heads() -> None:
    """The scores are scaled by the width of all heads, not of one."""
    edit(ATTENTION, "* self.scale", "* (self.scale / self.num_heads**0.5)")


@seeded("https://github.com/huggingface/transformers/pull/28261")
def tinyvit_values_for_keys() -> None:
    """Queries are compared with values, which are as wide as keys here."""
    edit(ATTENTION, "(q @ k.transpose(-2, -1))", "(q @ v.transpose(-2, -1))")


@seeded("fused attention with a mask for what is padded")
def tinyvit_windows_exchanged() -> None:
    """The windows of the second and later rows are put back in another order."""
    edit(BLOCK, "x = x.view(B, nH, nW,", "x = x.view(B, nH, nW, x.shape[1], C).flip(2).view(B, nH, nW,")


@seeded("forks that simplify the block")
def tinyvit_no_residual() -> None:
    """The attention's answer replaces its input, in place of being added to it."""
    edit(BLOCK, "x = res_x + self.drop_path(x)", "x = self.drop_path(x)")


@seeded("exports that drop what looks small")
def tinyvit_no_local_convolution() -> None:
    """The convolution between attention and perceptron is left out."""
    edit(BLOCK, "x = self.local_conv(x)", "x = x")


@seeded("MobileNetV2, whose last layer is linear")
def tinyvit_linear_bottleneck() -> None:
    """The inverted bottleneck ends without its activation."""
    edit(TINY_VIT + "MBConv.forward", "x = self.act3(x)", "x = x")


@seeded("TinyViT for classification, whose merging is conv, act, conv, act, conv")
def tinyvit_merging_without_activation() -> None:
    """Merging patches has one activation less."""
    edit(
        TINY_VIT + "PatchMerging.forward",
        "x = self.conv2(x)\n    x = self.act(x)",
        "x = self.conv2(x)",
    )


@seeded("ports that divide by the variance's root plus epsilon")
def mobile_neck_normalised_over_pixels() -> None:
    """The neck's normalisation is over rows, not over channels."""
    edit(TINY_VIT + "LayerNorm2d.forward", "u = x.mean(1, keepdim=True)", "u = x.mean(2, keepdim=True)")


@seeded("wrappers that read pictures with OpenCV")
def mobile_channels_exchanged() -> None:
    """Red and blue are exchanged before the image is encoded."""
    edit(
        "mobile_sam.modeling.sam:Sam.preprocess",
        "x = (x - self.pixel_mean) / self.pixel_std",
        "x = (x.flip(-3) - self.pixel_mean) / self.pixel_std",
    )


@seeded("forks that count from zero")
def mobile_masks_start_with_the_single() -> None:
    """The three masks start with the one that is for unambiguous prompts."""
    edit("mobile_sam.modeling.mask_decoder:MaskDecoder.forward", "slice(1, None)", "slice(0, -1)")


@registered("wrappers that make their own model the default")
def mobile_default_is_another() -> None:
    """The registry's default is the small model, so that SAM's checkpoint does not fit."""
    import mobile_sam

    mobile_sam.sam_model_registry["default"] = mobile_sam.build_sam_vit_t
