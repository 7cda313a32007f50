"""Weights: seeded random ones that are the same in every environment, or a verified checkpoint."""

from __future__ import annotations

import hashlib
import math
import os
import zlib
from dataclasses import dataclass
from typing import Any, Optional, Tuple

import numpy as np

from .variants import Checkpoint, Variant

CHECKPOINTS_VARIABLE = "SAMCHECK_CHECKPOINTS"
SEED = 20230405


class CheckpointRefused(ValueError):
    """A checkpoint file that must not be loaded; the message says what was found and expected."""


@dataclass(frozen=True)
class Weights:
    """What a model carries: `kind` is ``random`` or ``official``, `sha256` is over the parameters."""

    kind: str
    sha256: str

    def __str__(self) -> str:
        return "{} (sha256 {})".format(self.kind, self.sha256[:12])


def digest(model: Any) -> str:
    """SHA-256 over names, shapes and float32 bytes of everything in the state dict."""
    summary = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        summary.update("{}{}".format(name, tuple(tensor.shape)).encode())
        summary.update(tensor.detach().contiguous().numpy().tobytes())
    return summary.hexdigest()


def _values(name: str, shape: Tuple[int, ...]) -> np.ndarray:
    """Float32 values for one tensor, from its name alone.

    Uniform bits of PCG64 scaled to the wanted spread: the same on every NumPy from 1.17 on, which
    torch's own initialisers do not promise across releases.
    """
    seed = np.random.SeedSequence([SEED, zlib.crc32(name.encode())])
    uniform = np.random.Generator(np.random.PCG64(seed)).random(shape, dtype=np.float32)
    unit = (uniform * 2 - 1) * np.float32(math.sqrt(3))  # mean 0, variance 1
    if name.endswith("gaussian_matrix"):
        return unit
    if len(shape) == 1:
        is_scale = name.endswith("weight")
        return (1 + unit * np.float32(0.1)) if is_scale else unit * np.float32(0.05)
    if "pos_embed" in name or "rel_pos" in name:
        return unit * np.float32(0.2)
    if ("embed" in name and len(shape) == 2) or name.endswith("_token.weight"):
        return unit
    # A transposed convolution with stride 2 and kernel 2 sums over its input channels only, and its
    # weight is laid out (in, out, 2, 2).
    fan_in = shape[0] if "output_upscaling" in name else int(np.prod(shape[1:]))
    return unit * np.float32(1 / math.sqrt(fan_in))


def fill_random(model: Any) -> Weights:
    """Overwrite every parameter and buffer of `model` with seeded values, in place."""
    import torch

    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            values = _values(name, tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(values)))
    return Weights("random", digest(model))


def verify(path: str, expected: Checkpoint) -> None:
    """Check size and SHA-256 of a checkpoint before anything unpickles it.

    Raises:
        CheckpointRefused: the file is not the official one.
    """
    size = os.path.getsize(path)
    if size != expected.size:
        raise CheckpointRefused(
            "{} has {} bytes, the official file has {}: download it again".format(path, size, expected.size)
        )
    summary = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 22), b""):
            summary.update(block)
    if summary.hexdigest() != expected.sha256:
        raise CheckpointRefused(
            "{} has SHA-256 {}, the official file has {}: do not load it, download it again".format(
                path, summary.hexdigest(), expected.sha256
            )
        )


def checkpoint_path(variant: Variant) -> Optional[str]:
    """Path of the variant's official checkpoint in ``$SAMCHECK_CHECKPOINTS``, None if not there."""
    folder = os.environ.get(CHECKPOINTS_VARIABLE)
    if not folder or variant.checkpoint is None:
        return None
    if not os.path.isdir(folder):
        raise CheckpointRefused("{} names {}, which is no folder".format(CHECKPOINTS_VARIABLE, folder))
    path = os.path.join(folder, variant.checkpoint.file)
    return path if os.path.exists(path) else None


def load(variant: Variant) -> "tuple[Any, Weights]":
    """Build `variant` with its official checkpoint where there is one, else with seeded weights.

    Returns the model (float32, CPU, eval mode) and what it carries.

    Raises:
        CheckpointRefused: the checkpoint in ``$SAMCHECK_CHECKPOINTS`` is not the official file.
    """
    import torch

    model = variant.build()
    path = checkpoint_path(variant)
    if path is None:
        return model, fill_random(model)
    assert variant.checkpoint is not None
    verify(path, variant.checkpoint)
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model, Weights("official", variant.checkpoint.sha256)
