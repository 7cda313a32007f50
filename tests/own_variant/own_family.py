"""A package of one's own as a family: its own name, model and predictor.

`Blobs` finds what has the colour of a point or of a box's middle. It has nothing of segment_anything's but
`SamPredictor`'s arguments: checks that need no more run on it, those of SAM's inner parts do not apply.

    PYTHONPATH=tests/own_variant python -m pytest -p own_family tests/suite -m fast --samcheck-families blobs
"""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from samcheck.guest.models.family import Capability, SamFamily
from samcheck.guest.models.variants import Variant, register
from samcheck.guest.models.weights import Weights, digest
from samcheck.guest.oracle.own_code import OwnCode

SIDE = 64


class Blobs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image_encoder = nn.Conv2d(3, 3, 1)
        self.reach = nn.Parameter(torch.tensor(0.25))


class BlobPredictor:
    """What a check may call if the variant can do `IMAGE`."""

    def __init__(self, model: Blobs) -> None:
        self.model, self.device = model, model.reach.device
        self.reset_image()

    def reset_image(self) -> None:
        self.features: Any = None
        self.size = (0, 0)

    @torch.no_grad()
    def set_image(self, image: np.ndarray, image_format: str = "RGB") -> None:
        pixels = torch.as_tensor(image.copy()).to(self.model.reach).permute(2, 0, 1)[None] / 255
        small = F.interpolate(pixels, (SIDE, SIDE), mode="bilinear", align_corners=False)
        self.features, self.size = self.model.image_encoder(small)[0], image.shape[:2]

    @torch.no_grad()
    def predict(
        self, point_coords: Any = None, box: Any = None, multimask_output: bool = True, **other: Any
    ) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self.features is None:
            raise RuntimeError("An image must be set with .set_image(...) before mask prediction.")
        x, y = point_coords[0] if point_coords is not None else np.reshape(box, (2, 2)).mean(0)
        here = self.features[:, int(y * SIDE / self.size[0]), int(x * SIDE / self.size[1]), None, None]
        distance = (self.features - here).square().sum(0).sqrt()
        reaches = (0.5, 1.0, 2.0) if multimask_output else (1.0,)
        low = torch.stack([self.model.reach * reach - distance for reach in reaches])
        logits = F.interpolate(low[None], self.size, mode="bilinear", align_corners=False)[0]
        scores = (low.abs() > 0.05).to(low.dtype).mean((1, 2))
        masks = logits if other.get("return_logits") else logits > 0
        return masks.cpu().numpy(), scores.cpu().numpy(), low.cpu().numpy()


def weights(model: Blobs) -> Weights:
    with torch.no_grad():
        model.image_encoder.weight.copy_(torch.eye(3)[..., None, None])
        model.image_encoder.bias.zero_()
    return Weights("made", digest(model))


VARIANT = Variant(
    "blobs",
    SIDE,
    lambda: Blobs().eval(),
    predictor=BlobPredictor,
    oracle=lambda model: OwnCode(model, BlobPredictor),  # in float64; a better one shares no code with it
    tier="fast",
    weights=weights,
    family=SamFamily("blobs", ("own_family",)),
    capabilities=frozenset((Capability.IMAGE,)),  # AUTOMATIC needs a `generator`, VIDEO a `video`
)
register(VARIANT)
