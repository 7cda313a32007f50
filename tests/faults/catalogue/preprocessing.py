"""From the caller's picture to the normalised square that the encoder sees."""

from __future__ import annotations

from typing import Any

from ..fault import fault
from ..patching import edit, replace

SAM = "segment_anything.modeling.sam:Sam."
RESIZE = "segment_anything.utils.transforms:ResizeLongestSide."
PREDICTOR = "segment_anything.predictor:SamPredictor."


@fault("ports that take the constants of another model", "features")
def normalisation_mean() -> None:
    """Pixels are centred at 127.5 instead of at the means of the channels."""
    edit(SAM + "preprocess", "(x - self.pixel_mean)", "(x - 127.5)")


@fault("ports that take the constants of another model", "features")
def normalisation_deviation() -> None:
    """Pixels are divided by 127.5 instead of by the deviations of the channels."""
    edit(SAM + "preprocess", "/ self.pixel_std", "/ 127.5")


@fault("ports whose pixels run to 1 while the constants are for 255", "features")
def normalisation_scale() -> None:
    """Pixels are divided by 255 first, and then normalised with constants for 0 to 255."""
    edit(SAM + "preprocess", "(x - self.pixel_mean)", "(x / 255 - self.pixel_mean)")


@fault("https://github.com/facebookresearch/segment-anything/issues/540", "features")
def normalisation_rounded() -> None:
    """The means of the channels are whole numbers: 124, 116, 104."""
    edit(SAM + "preprocess", "self.pixel_mean", "self.pixel_mean.round()")


@fault("ports whose constants are in the order of OpenCV", "features")
def normalisation_channels() -> None:
    """Mean and deviation are applied in the order blue, green, red."""
    edit(
        SAM + "preprocess",
        "(x - self.pixel_mean) / self.pixel_std",
        "(x - self.pixel_mean.flip(0)) / self.pixel_std.flip(0)",
    )


@fault("pictures read by OpenCV: https://github.com/facebookresearch/segment-anything/issues/477", "features")
def channels_swapped() -> None:
    """`set_image` takes every picture for BGR."""
    edit(PREDICTOR + "set_image", "image_format != self.model.image_format", "True")


@fault("forks that drop the argument", "features")
def image_format_ignored() -> None:
    """`set_image` takes every picture for RGB, whatever the caller says."""
    edit(PREDICTOR + "set_image", "image_format != self.model.image_format", "False")


def _filter(name: str) -> None:
    edit(
        RESIZE + "apply_image",
        "resize(to_pil_image(image), target_size)",
        "to_pil_image(image).resize(target_size[::-1], {})".format(name),
    )


@fault("ports on OpenCV or an accelerator's own resize", "resizing")
def resize_nearest() -> None:
    """Pictures are resized to the nearest pixel."""
    _filter("0")


@fault("https://github.com/facebookresearch/segment-anything/issues/751", "resizing")
def resize_bicubic() -> None:
    """Pictures are resized with a bicubic filter."""
    _filter("3")


@fault("torchvision's resize of tensors before 0.17: antialias was off", "resizing")
def resize_without_antialias() -> None:
    """Pictures are resized without a filter against aliasing."""
    edit(
        RESIZE + "apply_image",
        "np.array(resize(to_pil_image(image), target_size))",
        "F.interpolate(torch.as_tensor(image.copy()).permute(2, 0, 1)[None].float(), target_size, "
        'mode="bilinear", align_corners=False)[0].permute(1, 2, 0).round().byte().numpy()',
    )


@fault("ports that round the size of the resized picture down", "resizing")
def resized_size_floor() -> None:
    """The resized size is cut instead of rounded, one pixel less for half of all pictures."""
    edit(RESIZE + "get_preprocess_shape", "+ 0.5", "+ 0.0", count=2)


@fault("ports that resize the short side, as other models do", "resizing")
def resized_short_side() -> None:
    """The picture is squeezed into the square without regard to its shape."""
    edit(RESIZE + "get_preprocess_shape", "return (newh, neww)", "return (long_side_length,) * 2")


@fault("ports that centre the picture (letterbox)", "features")
def padding_centred() -> None:
    """The padding is on all sides instead of right and below."""
    edit(
        SAM + "preprocess",
        "(0, padw, 0, padh)",
        "(padw // 2, padw - padw // 2, padh // 2, padh - padh // 2)",
    )


@fault("ports that pad first", "features")
def padding_before_normalisation() -> None:
    """The padding is black before normalisation, and thus not zero behind it."""
    edit(SAM + "preprocess", "F.pad(x, (0, padw, 0, padh))", "F.pad(x, (0, padw, 0, padh), value=-2.0)")


@fault("ports that replicate edges", "features")
def padding_replicates() -> None:
    """The padding repeats the last pixels instead of being zero."""
    edit(
        SAM + "preprocess",
        "F.pad(x, (0, padw, 0, padh))",
        'F.pad(x[None] if x.dim() == 3 else x, (0, padw, 0, padh), mode="replicate").reshape('
        "*x.shape[:-2], h + padh, w + padw)",
    )


@fault("ports with width before height", "features")
def image_transposed() -> None:
    """The square is handed to the encoder with rows and columns exchanged."""
    edit(SAM + "preprocess", "return x", "return x.transpose(-1, -2)")


@fault("arithmetic in the picture's own type", "features")
def pixels_wrap() -> None:
    """Pixels are brightened in uint8 and wrap behind 255."""
    edit(
        PREDICTOR + "set_image", "self.transform.apply_image(image)", "self.transform.apply_image(image) + 16"
    )


@fault("front ends that send clicks in the coordinates of the screen", "resizing")
def coordinates_not_resized() -> None:
    """Points and boxes stay in the pixels of the caller's picture."""
    edit(RESIZE + "apply_coords", "(new_w / old_w)", "1.0")
    edit(RESIZE + "apply_coords", "(new_h / old_h)", "1.0")


@fault("ports with (row, column) instead of (x, y)", "resizing")
def coordinates_swapped() -> None:
    """Points and boxes are taken for (y, x)."""
    edit(RESIZE + "apply_coords", "return coords", "return coords[..., ::-1].copy()")


@fault("ports that scale both axes alike", "resizing")
def coordinates_by_height() -> None:
    """x is scaled by the ratio of the heights, which rounding makes differ from that of the widths."""
    edit(RESIZE + "apply_coords", "(new_w / old_w)", "(new_h / old_h)")


@fault("integer pixels", "resizing")
def coordinates_rounded() -> None:
    """Points and boxes are rounded to whole pixels of the resized picture."""
    edit(RESIZE + "apply_coords", "return coords", "return coords.round()")


@fault("pipelines that hold pictures in fewer bits on the way", "resizing")
def pixels_compressed() -> None:
    """Pictures lose their last three bits."""

    def make(original: Any) -> Any:
        return lambda self, image: original(self, image) & 0xF8

    replace(RESIZE + "apply_image", make)
