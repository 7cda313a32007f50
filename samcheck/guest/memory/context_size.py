"""How much of a GPU a process takes beside its tensors, for CUDA's context and the kernels it loads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from .. import nvml
from ..benchmark.disturbance import first_visible
from ..gpu import Gpu
from ..models import weights
from ..models.variant import Variant
from .process_memory import MIB


@dataclass(frozen=True)
class ContextSize:
    """What the driver counts beyond what PyTorch's allocator holds.

    Attributes:
        unsupported: why it could not be measured; the other field is then 0.
        context_mib: after one image was encoded. Other processes must not take memory meanwhile.
    """

    unsupported: str = ""
    context_mib: float = 0.0


def measure(variant: Variant, device: str) -> ContextSize:
    """Measure in a process that has not used CUDA before."""
    if torch.cuda.is_initialized():
        return ContextSize("this process has used CUDA before")
    with nvml.started() as library:
        if library is None:
            return ContextSize("there is no NVML here, which counts a process's memory")
        gpu = Gpu(library, first_visible())
        before = gpu.used_bytes()
        encoder: Any = weights.load(variant)[0].to(device).image_encoder
        with torch.no_grad():
            encoder(torch.zeros(1, 3, encoder.img_size, encoder.img_size, device=device))
        torch.cuda.synchronize()
        after = gpu.used_bytes()
        if before is None or after is None:
            return ContextSize("the driver does not say how much memory is used")
        return ContextSize(context_mib=(after - before - torch.cuda.memory_reserved()) / MIB)
