"""The image encoder, but for its attention."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import edit, replace

ENCODER = "segment_anything.modeling.image_encoder:"
NORM = "segment_anything.modeling.common:LayerNorm2d.forward"


@fault("mixing up SAM with Swin", "features")
def windows_shifted() -> None:
    """The windows are shifted by half of their size before attention, and not shifted back."""
    edit(
        ENCODER + "window_partition",
        "B, H, W, C = x.shape",
        "B, H, W, C = x.shape; x = x.roll((window_size // 2,) * 2, (1, 2))",
    )


@fault("ports that pad in front", "features")
def windows_padded_in_front() -> None:
    """Windows are padded on the left and above, and cropped on the right and below."""
    edit(ENCODER + "window_partition", "(0, 0, 0, pad_w, 0, pad_h)", "(0, 0, pad_w, 0, pad_h, 0)")


@fault("ports with one permutation for both ways", "features")
def windows_back_transposed() -> None:
    """The windows are put back column by column."""
    edit(ENCODER + "window_unpartition", "permute(0, 1, 3, 2, 4, 5)", "permute(0, 2, 3, 1, 4, 5)")


@fault("ports that put one wrong list of global blocks", "features")
def global_block_windowed() -> None:
    """The first block attends globally, although it should in windows."""

    def make(init: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> None:
            init(self, *given, **named)
            self.blocks[0].window_size = 0

        return changed

    replace(ENCODER + "ImageEncoderViT.__init__", make)


@fault("exports that lose a parameter", "features")
def positions_dropped() -> None:
    """The absolute positions are not added."""
    edit(ENCODER + "ImageEncoderViT.forward", "x = x + self.pos_embed", "pass")


@fault("ports with width before height", "features")
def positions_transposed() -> None:
    """The absolute positions are added with rows and columns exchanged."""
    edit(ENCODER + "ImageEncoderViT.forward", "self.pos_embed\n", "self.pos_embed.transpose(1, 2)\n")


@fault("off by one in a loop over blocks", "features")
def last_block_skipped() -> None:
    """The last block of the encoder is not run."""
    edit(ENCODER + "ImageEncoderViT.forward", "in self.blocks:", "in self.blocks[:-1]:")


@fault("fused kernels that forget the shortcut", "features")
def shortcut_missing() -> None:
    """The attention's output replaces its input instead of being added to it."""
    edit(ENCODER + "Block.forward", "x = shortcut + x", "pass")


@fault("ports from post-norm transformers", "features")
def norm_misplaced() -> None:
    """The second norm comes behind the perceptron instead of before it."""
    edit(ENCODER + "Block.forward", "self.mlp(self.norm2(x))", "self.norm2(self.mlp(x))")


@fault("ports from frameworks whose GELU is the approximation", "features", "torch")
def gelu_approximated() -> None:
    """GELU is computed by its tanh approximation."""
    replace(
        "torch.nn.functional:gelu",
        lambda gelu: lambda input, approximate="none": gelu(input, approximate="tanh"),
    )


def _epsilon(value: float) -> None:
    def make(layer_norm: Any) -> Any:
        return lambda input, shape, weight=None, bias=None, eps=1e-5: layer_norm(
            input, shape, weight, bias, value
        )

    replace("torch.nn.functional:layer_norm", make)


@fault("ports with the default of torch", "features", "torch")
def norm_epsilon_default() -> None:
    """Every `LayerNorm` adds 1e-5 to the variance; the encoder's should add 1e-6."""
    _epsilon(1e-5)


@fault("ports that keep the epsilon of batch norm", "features", "torch")
def norm_epsilon_large() -> None:
    """Every `LayerNorm` adds 1e-3 to the variance."""
    _epsilon(1e-3)


@fault("ports on `torch.var`, which corrects by default", "features")
def neck_variance_unbiased() -> None:
    """The variance in `LayerNorm2d` is divided by n - 1."""
    edit(NORM, ".pow(2).mean(1, keepdim=True)", ".pow(2).sum(1, keepdim=True) / (x.shape[1] - 1)")


@fault("ports that normalise over rows and columns", "features")
def neck_norm_over_space() -> None:
    """`LayerNorm2d` takes mean and variance over the picture instead of over the channels."""
    edit(NORM, "mean(1, keepdim=True)", "mean((2, 3), keepdim=True)", count=2)


@fault("fused kernels without an affine part", "features")
def neck_norm_not_affine() -> None:
    """`LayerNorm2d` leaves out its scale and bias."""
    edit(NORM, "x = self.weight[:, None, None] * x + self.bias[:, None, None]", "pass")


@fault("exports that fold the bias away", "features")
def patch_bias_dropped() -> None:
    """The embedding of the patches has no bias."""
    edit(ENCODER + "PatchEmbed.forward", "self.proj(x)", "self.proj(x) - self.proj.bias[:, None, None]")


@fault("ports with width before height", "features")
def features_transposed() -> None:
    """The features come with rows and columns exchanged."""
    edit(ENCODER + "ImageEncoderViT.forward", "x.permute(0, 3, 1, 2)", "x.permute(0, 3, 2, 1)")


@fault("caches without a key", "session")
def features_of_the_first_image() -> None:
    """The encoder answers every image with the features of the first one of its size."""

    def make(forward: Any) -> Any:
        def remembered(self: Any, x: Any) -> Any:
            known = self.__dict__.setdefault("_known", {})
            return known.setdefault(tuple(x.shape), forward(self, x))

        return remembered

    replace(ENCODER + "ImageEncoderViT.forward", make)


@fault("kernels that do the tail of a large batch wrong, on one GPU model only", "batched_features")
def batch_tail_repeated() -> None:
    """From six images in a batch on, the last one gets the features of the one before it."""
    edit(
        ENCODER + "ImageEncoderViT.forward",
        "x = self.neck(x.permute(0, 3, 1, 2))",
        "x = self.neck(x.permute(0, 3, 1, 2)); x = x if len(x) < 6 else torch.cat([x[:-1], x[-2:-1]])",
    )
