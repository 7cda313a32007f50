"""The family efficientsam: EfficientViT-SAM, SAM with an image encoder of linear attention.

Despite its name, the package is not EfficientSAM: it is a third party's copy of the SAM part of
https://github.com/mit-han-lab/efficientvit. Its image encoder takes 512 pixels (1024 in the xl variants),
while points, boxes and masks are in units of 1024 pixels, as SAM's.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Tuple

from ..family import Capability, SamFamily
from ..variant import Variant, digest_of

EFFICIENTVIT = SamFamily("efficientsam", ("efficientsam",))

#: Of the small variant: sides in pixels of prompts and of the encoder's input, and tokens along a side. The
#: neck has 256 channels whatever is asked for.
_SIDE, _INSIDE, _TOKENS, _WIDTH = 256, 128, 16, 256
#: Of every norm, as the package sets it for all published sizes; in SAM's decoder it is 1e-5.
_EPSILON = 1e-6


def build_mini() -> Any:
    """Build an EfficientViT-SAM with one block of each kind, which takes 128 pixels."""
    from efficientsam.models.efficientvit.sam import EfficientViTSam
    from efficientsam.models.nn.norm import set_norm_eps
    from efficientsam.segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer

    decoder = MaskDecoder(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=_WIDTH, mlp_dim=256, num_heads=8),
        transformer_dim=_WIDTH,
        iou_head_depth=3,
        iou_head_hidden_dim=128,
    )
    prompts = PromptEncoder(_WIDTH, (_TOKENS, _TOKENS), (_SIDE, _SIDE), mask_in_chans=16)
    model = EfficientViTSam(_mini_encoder(), prompts, decoder, image_size=(_SIDE, _INSIDE))
    set_norm_eps(model, _EPSILON)
    return model.eval()


def _mini_encoder() -> Any:
    from efficientsam.models.efficientvit.backbone import EfficientViTLargeBackbone
    from efficientsam.models.efficientvit.sam import EfficientViTSamImageEncoder, SamNeck
    from efficientsam.models.nn import UpSampleLayer

    backbone = EfficientViTLargeBackbone(width_list=[8, 16, 32, 64, 64], depth_list=[1, 1, 1, 1, 1])
    neck = SamNeck(
        fid_list=["stage4", "stage3", "stage2"],
        in_channel_list=[64, 64, 32],
        head_width=32,
        head_depth=1,
        expand_ratio=1,
        middle_op="fmb",
    )
    for module in neck.modules():
        if isinstance(module, UpSampleLayer):
            module.size = [_TOKENS, _TOKENS]  # its own is for 1024 pixels
    return EfficientViTSamImageEncoder(backbone, neck)


def _build_l0() -> Any:
    from efficientsam.sam_model_zoo import create_efficientvit_sam_model

    return create_efficientvit_sam_model("efficientvit-sam-l0", pretrained=False).eval()


def _predictor(model: Any) -> Any:
    from efficientsam.models.efficientvit.sam import EfficientViTSamPredictor

    return EfficientViTSamPredictor(model)


def _generator(model: Any, **settings: Any) -> Any:
    from efficientsam.models.efficientvit.sam import EfficientViTSamAutomaticMaskGenerator

    return EfficientViTSamAutomaticMaskGenerator(model, **settings)


def _oracle(model: Any) -> Any:
    from ...oracle.own_encoder import OwnEncoder

    return OwnEncoder(model, digest_of(model), _EPSILON)


_variant = partial(
    Variant,
    predictor=_predictor,
    generator=_generator,
    oracle=_oracle,
    family=EFFICIENTVIT,
    capabilities=frozenset((Capability.IMAGE, Capability.AUTOMATIC)),
)
VARIANTS: Tuple[Variant, ...] = (
    _variant("efficientvit_sam_mini", _SIDE, build_mini, tier="fast"),
    _variant("efficientvit_sam_l0", 1024, _build_l0),
)
