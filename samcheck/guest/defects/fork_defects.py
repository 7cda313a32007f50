"""Known defects of MobileSAM and HQ-SAM, the forks of segment-anything."""

from __future__ import annotations

from .defect import Defect

FORK_DEFECTS = (
    Defect(
        "tinyvit-stale-biases",
        "TinyViT indexes its attention biases when eval() is called: weights that are loaded afterwards, as "
        "MobileSAM's own builder does, run with the old ones until eval() is called again",
        (r"^SilentlyWrong: without eval\(\) after loading",),
        "https://github.com/SysCV/sam-hq/issues/44",
    ),
    Defect(
        "tinyvit-fixed-size",
        "TinyViT accepts any img_size, but its forward reshapes to 64 x 64 tokens, those of 1024 pixels",
        (r"^RuntimeError: shape '\[1, 64, 64, -?\d+\]' is invalid for input of size",),
        "https://github.com/ChaoningZhang/MobileSAM/issues/142",
    ),
    Defect(
        "tinyvit-overwrites-timm",
        "importing the package replaces timm's TinyViT models by its own, which work for 1024 pixels only",
        (r"^ReplacedModel: timm\.create_model\('tiny_vit_5m_224'\) makes one of (mobile_sam|segment_)",),
        "https://github.com/facebookresearch/segment-anything/issues/658",
    ),
    Defect(
        "timm-not-required",
        "the package needs timm, which it does not declare",
        (r"^UndeclaredDependency: \S+ does not declare timm",),
        "https://github.com/ChaoningZhang/MobileSAM/issues/64",
    ),
    Defect(
        "hq-not-strict",
        "HQ-SAM's builders load with strict=False: a file without the fine mask's head, as MobileSAM's, is "
        "accepted, and the head keeps its random weights",
        (r"^SilentlyWrong: a file without HQ-SAM's head was accepted",),
        "https://github.com/SysCV/sam-hq/issues/6",
    ),
    Defect(
        "hq-reset-keeps-features",
        "HQ-SAM's SamPredictor.reset_image keeps the early features of the image on the device",
        (r"^StaleState: reset_image kept interm_features",),
        "https://github.com/SysCV/sam-hq/blob/main/segment_anything/predictor.py",
    ),
)
