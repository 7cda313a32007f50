"""The precisions that this build and device support, determined by trying them."""

from __future__ import annotations

import time
import warnings
from typing import Any, Dict, List, Optional

import torch
from torch import nn

from .precisions import Precision


def unavailable(precision: Precision, device: str, encoder: Optional[nn.Module] = None) -> Optional[str]:
    """Return why `precision` cannot run on `device`, or with this encoder; None if it can.

    Raises:
        RuntimeError: a layer failed for a reason other than a missing kernel.
    """
    if precision.name == "tf32":
        if device == "cuda" and torch.cuda.get_device_capability() >= (8, 0):
            return None
        return "TF32 needs a CUDA GPU with compute capability 8.0 or newer"
    if precision.name == "int8-dynamic":
        if encoder is not None and not any(isinstance(layer, nn.Linear) for layer in encoder.modules()):
            return "the encoder has no linear layers, the only ones quantised dynamically"
        return _no_int8(device)
    if precision.name.startswith("autocast"):
        return _no_autocast(precision.dtype, device)
    return missing_kernel(precision.dtype, device)


def _no_int8(device: str) -> Optional[str]:
    """Return why a dynamically quantised layer does not run: so far, they exist on the CPU only."""
    try:
        from torch.ao.quantization import quantize_dynamic
    except ImportError as error:
        return "this PyTorch has no eager quantisation: {}".format(error)
    if torch.backends.quantized.engine == "none":
        return "this PyTorch has no engine for quantised layers on this processor"
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in `precisions`
            layer = quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear}, dtype=torch.qint8)
            layer.to(device)(torch.ones((1, 4), device=device))
    except RuntimeError as error:
        return "no dynamically quantised layers: {}".format(str(error).partition(". ")[0])
    return None


def _no_autocast(dtype: torch.dtype, device: str) -> Optional[str]:
    """Return why autocast cannot run in `dtype`: older releases warn and continue in float32.

    A release that silently continues in float32 is trusted here: the checks detect it.
    """
    place: Dict[str, Any] = {"device": device}
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        try:
            with torch.autocast(device, dtype=dtype):
                seen = nn.Linear(4, 4, **place)(torch.ones((1, 4), **place)).dtype
        except RuntimeError as error:
            return str(error)
    if seen is not dtype and caught:
        return "autocast is not applied: {}".format(" ".join(str(caught[-1].message).split()))
    return missing_kernel(dtype, device)


def missing_kernel(dtype: torch.dtype, device: str) -> Optional[str]:
    """Return the error of the first layer type of the encoder that this build cannot compute, else None.

    Float16 convolutions came to the CPU around PyTorch 2.1, and other builds differ.

    Raises:
        RuntimeError: a layer failed, but not for want of a kernel.
    """
    layers = (
        (nn.Conv2d(3, 4, 2, 2), (1, 3, 4, 4)),
        (nn.Linear(4, 4), (1, 4)),
        (nn.LayerNorm(4), (1, 4)),
        (nn.GELU(), (1, 4)),
        (nn.Softmax(dim=-1), (1, 4)),
    )
    place: Dict[str, Any] = {"device": device, "dtype": dtype}
    for layer, shape in layers:
        try:
            with torch.no_grad():
                layer.to(**place)(torch.ones(shape, **place))
        except RuntimeError as error:
            if "not implemented for" not in str(error):
                raise
            return "{}: {}".format(type(layer).__name__, error)
    return None


def slowdown(dtype: torch.dtype, size: int = 512, rounds: int = 10, seconds: float = 1.5) -> float:
    """Measure how many times longer a matrix product takes in `dtype` than in float32 on this CPU.

    The two alternate, and the best of each counts: other processes also use the CPU, and one that ran during
    all products of one kind made float32 eight times slower than itself.
    """
    operands = {kind: torch.ones((size, size), dtype=kind) for kind in (dtype, torch.float32)}
    times: Dict[torch.dtype, List[float]] = {kind: [] for kind in operands}
    end = time.perf_counter() + seconds
    while len(times[dtype]) < 3 or (len(times[dtype]) <= rounds and time.perf_counter() < end):
        for kind, operand in operands.items():
            begin = time.perf_counter()
            operand @ operand
            times[kind].append(time.perf_counter() - begin)
    return min(times[dtype][1:]) / min(times[torch.float32][1:])  # the first one warms up
