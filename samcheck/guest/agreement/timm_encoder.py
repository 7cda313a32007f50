"""timm's implementation of SAM's image encoder, with the weights of the original.

timm calls them `samvit_*_patch16`, and renames the original's tensors itself.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Any, Dict, Optional

import torch

from ..models import weights
from ..models.variants import VARIANTS

#: Of the norms in the original's blocks; timm's own models have PyTorch's default.
EPSILON = 1e-6
#: Largest differences of features that rounding explains, relative to the largest feature: in float32, five
#: times what tests/bench/implementations measured.
LIMITS = {torch.float64: 1e-9, torch.float32: 5 * 2.4e-6}

#: Arguments of timm's class for the encoder of a variant of segment-anything.
_SIZES: Dict[str, Dict[str, Any]] = {
    "tiny": {
        "img_size": 256,
        "embed_dim": 128,
        "depth": 4,
        "num_heads": 4,
        "window_size": 7,
        "global_attn_indexes": (1, 3),
        "neck_chans": 128,
    },
    "vit_b": {"global_attn_indexes": (2, 5, 8, 11)},
}


def unavailable() -> str:
    """Return why timm's encoder is not here; empty if it is."""
    return "" if find_spec("timm") else "the other implementation, timm, is not installed here"


class EncoderPair:
    """segment_anything's image encoder and timm's, with the same weights.

    Attributes:
        original: takes and returns what timm's does.
        own: timm's.
        side: of the input in pixels.
    """

    def __init__(self, variant: str, dtype: torch.dtype, epsilon: Optional[float]) -> None:
        """Build both for a variant of segment-anything, with timm's own epsilon if none is given."""
        from timm.models.vision_transformer_sam import VisionTransformerSAM, checkpoint_filter_fn

        model, _ = weights.load(VARIANTS[variant])
        norm = {} if epsilon is None else {"norm_layer": partial(torch.nn.LayerNorm, eps=epsilon)}
        own = VisionTransformerSAM(num_classes=0, use_rel_pos=True, **_SIZES[variant], **norm)
        own.load_state_dict(
            checkpoint_filter_fn(model.state_dict(), own)
        )  # nothing missing, nothing left over
        self.original = model.image_encoder.to(dtype)
        self.own = own.eval().to(dtype)
        self.side, self._dtype = VARIANTS[variant].image_size, dtype

    def difference(self, seed: int) -> float:
        """Return the largest difference of features of a smooth random picture, relative to the largest."""
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(1, 3, 32, 32, generator=generator, dtype=torch.float64) * 4 - 2
        pixels = torch.nn.functional.interpolate(coarse, (self.side, self.side), mode="bilinear")
        with torch.no_grad():
            expected = self.original(pixels.to(self._dtype))
            actual = self.own.forward_features(pixels.to(self._dtype))
        return float((actual - expected).abs().max() / expected.abs().max())
