"""Models of videos in transformers: `Sam2VideoModel` of the size of `sam2.1_mini`.

transformers has a class for images and another for videos, with the same weights: so there are two variants.
"""

from __future__ import annotations

from typing import Any, List, Tuple

from ..family import Capability
from ..variant import Variant
from .transformers_sam import TRANSFORMERS, make, sam2_vision


def build_sam2_video_mini(attention: str = "sdpa") -> Any:
    """Build a `Sam2VideoModel` of the size of `sam2.1_mini`."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    from .sam2_mini import MEMORY_WIDTH, SIZE, WIDTH

    config = Sam2VideoConfig(
        vision_config=sam2_vision(),
        prompt_encoder_config={"hidden_size": WIDTH, "image_size": SIZE},
        mask_decoder_config={"hidden_size": WIDTH},
        image_size=SIZE,
        memory_attention_hidden_size=WIDTH,
        memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=512,
        memory_attention_rope_feat_sizes=[SIZE // 16, SIZE // 16],
        memory_encoder_hidden_size=WIDTH,
        memory_encoder_output_channels=MEMORY_WIDTH,
        mask_downsampler_embed_dim=WIDTH,
        memory_fuser_embed_dim=WIDTH,
        memory_fuser_intermediate_dim=4 * WIDTH,
    )
    return make(Sam2VideoModel, config, attention)


def _trained(model: Any) -> Any:
    """Load the weights of `sam2.1_mini`, renamed."""
    from .. import conversion
    from ..conversion.video_to_transformers import sam2_video
    from ..weights import SAM2_MINI, Weights, digest, state

    conversion.load_converted(model, sam2_video(state(SAM2_MINI.path)))
    return Weights("trained", digest(model))


def _video(model: Any) -> Any:
    from ..video_sessions import SessionVideo, video_processor

    return SessionVideo(model, video_processor(int(model.image_size)))


def _no_images(model: Any) -> Any:
    raise TypeError("{} is for videos: ask its variant for `video`".format(type(model).__name__))


def _oracle(model: Any) -> Any:
    from ...oracle.session_video import SessionVideoOracle
    from ..conversion.video_to_transformers import from_sam2_video_model
    from ..video_sessions import video_processor
    from ..weights import SAM2_MINI, state

    processor = video_processor(int(model.image_size)).video_processor

    import numpy as np

    def prepare(frames: List[np.ndarray]) -> np.ndarray:
        prepared = processor(videos=np.stack(frames), return_tensors="pt")
        return np.asarray(prepared["pixel_values_videos"][0].double())

    tensors = from_sam2_video_model(model.state_dict(), state(SAM2_MINI.path))
    return SessionVideoOracle.of_weights(tensors, int(model.image_size), "sam2.1_mini", prepare)


VARIANTS: Tuple[Variant, ...] = (
    Variant(
        "transformers.sam2.1_video_mini",
        128,
        build_sam2_video_mini,
        predictor=_no_images,
        oracle=_oracle,
        tier="fast",
        weights=_trained,
        family=TRANSFORMERS,
        capabilities=frozenset((Capability.VIDEO, Capability.MEANING)),
        video=_video,
    ),
)
