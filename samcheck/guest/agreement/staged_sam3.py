"""The stages of SAM 3's tracker in Meta's package, and what makes transformers' tracker agree with it.

Both implementations round the angles, queries and keys of the vision transformer to float32, even of a model
in float64: Meta's keeps a table in complex64, transformers' calls ``float()``. That alone puts them 1e-7
apart, and would hide whatever else does.
"""

from __future__ import annotations

import types
from typing import Any, Tuple

import torch

from .staged_originals import Sam2


class Sam3(Sam2):
    """sam3's `Sam3TrackerBase` for images; the steps of `SAM3InteractiveImagePredictor` (sam3 0.1.4)."""

    def __init__(self, model: Any, predictor: Any) -> None:
        super().__init__(model, predictor)
        if self.dtype is torch.float64:
            for module in model.backbone.vision_backbone.trunk.modules():
                if hasattr(module, "freqs_cis"):
                    _rotate_in_float64(module)


def _rotate_in_float64(attention: Any) -> None:
    """Replace, in place, how one layer of `sam3.model.vitdet` turns its queries and keys."""
    height, width = attention.input_size
    scale = attention.rope_pt_size[0] / height if attention.rope_interp else 1.0
    number = torch.arange(height * width, dtype=torch.float64)
    frequencies = _frequencies(attention.rope_theta, attention.head_dim)
    places = (number % width * scale, torch.div(number, width, rounding_mode="floor") * scale)
    angles = torch.cat([torch.outer(place, frequencies) for place in places], -1)
    table = torch.polar(torch.ones_like(angles), angles)

    def turned(each: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(each.reshape(*each.shape[:-1], -1, 2).contiguous())
        return torch.view_as_real(pairs * table.to(each.device)).flatten(3)

    attention._apply_rope = lambda queries, keys: (turned(queries), turned(keys))


def _frequencies(base: float, width: int) -> torch.Tensor:
    """Return those of one of the two axes, for heads of `width`."""
    return base ** -(torch.arange(0, width, 4, dtype=torch.float64) / width)


def rotate_transformers_in_float64(model: Any) -> None:
    """Let transformers' vision transformer turn queries and keys in float64, if that is its type.

    The code of the attention stays transformers' own, with another function under the name that it calls.
    """
    trunk = model.vision_encoder.backbone
    if next(trunk.parameters()).dtype is not torch.float64:
        return
    for layer in trunk.layers:
        layer.rotary_emb.forward = types.MethodType(_angles, layer.rotary_emb)
        forward = type(layer.attention).forward
        names = dict(forward.__globals__, apply_rotary_pos_emb_2d=_turned)
        exchanged = types.FunctionType(
            forward.__code__, names, forward.__name__, forward.__defaults__, forward.__closure__
        )
        layer.attention.forward = types.MethodType(exchanged, layer.attention)


def add_no_memory(model: Any) -> None:
    """Let `Sam3TrackerModel` add the embedding of "no memory yet" to the features that its decoder takes.

    It adds it to the last of the four levels that its encoder returns, and then drops that level
    (docs/upstream). In a release that does not, this changes nothing.
    """
    features = model.get_image_features
    levels = len(model.backbone_feature_sizes)

    def cut(*given: Any, **options: Any) -> Any:
        found = features(*given, **options)
        found.fpn_hidden_states = found.fpn_hidden_states[:levels]
        found.fpn_position_encoding = found.fpn_position_encoding[:levels]
        return found

    model.get_image_features = cut


def repair_tracker(model: Any) -> None:
    """Do both, in place."""
    add_no_memory(model)
    rotate_transformers_in_float64(model)


def _angles(self: Any, _: torch.Tensor, places: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    config = self.config
    width = config.hidden_size // config.num_attention_heads
    frequencies = _frequencies(config.rope_parameters["rope_theta"], width).to(places.device)
    angles = places[..., None].double() * frequencies
    return self.recomposition_frequencies(angles.cos()), self.recomposition_frequencies(angles.sin())


def _turned(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Turn pairs of neighbours by an angle, as `apply_rotary_pos_emb_2d` does, without rounding them."""

    def turned(each: torch.Tensor) -> torch.Tensor:
        first, second = each.unflatten(-1, (-1, 2)).unbind(-1)
        return each * cos + torch.stack((-second, first), -1).flatten(-2) * sin

    return turned(q), turned(k)
