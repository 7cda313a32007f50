"""The variants of SAM, built from the real `segment_anything` classes.

To add your own, provide an entry point in the group ``samcheck.variants`` that names a `Variant`, or call
`register` in a module that pytest loads (``pytest -p my_module``, or a `conftest.py`).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from importlib import metadata
from typing import Any, Dict, Set, Tuple

from . import checkpoints
from .variant import Checkpoint, Variant, own_code_oracle

__all__ = ["VARIANTS", "Variant", "discover", "fine_tuned", "own_code_oracle", "register"]

ENTRY_POINTS = "samcheck.variants"


# SAM's own classes at a size that runs on any laptop: 256 px, 16 x 16 tokens, width 128. Windowed and
# global blocks, relative positions and all three prompt kinds are present, so that every line of the
# official image and prompt path is exercised.
_TINY_SIZE, _TINY_TOKENS, _TINY_WIDTH = 256, 16, 128


def _build_tiny() -> Any:
    from segment_anything.modeling import PromptEncoder, Sam

    prompts = PromptEncoder(
        embed_dim=_TINY_WIDTH,
        image_embedding_size=(_TINY_TOKENS, _TINY_TOKENS),
        input_image_size=(_TINY_SIZE, _TINY_SIZE),
        mask_in_chans=16,
    )
    return Sam(image_encoder=_tiny_encoder(), prompt_encoder=prompts, mask_decoder=_tiny_decoder()).eval()


def _tiny_encoder() -> Any:
    import torch
    from segment_anything.modeling import ImageEncoderViT

    return ImageEncoderViT(
        img_size=_TINY_SIZE,
        patch_size=_TINY_SIZE // _TINY_TOKENS,
        embed_dim=_TINY_WIDTH,
        depth=4,
        num_heads=4,
        mlp_ratio=4,
        out_chans=_TINY_WIDTH,
        qkv_bias=True,
        norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=7,
        global_attn_indexes=(1, 3),
    )


def _tiny_decoder() -> Any:
    from segment_anything.modeling import MaskDecoder, TwoWayTransformer

    return MaskDecoder(
        num_multimask_outputs=3,
        transformer=TwoWayTransformer(depth=2, embedding_dim=_TINY_WIDTH, mlp_dim=256, num_heads=4),
        transformer_dim=_TINY_WIDTH,
        iou_head_depth=3,
        iou_head_hidden_dim=128,
    )


def _trained(model: Any) -> Any:
    from .weights import load_trained

    return load_trained(model)


def _build_official(name: str) -> Any:
    from segment_anything import sam_model_registry

    return sam_model_registry[name]().eval()


def _official(name: str, file: str, size: int, sha256: str) -> Variant:
    build = partial(_build_official, name)
    return Variant(name, 1024, build, Checkpoint(file, size, sha256))


# For the files, see the README of the official repository; the SHA-256 values were cross-checked between
# independent copies, since several published digest tables are wrong.
_ALL: Tuple[Variant, ...] = (
    Variant("tiny", _TINY_SIZE, _build_tiny, tier="fast", weights=_trained),
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

VARIANTS: Dict[str, Variant] = {}
#: Variants known to every process in this environment, not only to one whose conftest registered them.
KNOWN_EVERYWHERE: Set[str] = set()


def register(variant: Variant) -> None:
    """Make a variant known to the suite.

    Raises:
        ValueError: the name is taken, or contains characters not allowed in check ids or file names.
    """
    if not re.match(r"[a-z][a-z0-9_.]*$", variant.name):
        raise ValueError(
            "invalid variant name {!r}: use a-z, 0-9, _ and ., and begin with a letter".format(variant.name)
        )
    if VARIANTS.get(variant.name, variant) is not variant:
        raise ValueError("the variant {!r} already exists: choose another name".format(variant.name))
    VARIANTS[variant.name] = variant


def fine_tuned(name: str, base: str, checkpoint: str) -> Variant:
    """Create a variant with the classes of `base` and the weights in your own file.

    The file is inspected before it is unpickled, and must contain only tensors
    (`samcheck.guest.models.checkpoints`).
    """

    def weights(model: Any) -> Any:
        from .weights import Weights, digest

        shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
        model.load_state_dict(checkpoints.read(checkpoint, shapes).parameters)
        return Weights("fine-tuned", digest(model))

    return replace(VARIANTS[base], name=name, checkpoint=None, weights=weights)


def discover() -> None:
    """Register every variant that an installed package provides as an entry point.

    Raises:
        ValueError: an entry point does not lead to a `Variant`, or its name is taken.
    """
    every: Any = metadata.entry_points()
    points = every.select(group=ENTRY_POINTS) if hasattr(every, "select") else every.get(ENTRY_POINTS, ())
    for point in points:
        variant = point.load()
        if not isinstance(variant, Variant):
            raise ValueError(
                "the entry point {} = {!r} of the group {} gives a {}, not a Variant".format(
                    point.name, point.value, ENTRY_POINTS, type(variant).__name__
                )
            )
        register(variant)
        KNOWN_EVERYWHERE.add(variant.name)


for _variant in _ALL:
    register(_variant)
    KNOWN_EVERYWHERE.add(_variant.name)
