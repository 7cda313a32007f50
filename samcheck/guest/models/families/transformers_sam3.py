"""The family transformers, continued: SAM 3, which transformers 5 has.

Its checkpoint holds two models that share a vision transformer: the tracker, for images `Sam3TrackerModel`,
which takes SAM's prompts, and the detector, `Sam3Model`, which finds everything that a concept names: a few
words, boxes around examples, or both. Each is a variant here. They are small and seeded, and nothing is
fetched: words are given as numbers, as a tokenizer would have made them.

The tracker has the widths that sam3 0.1.4 does not let one choose (2048 in its perceptrons, 8 heads, 256 in
the head of scores), so that Meta's classes take the same weights.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Tuple

from ..family import Capability, SamFamily
from ..variant import Variant, own_code

SAM3 = SamFamily("transformers", ("transformers", "transformers.models.sam3"))

#: 8 x 8 patches: twice the 4 x 4 of the positions, which are tiled, and four windows. SAM 3's patches have
#: 14 pixels; with 16, masks at low resolution have a quarter of the image's side, as in every other family.
SIDE, PATCH, WIDTH = 128, 16, 64
GRID = SIDE // PATCH
#: Of the feature maps, the finest first.
FEATURE_SIZES = tuple((scale * GRID, scale * GRID) for scale in (4, 2, 1))
#: Sizes of the vision transformer, in transformers' words.
TRUNK = {
    "hidden_size": 64,
    "intermediate_size": 296,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "image_size": SIDE,
    "patch_size": PATCH,
    "pretrain_image_size": SIDE // 2,
    "window_size": 4,
    "global_attn_indexes": [1, 3],
}
#: Words of the small vocabulary: those that a tokenizer puts around a text and after it.
START, END, PADDING, WORDS, LENGTH = 62, 63, 0, 64, 8


def _vision(epsilon: Any) -> Any:
    from transformers.models.sam3.configuration_sam3 import Sam3VisionConfig, Sam3ViTConfig

    trunk = Sam3ViTConfig(**TRUNK) if epsilon is None else Sam3ViTConfig(**TRUNK, layer_norm_eps=epsilon)
    return Sam3VisionConfig(
        backbone_config=trunk,
        fpn_hidden_size=WIDTH,
        backbone_feature_sizes=[list(size) for size in FEATURE_SIZES],
    )


def build_sam3_mini(epsilon: Any = None, attention: str = "sdpa") -> Any:
    """Build a `Sam3TrackerModel`; `epsilon` of the vision transformer's norms, None for the default."""
    from transformers import Sam3TrackerConfig, Sam3TrackerModel

    from .transformers_sam import make

    config = Sam3TrackerConfig(
        vision_config=_vision(epsilon),
        prompt_encoder_config={"hidden_size": WIDTH, "image_size": SIDE, "patch_size": PATCH},
        mask_decoder_config={"hidden_size": WIDTH},
    )
    return make(Sam3TrackerModel, config, attention)


def build_sam3_concepts_mini(epsilon: Any = None, attention: str = "sdpa") -> Any:
    """Build a `Sam3Model`."""
    from transformers import Sam3Config, Sam3Model

    from .transformers_sam import make

    layers = {"hidden_size": WIDTH, "intermediate_size": 128, "num_attention_heads": 4, "num_layers": 2}
    text = {
        "model_type": "clip_text_model",
        "vocab_size": WORDS,
        "hidden_size": WIDTH,
        "intermediate_size": 128,
        "projection_dim": WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": LENGTH,
        "hidden_act": "gelu",
        "bos_token_id": START,
        "eos_token_id": END,
        "pad_token_id": PADDING,
    }
    config = Sam3Config(
        vision_config=_vision(epsilon),
        text_config=text,
        geometry_encoder_config=layers,
        detr_encoder_config=layers,
        detr_decoder_config=dict(layers, num_queries=12),
        mask_decoder_config={"hidden_size": WIDTH, "num_attention_heads": 4},
    )
    return make(Sam3Model, config, attention)


def tracker_predictor(model: Any) -> Any:
    """Create a predictor for `Sam3TrackerModel`."""
    from ..transformers_predictors import Sam3TrackerPredictor

    return Sam3TrackerPredictor(model, SIDE)


def detector(model: Any) -> Any:
    """Create a detector of concepts for `Sam3Model`."""
    from ..concepts import TransformersDetector

    return TransformersDetector(model, SIDE, (START, END), PADDING)


def _seeded_detector(model: Any) -> Any:
    from ..weights import fill_random

    return fill_random(model)


def _seeded(model: Any) -> Any:
    from .transformers_sam import seeded

    return seeded(model)


VARIANTS: Tuple[Variant, ...] = (
    Variant(
        "transformers.sam3_mini",
        SIDE,
        build_sam3_mini,
        predictor=tracker_predictor,
        oracle=partial(own_code, predictor=tracker_predictor),
        family=SAM3,
        tier="fast",
        weights=_seeded,
        capabilities=frozenset((Capability.IMAGE, Capability.CHOOSES)),
    ),
    Variant(
        "transformers.sam3_concepts_mini",
        SIDE,
        build_sam3_concepts_mini,
        family=SAM3,
        tier="fast",
        weights=_seeded_detector,
        capabilities=frozenset((Capability.CONCEPT,)),
        concepts=detector,
    ),
)
