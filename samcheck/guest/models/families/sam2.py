"""The family sam2: SAM 2.1 as it was published in 2024, for images and videos, and a small model like it.

sam2 1.1.0 on PyPI is a third party's copy of https://github.com/facebookresearch/sam2.
"""

from __future__ import annotations

from functools import partial
from typing import Any, FrozenSet, Tuple

from ..family import Capability, SamFamily
from ..variant import Checkpoint, Variant
from . import sam2_mini

SAM2 = SamFamily("sam2", ("sam2",))

CAPABILITIES = frozenset(
    (
        Capability.IMAGE,
        Capability.AUTOMATIC,
        Capability.VIDEO,
        Capability.FORGETS,
        Capability.CHOOSES,
    )
)


def _build_official(config: str) -> Any:
    """Build a published size with arbitrary weights, as predictor of videos, which also serves images."""
    from sam2.build_sam import build_sam2_video_predictor

    return build_sam2_video_predictor(config, ckpt_path=None, device="cpu")


def _image_predictor(model: Any) -> Any:
    from ..sam2_predictors import Sam2ImageAdapter

    return Sam2ImageAdapter(model)


def _generator(model: Any, **settings: Any) -> Any:
    from ..sam2_predictors import sam2_generator

    return sam2_generator(model, **settings)


def _video(model: Any) -> Any:
    from ..sam2_predictors import Sam2Video

    return Sam2Video(model)


def _oracle(name: str, model: Any) -> Any:
    from ...oracle.sam2_video import Sam2VideoOracle

    return Sam2VideoOracle.of_variant(model, name)


def _variant(
    name: str, image_size: int, build: Any, capabilities: FrozenSet[Capability] = CAPABILITIES, **rest: Any
) -> Variant:
    return Variant(
        name,
        image_size,
        build,
        predictor=_image_predictor,
        oracle=partial(_oracle, name),
        family=SAM2,
        capabilities=capabilities,
        generator=_generator,
        video=_video,
        **rest,
    )


def _official(size: str, config: str, length: int, sha256: str) -> Variant:
    name = "sam2.1_hiera_" + size
    # The configuration is a name that hydra looks up among sam2's modules, not a path.
    build = partial(_build_official, "configs/sam2.1/sam2.1_hiera_{}.yaml".format(config))
    return _variant(name, 1024, build, checkpoint=Checkpoint(name + ".pt", length, sha256))


# Names of the files are from the official repository; their sizes and SHA-256 values agree in three or more
# independent public repositories each.
VARIANTS: Tuple[Variant, ...] = (
    _variant(
        "sam2.1_mini",
        sam2_mini.SIZE,
        sam2_mini.build_image_and_video_model,
        CAPABILITIES | {Capability.MEANING},
        tier="fast",
        weights=sam2_mini.load_weights,
    ),
    _official("tiny", "t", 156008466, "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69"),
    _official("small", "s", 184416285, "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38"),
    _official(
        "base_plus", "b+", 323606802, "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5"
    ),
    _official("large", "l", 898083611, "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318"),
)
