"""The family transformers: a second implementation of SAM, SAM 2.1 and HQ-SAM, by Hugging Face.

Every small model has the size of the original package's small one, so that both take the same weights. All
settings that are not sizes are transformers' own defaults, as a user gets them: where these deviate from the
original, the group `implementations` says so.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Tuple

from ..family import Capability, SamFamily
from ..variant import Variant, own_code

TRANSFORMERS = SamFamily("transformers", ("transformers",))

#: Of samcheck's `tiny` and of `hq_mini`.
SAM_SIZE, SAM_WIDTH = 256, 128


def make(model: Any, config: Any, attention: str) -> Any:
    """Build a model with arbitrary weights; nothing is fetched."""
    return model._from_config(config, attn_implementation=attention).eval()


def _vision(width: int) -> Any:
    return {
        "hidden_size": SAM_WIDTH,
        "output_channels": width,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": SAM_SIZE,
        "patch_size": 16,
        "window_size": 7,
        "global_attn_indexes": [1, 3],
        "mlp_dim": 4 * SAM_WIDTH,
        "num_pos_feats": width // 2,
    }


def _decoder(width: int, epsilon: Any) -> Any:
    sizes = {
        "hidden_size": width,
        "mlp_dim": 256,
        "num_attention_heads": 4,
        "iou_head_hidden_dim": width,
    }
    return sizes if epsilon is None else dict(sizes, layer_norm_eps=epsilon)


def build_sam_tiny(epsilon: Any = None, attention: str = "sdpa") -> Any:
    """Build a `SamModel` of the size of `tiny`; `epsilon` of the decoder's norms, None for the default."""
    from transformers import SamConfig, SamModel

    config = SamConfig(
        vision_config=_vision(SAM_WIDTH),
        prompt_encoder_config={"hidden_size": SAM_WIDTH, "image_size": SAM_SIZE, "patch_size": 16},
        mask_decoder_config=_decoder(SAM_WIDTH, epsilon),
    )
    return make(SamModel, config, attention)


def build_hq_mini(epsilon: Any = None, attention: str = "sdpa") -> Any:
    """Build a `SamHQModel` of the size of `hq_mini`."""
    from transformers import SamHQConfig, SamHQModel

    config = SamHQConfig(
        vision_config=_vision(SAM_WIDTH),
        prompt_encoder_config={"hidden_size": SAM_WIDTH, "image_size": SAM_SIZE, "patch_size": 16},
        mask_decoder_config=dict(_decoder(SAM_WIDTH, epsilon), vit_dim=SAM_WIDTH),
    )
    return make(SamHQModel, config, attention)


def sam2_vision() -> Any:
    """Return the configuration of the image encoder of `sam2.1_mini`."""
    from transformers.models.sam2.configuration_sam2 import Sam2HieraDetConfig, Sam2VisionConfig

    from .sam2_mini import FEATURE_SIZES, SIZE, WIDTH

    trunk = Sam2HieraDetConfig(
        hidden_size=32,
        image_size=[SIZE, SIZE],
        blocks_per_stage=[1, 2, 4, 1],
        embed_dim_per_stage=[32, 64, 128, 256],
        num_attention_heads_per_stage=[1, 2, 4, 8],
        global_attention_blocks=[4, 6],
        window_size_per_stage=[8, 4, 6, 3],
    )
    return Sam2VisionConfig(
        backbone_config=trunk,
        backbone_channel_list=[256, 128, 64, 32],
        backbone_feature_sizes=[list(size) for size in FEATURE_SIZES],
        fpn_hidden_size=WIDTH,
    )


def build_sam2_mini(attention: str = "sdpa") -> Any:
    """Build a `Sam2Model` of the size of `sam2.1_mini`."""
    from transformers import Sam2Config, Sam2Model

    from .sam2_mini import SIZE, WIDTH

    config = Sam2Config(
        vision_config=sam2_vision(),
        prompt_encoder_config={"hidden_size": WIDTH, "image_size": SIZE},
        mask_decoder_config={"hidden_size": WIDTH},
    )
    return make(Sam2Model, config, attention)


def _trained(model: Any, original: str) -> Any:
    """Load the weights of `tiny` or `sam2.1_mini`, renamed."""
    from .. import conversion
    from ..conversion import to_transformers
    from ..weights import SAM2_MINI, TINY, Weights, digest, state

    trained, rename = {
        "tiny": (TINY, to_transformers.sam1),
        "sam2.1_mini": (SAM2_MINI, to_transformers.sam2_image),
    }[original]
    conversion.load_converted(model, rename(state(trained.path)))
    return Weights("trained", digest(model))


def seeded(model: Any, prefix: str = "") -> Any:
    """Fill with seeded values, the same in both positional encodings, which are one in the original."""
    from ..conversion.to_transformers import POSITIONS
    from ..weights import Weights, digest, fill_random

    fill_random(model, prefix)
    state = model.state_dict()
    state[POSITIONS[1] + ".positional_embedding"].copy_(state[POSITIONS[0] + ".positional_embedding"])
    return Weights("random", digest(model))


def sam_predictor(model: Any, side: int = SAM_SIZE) -> Any:
    """Create a predictor for `SamModel` or `SamHQModel`."""
    from ..transformers_predictors import SamModelPredictor

    return SamModelPredictor(model, side)


def sam2_predictor(model: Any) -> Any:
    """Create a predictor for `Sam2Model`."""
    from ..transformers_predictors import Sam2ModelPredictor
    from .sam2_mini import SIZE

    return Sam2ModelPredictor(model, SIZE)


def build_vit_b() -> Any:
    """Build a `SamModel` of the size of `vit_b`, which transformers' defaults are."""
    from transformers import SamConfig, SamModel

    return make(SamModel, SamConfig(), "sdpa")


def _variant(name: str, size: int, build: Any, predictor: Any, **more: Any) -> Variant:
    return Variant(
        "transformers." + name,
        size,
        build,
        predictor=predictor,
        oracle=partial(own_code, predictor=predictor),
        family=TRANSFORMERS,
        **more,
    )


_IMAGE = frozenset((Capability.IMAGE,))
VARIANTS: Tuple[Variant, ...] = (
    _variant(
        "sam_tiny",
        SAM_SIZE,
        build_sam_tiny,
        sam_predictor,
        tier="fast",
        weights=partial(_trained, original="tiny"),
        capabilities=_IMAGE | {Capability.MEANING},
    ),
    _variant(
        "sam2.1_mini",
        128,
        build_sam2_mini,
        sam2_predictor,
        tier="fast",
        weights=partial(_trained, original="sam2.1_mini"),
        capabilities=_IMAGE | {Capability.MEANING, Capability.CHOOSES},
    ),
    _variant(
        "hq_mini",
        SAM_SIZE,
        build_hq_mini,
        sam_predictor,
        tier="fast",
        weights=partial(seeded, prefix="1."),  # with these, no two masks, sorted by score, are nearly alike
        capabilities=_IMAGE,
    ),
    _variant(
        "vit_b",
        1024,
        build_vit_b,
        partial(sam_predictor, side=1024),
        weights=seeded,
        capabilities=_IMAGE,
    ),
)
