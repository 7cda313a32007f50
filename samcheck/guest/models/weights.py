"""Weights: trained by this project, random but seeded and identical everywhere, or a verified checkpoint."""

from __future__ import annotations

import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import numpy as np

from . import checkpoints
from .variant import Variant

SEED = 20230405


@dataclass(frozen=True)
class Trained:
    """Weights trained by this project: a file next to this module, in NumPy's format, without pickles.

    Attributes:
        file: its name; its values may be of half precision.
        sha256: `digest` of the model that has loaded it.
    """

    file: str
    sha256: str

    @property
    def path(self) -> Path:
        return Path(__file__).with_name(self.file)


#: By `samcheck.guest.training`.
TINY = Trained("tiny.npz", "e460fe9c54f7c68bf442cd34b964cff63be1cf36fec5eca8ea8635cd6b36b561")
#: By `samcheck.guest.training_video`.
SAM2_MINI = Trained("sam2.1_mini.npz", "3ef29f115ea709356a3ed1199b48c421cfc49ddd51ced4a6bfa43cd804b66c39")


@dataclass(frozen=True)
class Weights:
    """The weights of a model.

    Attributes:
        kind: ``trained`` (by this project, for its own small model), ``official``, ``random``, or a word
            of your own.
        sha256: of the parameters, or of the file of an official checkpoint.
    """

    kind: str
    sha256: str

    def __str__(self) -> str:
        return "{} (sha256 {})".format(self.kind, self.sha256[:12])


def digest(model: Any) -> str:
    """Compute SHA-256 over names, shapes and float32 bytes of everything in the state dict."""
    summary = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        summary.update("{}{}".format(name, tuple(tensor.shape)).encode())
        summary.update(tensor.detach().contiguous().numpy().tobytes())
    return summary.hexdigest()


#: Parts with transposed convolutions.
_TRANSPOSED = ("output_upscaling", "compress_vit_feat", "embedding_encoder")


def _values(name: str, shape: Tuple[int, ...]) -> np.ndarray:
    """Generate float32 values for one tensor, from its name alone.

    Uniform bits of PCG64, scaled to the wanted spread, are the same on every NumPy since 1.17, which
    torch's own initialisers do not promise across releases.
    """
    seed = np.random.SeedSequence([SEED, zlib.crc32(name.encode())])
    uniform = np.random.Generator(np.random.PCG64(seed)).random(shape, dtype=np.float32)
    unit = (uniform * 2 - 1) * np.float32(math.sqrt(3))  # mean 0, variance 1
    if name.endswith("gaussian_matrix"):
        return unit
    special = _sam2_values(name, unit)
    if special is not None:
        return special
    if len(shape) == 1:
        is_scale = name.endswith(("weight", "running_var"))
        return (1 + unit * np.float32(0.1)) if is_scale else unit * np.float32(0.05)
    if "pos_embed" in name or "rel_pos" in name or name.endswith("attention_biases"):
        return unit * np.float32(0.2)
    if ("embed" in name and len(shape) == 2) or name.endswith("_token.weight"):
        return unit
    # A transposed convolution with stride 2 and kernel 2 sums over its input channels only, and the layout
    # of its weight is (in, out, 2, 2).
    transposed = any(part in name for part in _TRANSPOSED)
    fan_in = shape[0] if transposed else int(np.prod(shape[1:]))
    return unit * np.float32(1 / math.sqrt(fan_in))


def _sam2_values(name: str, unit: np.ndarray) -> Optional[np.ndarray]:
    """Scale what only SAM 2 has, so that each part of its memory counts; None for everything else.

    What training starts from is for some so near zero that a fault in them would not show. The score of an
    object being there must not be centred on zero: half of all masks would be empty. Without a shift of the
    finest features, which go through a GELU, most masks would cover the whole image.
    """
    if name.endswith(("maskmem_tpos_enc", "no_mem_embed", "no_obj_ptr", "no_obj_embed_spatial")):
        return unit * np.float32(0.5)
    if name.endswith(".gamma"):
        return np.float32(0.3) + unit * np.float32(0.1)
    if name.endswith("pred_obj_score_head.layers.2.bias"):
        return np.full_like(unit, 4)
    if name.endswith("conv_s0.bias"):
        return np.full_like(unit, -1)
    return None


def fill_random(model: Any, prefix: str = "") -> Weights:
    """Overwrite every parameter and buffer of `model` with seeded values, in place.

    With a `prefix` of their names, the values are others.
    """
    import torch

    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not tensor.is_floating_point():  # counters of batch normalisation
                continue
            values = _values(prefix + name, tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(values)))
    return Weights("random", digest(model))


def read(model: Any, path: Path) -> None:
    """Load a file of trained weights into a model, in the model's own precision."""
    model.load_state_dict(state(path))


def state(path: Path) -> Dict[str, Any]:
    """Read a file of trained weights, in float32."""
    import torch

    with np.load(path, allow_pickle=False) as archive:
        return {name: torch.from_numpy(archive[name].astype(np.float32)) for name in archive.files}


def load_trained(model: Any, trained: Trained = TINY) -> Weights:
    """Load weights that this project trained into the small model that they are for.

    Raises:
        CheckpointRefused: the file next to this module is not the one that was measured.
    """
    read(model, trained.path)
    sha256 = digest(model)
    if sha256 != trained.sha256:
        raise checkpoints.CheckpointRefused(
            "wrong-digest",
            str(trained.path),
            "its parameters have SHA-256 {}, not {}".format(sha256, trained.sha256),
        )
    return Weights("trained", sha256)


#: Models loaded by `keep`, by variant.
_KEPT: Dict[str, Tuple[Any, Weights]] = {}


def keep(variant: Variant) -> None:
    """Load `variant` for this process and all its forks: loading the largest takes 10 s of CPU time."""
    _KEPT[variant.name] = load(variant)


def load(variant: Variant) -> Tuple[Any, Weights]:
    """Build `variant` with its own weights or its official checkpoint, else with seeded weights.

    Return the model (float32, CPU, eval mode) and a description of its weights.

    Raises:
        CheckpointRefused: the checkpoint in ``$SAMCHECK_CHECKPOINTS`` is not the official file.
    """
    if variant.name in _KEPT:
        return _KEPT.pop(variant.name)  # the caller may move and change it
    model = variant.build()
    carried = _load_into(model, variant)
    # TinyViT indexes the biases of its attention when it enters eval mode, and uses those that it had then:
    # https://github.com/SysCV/sam-hq/issues/44
    return model.eval(), carried


def _load_into(model: Any, variant: Variant) -> Weights:
    if variant.weights is not None:
        carried: Weights = variant.weights(model)
        return carried
    return load_official(model, variant) or fill_random(model)


def load_official(model: Any, variant: Variant) -> Optional[Weights]:
    """Load the official checkpoint of `variant` into its model; None if the user has not provided it.

    Raises:
        CheckpointRefused: the checkpoint in ``$SAMCHECK_CHECKPOINTS`` is not the official file.
    """
    path = checkpoints.checkpoint_path(variant)
    if path is None:
        return None
    assert variant.checkpoint is not None
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict(checkpoints.read(path, shapes, variant.checkpoint).parameters)
    return Weights("official", variant.checkpoint.sha256)
