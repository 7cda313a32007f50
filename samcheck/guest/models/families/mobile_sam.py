"""The family mobilesam-mirror: MobileSAM, which is SAM with a small image encoder, as PyPI has it.

The package's module is `mobile_sam`; it declares no dependencies, and needs timm
(https://github.com/ChaoningZhang/MobileSAM/issues/64).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Tuple

from .. import small_sam
from ..family import Capability, SamFamily
from ..variant import SAM1_METHODS, Checkpoint, Variant, digest_of

FAMILY = SamFamily("mobilesam-mirror", ("mobile_sam", "timm"))

#: From weights/ of the official repository at f706ad9. Size and digest agree across independent public
#: repositories that verify the file, of which no two were copied from each other.
OFFICIAL = Checkpoint(
    "mobile_sam.pt", 40728226, "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f"
)

# The encoder's last stage must be 320 wide, for its class to keep the resolution before it, and its neck
# has 256 channels whatever is asked for. Windows do not divide any stage, so that padding is exercised.
_WIDTH = 256


def _build_mini() -> Any:
    from mobile_sam import modeling

    return small_sam.assembled(modeling, mini_encoder(), width=_WIDTH, heads=8)


@lru_cache(maxsize=1)
def _small_tiny_vit() -> Any:
    """Return a TinyViT for any size: the package's own forward ends with ``view(B, 64, 64, C)``."""
    from mobile_sam.modeling import TinyViT

    class SmallTinyViT(TinyViT):  # type: ignore[misc]
        def forward_features(self, x: Any) -> Any:
            x = self.patch_embed(x)
            for layer in self.layers:
                x = layer(x)
            side = self.img_size // 16
            return self.neck(x.view(len(x), side, side, -1).permute(0, 3, 1, 2))

    return SmallTinyViT


def mini_encoder() -> Any:
    """Create a small TinyViT for 256 x 256 pixels."""
    return _small_tiny_vit()(
        img_size=small_sam.SIZE,
        num_classes=10,
        embed_dims=[32, 64, 80, 320],
        depths=[1, 1, 2, 1],
        num_heads=[1, 2, 4, 10],
        window_sizes=[7, 7, 14, 7],
        drop_path_rate=0.0,
    )


def _build_official() -> Any:
    from mobile_sam import sam_model_registry

    return sam_model_registry["vit_t"]().eval()


def real_weights(model: Any) -> Any:
    """Load the official weights, or the rebuilt ones, or else seeded ones, into any MobileSAM."""
    from .. import mobile_weights, weights

    official = weights.load_official(model, MOBILE_SAM)
    return official or mobile_weights.load_rebuilt(model) or weights.fill_random(model)


def _predictor(model: Any) -> Any:
    from mobile_sam import SamPredictor

    return SamPredictor(model)


def _generator(model: Any, **settings: Any) -> Any:
    from mobile_sam import SamAutomaticMaskGenerator

    return SamAutomaticMaskGenerator(model, **settings)


def _oracle(model: Any) -> Any:
    from ...oracle.tiny_vit import TinyVitOracle

    return TinyVitOracle.of(model, digest_of(model))


MOBILE_SAM_MINI = Variant(
    "mobile_sam_mini",
    small_sam.SIZE,
    _build_mini,
    predictor=_predictor,
    oracle=_oracle,
    tier="fast",
    family=FAMILY,
    generator=_generator,
)
MOBILE_SAM = Variant(
    "mobile_sam",
    1024,
    _build_official,
    OFFICIAL,
    predictor=_predictor,
    oracle=_oracle,
    weights=real_weights,
    family=FAMILY,
    capabilities=SAM1_METHODS | {Capability.MEANING},
    generator=_generator,
)
VARIANTS: Tuple[Variant, ...] = (MOBILE_SAM_MINI, MOBILE_SAM)
