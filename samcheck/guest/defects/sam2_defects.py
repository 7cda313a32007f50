"""Known defects of SAM 2."""

from __future__ import annotations

from .defect import PRODUCT_OF_TWO_DTYPES, Defect

SAM2_DEFECTS = (
    Defect(
        "sam2-extension-missing",
        "SAM 2 fills no holes in masks where its CUDA extension is missing, and only warns",
        (r"^HolesLeft: ",),
        "https://github.com/facebookresearch/sam2/issues/131",
    ),
    Defect(
        "sam2-config-path",
        "SAM 2 takes the name of a configuration among its own modules, not the path of a file",
        (r"MissingConfigException: Cannot find primary config",),
        "https://github.com/facebookresearch/sam2/issues/81",
    ),
    Defect(
        "sam2-cast-whole",
        "a SAM 2 model cast as a whole cannot encode: its predictors pass it float32 pixels",
        (r"RuntimeError: Input type \(.*\) and (bias|weight) type \(.*\) should be the same",),
        "https://github.com/facebookresearch/sam2/issues/577",
    ),
    Defect(
        "sam2-memory-bfloat16",
        "without autocast, SAM 2 cannot follow an object into frames that come before its first prompt: its "
        "memory is bfloat16, and no float32 pointer is there to widen it",
        PRODUCT_OF_TWO_DTYPES,
        "https://github.com/facebookresearch/sam2/issues/577",
    ),
    Defect(
        "sam2-correction-dropped",
        "a click in a frame that SAM 2 has followed an object through is dropped when it is followed again",
        (r"^CorrectionDropped: ",),
        "https://github.com/facebookresearch/sam2/issues/719",
    ),
    Defect(
        "sam2-clear-memory-name",
        "SAM 2's option clear_non_cond_mem_around_input calls a method that does not exist",
        (r"AttributeError: .*_clear_obj_non_cond_mem_around_input",),
        "https://github.com/facebookresearch/sam2/issues/571",
    ),
    Defect(
        "sam2-feature-sizes",
        "SAM2ImagePredictor assumes the feature sizes of 1024 pixels, whatever the model's size is",
        (r"RuntimeError: shape '\[1, -1, \d+, \d+\]' is invalid for input of size \d+",),
        "https://github.com/facebookresearch/sam2/issues/138",
    ),
    Defect(
        "sam2-image-build-for-video",
        "a SAM 2 video predictor that build_sam2_video_predictor did not build remembers clicked masks with "
        "shades, and its masks differ",
        (r"^SilentlyWrong: logits of followed frames are off by",),
        "https://github.com/facebookresearch/sam2/blob/main/sam2/build_sam.py",
    ),
    Defect(
        "sam2-vos-graphs",
        "SAM 2's predictor for whole videos, which vos_optimized builds, keeps outputs that its next graph "
        "overwrites",
        (r"RuntimeError: .*accessing tensor output of CUDAGraphs that has been overwritten",),
        "https://github.com/facebookresearch/sam2/issues/501",
    ),
)
