"""The family segment-anything: SAM as it was published in 2023, and a small model of its own classes."""

from __future__ import annotations

from functools import partial
from typing import Any, Tuple

from .. import small_sam
from ..family import Capability
from ..variant import SAM1_METHODS, Checkpoint, Variant


def _build_tiny() -> Any:
    from segment_anything import modeling

    return small_sam.assembled(modeling, small_sam.vit(modeling))


def _trained(model: Any) -> Any:
    from ..weights import load_trained

    return load_trained(model)


def _build_official(name: str) -> Any:
    from segment_anything import sam_model_registry

    return sam_model_registry[name]().eval()


def _official(name: str, file: str, size: int, sha256: str) -> Variant:
    build = partial(_build_official, name)
    return Variant(name, 1024, build, Checkpoint(file, size, sha256))


# For the files, see the README of the official repository; the SHA-256 values were cross-checked between
# independent copies, since several published digest tables are wrong.
VARIANTS: Tuple[Variant, ...] = (
    Variant(
        "tiny",
        small_sam.SIZE,
        _build_tiny,
        tier="fast",
        weights=_trained,
        capabilities=SAM1_METHODS | {Capability.MEANING},
    ),
    _official(
        "vit_b",
        "sam_vit_b_01ec64.pth",
        375042383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
    ),
    _official(
        "vit_l",
        "sam_vit_l_0b3195.pth",
        1249524607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
    ),
    _official(
        "vit_h",
        "sam_vit_h_4b8939.pth",
        2564550879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
    ),
)
