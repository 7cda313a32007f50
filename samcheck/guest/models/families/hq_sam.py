"""The family segment-anything-hq: HQ-SAM, which adds a mask of higher quality to SAM's.

Its TinyViT needs timm, which the package does not declare, and without which it cannot be imported. Its
predictor takes `SamPredictor`'s arguments, and returns one mask even if several are asked for: the best of
the three plus the fine one.

No SHA-256 of the official files was found in two public sources, only MD5s; so there is no `Checkpoint` here,
and the weights are seeded.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Tuple

from .. import small_sam
from ..family import SamFamily
from ..variant import Variant, digest_of

FAMILY = SamFamily("segment-anything-hq", ("segment_anything_hq", "timm"))


def _build_mini() -> Any:
    from segment_anything_hq import modeling

    encoder = small_sam.vit(modeling)
    return small_sam.assembled(modeling, encoder, decoder="MaskDecoderHQ", vit_dim=small_sam.WIDTH)


def _build_official(name: str) -> Any:
    from segment_anything_hq import sam_model_registry

    return sam_model_registry[name]().eval()


def _predictor(model: Any) -> Any:
    from segment_anything_hq import SamPredictor

    return SamPredictor(model)


def _generator(model: Any, **settings: Any) -> Any:
    from segment_anything_hq import SamAutomaticMaskGenerator

    return SamAutomaticMaskGenerator(model, **settings)


def _oracle(model: Any) -> Any:
    from ...oracle.hq_decoder import HqOracle

    return HqOracle.of(model, digest_of(model))


def _tiny_vit_oracle(model: Any) -> Any:
    from ...oracle.hq_decoder import HqTinyVitOracle

    return HqTinyVitOracle.of(model, digest_of(model))


def _variant(name: str, size: int, build: Any, **other: Any) -> Variant:
    given = {"oracle": _oracle, "predictor": _predictor, "generator": _generator, **other}
    return Variant(name, size, build, family=FAMILY, masks=1, **given)


VARIANTS: Tuple[Variant, ...] = (
    _variant("hq_mini", small_sam.SIZE, _build_mini, tier="fast"),
    _variant("hq_vit_tiny", 1024, partial(_build_official, "vit_tiny"), oracle=_tiny_vit_oracle),
    _variant("hq_vit_b", 1024, partial(_build_official, "vit_b")),
    _variant("hq_vit_l", 1024, partial(_build_official, "vit_l")),
    _variant("hq_vit_h", 1024, partial(_build_official, "vit_h")),
)
