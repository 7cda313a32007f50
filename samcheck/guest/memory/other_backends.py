"""The memory peak of encoding an image with a backend other than plain PyTorch.

PyTorch's allocators do not see what another library takes, so only the process as a whole can be measured:
its resident memory on a CPU. That includes what the library keeps for later images.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Optional

import numpy as np
import torch

from ..fingerprint import one_line
from ..models import inference, onnx_export, precisions, scenes, weights
from ..models.backends import Unavailable, compiled, onnx_runtime, providers, require_sam, tensor_rt
from ..models.variant import Variant
from ..oracle.tolerances import relative_error
from . import peak_meter
from .peaks import SIZE
from .process_memory import MIB

Encode = Callable[[torch.Tensor], Any]


@dataclass(frozen=True)
class Elsewhere:
    """The result of encoding one image with a backend and, in the same process, with plain PyTorch.

    Attributes:
        backend: one of `BACKENDS`.
        unavailable: why it cannot be measured here; the other fields are then empty.
        error: the backend's error, ``TypeName: message``; likewise.
        held_mib: by how much the process grew at the peak.
        plain_mib: the same for the encoder in plain PyTorch.
        weights_mib: size of the encoder's weights, which a backend may hold a second time.
        off: relative L2 error of the features against plain PyTorch's.
    """

    backend: str
    unavailable: Optional[str] = None
    error: str = ""
    held_mib: float = 0.0
    plain_mib: float = 0.0
    weights_mib: float = 0.0
    off: float = 0.0


def _onnxruntime(model: Any, device: str, pixels: torch.Tensor, folder: str) -> Encode:
    """Prepare ONNX Runtime's first run, whose memory its arena keeps; later runs take no more."""
    providers.load()
    if device == "cuda":
        raise Unavailable("ONNX Runtime allocates its own GPU memory, which PyTorch's figures do not show")
    path = os.path.join(folder, "encoder.onnx")
    onnx_export.encoder(model, path)
    session = onnx_runtime.plain_session(path, providers.CPU)
    return lambda image: session.run(None, {"pixels": image.numpy()})[0]


def _compile(model: Any, device: str, pixels: torch.Tensor, folder: str) -> Encode:
    """Prepare torch.compile with its default compiler; compilation is finished before the measurement."""
    compiled.check_available("inductor")
    from torch._inductor import config

    config.compile_threads = 1  # in this process, a fork without workers
    encoder = compiled.compiled(model.image_encoder)
    encoder(pixels)
    return encoder  # type: ignore[no-any-return]


def _tensorrt(model: Any, device: str, pixels: torch.Tensor, folder: str) -> Encode:
    tensor_rt.load(device)
    raise Unavailable("TensorRT allocates its own GPU memory, which PyTorch's figures do not show")


BACKENDS: Dict[str, Callable[[Any, str, torch.Tensor, str], Encode]] = {
    "onnxruntime": _onnxruntime,
    "compile": _compile,
    "tensorrt": _tensorrt,
}


def encoding(variant: Variant, device: str, backend: str) -> Elsewhere:
    """Measure plain PyTorch, then `backend`, both in plain float32."""
    with precisions.tf32(False):
        return _encoding(variant, device, backend)


def _encoding(variant: Variant, device: str, backend: str) -> Elsewhere:
    model = weights.load(variant)[0].to(device)
    pixels = model.preprocess(inference.resized_tensor(model, scenes.draw(7, *SIZE).image))
    expected = model.image_encoder(pixels).cpu().numpy()  # threads, libraries and their tables
    plain = peak_meter.process(partial(model.image_encoder, pixels), device)
    with tempfile.TemporaryDirectory() as folder:
        try:
            encode = BACKENDS[backend](require_sam(model), device, pixels, folder)
        except Unavailable as reason:
            return Elsewhere(backend, unavailable=str(reason))
        except Exception as error:  # the compiler's own, for the check to judge
            return Elsewhere(backend, error=one_line(error))
        answers = []
        held = peak_meter.process(lambda: answers.append(encode(pixels)), device)
    features = np.asarray(answers[0].cpu() if isinstance(answers[0], torch.Tensor) else answers[0])
    weights_bytes = sum(tensor.numel() * tensor.element_size() for tensor in model.image_encoder.parameters())
    return Elsewhere(
        backend,
        held_mib=held,
        plain_mib=plain,
        weights_mib=weights_bytes / MIB,
        off=relative_error(features, expected),
    )
