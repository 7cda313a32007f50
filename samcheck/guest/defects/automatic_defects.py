"""Known defects of the automatic mask generator, and where there is nothing to find or to ask."""

from __future__ import annotations

from .defect import Defect

AUTOMATIC_DEFECTS = (
    Defect(
        "no-masks-in-crops",
        "the automatic generator with crops raises where no mask is good enough, in place of an empty list",
        (
            r"IndexError: too many indices for tensor of dimension 1",
            r"IndexError: index \d is out of bounds for dimension 1 with size 0",
        ),
        "https://github.com/facebookresearch/segment-anything/issues/614",
    ),
    Defect(
        "no-prompts-in-batch",
        "the mask decoder raises for a batch of no prompts, in place of no masks",
        (r"RuntimeError: cannot reshape tensor of 0 elements into shape \[0, -1, \d+, \d+\]",),
        "https://github.com/IDEA-Research/Grounded-Segment-Anything/issues/80",
    ),
    Defect(
        "empty-crops",
        "the automatic generator cuts empty crops out of an image of one pixel's width or height, and raises",
        (r"ValueError: height and width must be > 0",),
        "https://github.com/facebookresearch/segment-anything/blob/main/segment_anything/utils/amg.py",
    ),
    Defect(
        "empty-mask-stability",
        "the stability score of an empty mask is NaN, which passes a threshold of 0",
        (r"ValueError: the stability of an empty mask is NaN",),
        "https://github.com/facebookresearch/segment-anything/issues/552",
    ),
    Defect(
        "stability-int16",
        "the stability score of masks wider than 32767 pixels is counted in int16, which overflows",
        (r"ValueError: the stability of a wide mask is",),
        "https://github.com/facebookresearch/segment-anything/issues/554",
    ),
    Defect(
        "integer-mask-boxes",
        "the boxes of integer (not bool) masks are silently wrong",
        (r"ValueError: the box of a uint8 mask is",),
        "https://github.com/facebookresearch/segment-anything/issues/552",
    ),
    Defect(
        "generator-keeps-image",
        "SamAutomaticMaskGenerator keeps the features of a crop when it fails midway",
        (r"^StaleState: is_image_set is True",),
        "https://github.com/facebookresearch/segment-anything/issues/357",
    ),
    Defect(
        "nonzero-int32",
        "CUDA's nonzero supports at most 2**31 - 1 elements, which run-length encoding large masks exceeds",
        (r"^RuntimeError: nonzero is not supported for tensors with more than INT_MAX elements",),
        "https://github.com/facebookresearch/segment-anything/issues/427",
    ),
    Defect(
        "generator-float64",
        "SamAutomaticMaskGenerator passes float64 coordinates to the model, which MPS does not support",
        (r"^DoublePrecision: torch\.float64",),
        "https://github.com/facebookresearch/segment-anything/issues/94",
    ),
    Defect(
        "opencv-not-required",
        "removing small regions needs OpenCV, which segment-anything does not install as a dependency",
        (r"(ModuleNotFound|Import)Error: .*cv2",),
        "https://github.com/opencv/opencv-python/issues/370",
    ),
    Defect(
        "pycocotools-numpy",
        "pycocotools before 2.0.8 is compiled for NumPy 1 and cannot be imported under NumPy 2: 2.0.8 works "
        "with both",
        (r"ValueError: numpy\.(dtype|ndarray|ufunc) size changed, may indicate binary incompatibility",),
        "https://github.com/ppwwyyxx/cocoapi/pull/24",
    ),
)
