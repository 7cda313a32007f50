"""Fragmentation: what PyTorch's allocator reserves but does not give out, over images of many sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List

import numpy as np
import torch

from ..models import weights
from ..models.variant import Variant
from .image_sizes import BOXES, PASSES, SIZES
from .process_memory import MIB


@dataclass(frozen=True)
class ManySizes:
    """What the allocator did.

    Attributes:
        unsupported: why it could not be tried; the rest is then empty.
        allocated_mib, reserved_mib: the most that tensors and segments took, with the weights.
        after_mib: reserved after each pass.
    """

    unsupported: str = ""
    allocated_mib: float = 0.0
    reserved_mib: float = 0.0
    after_mib: List[float] = field(default_factory=list)


def over_sizes(variant: Variant, device: str, expandable: bool = False) -> ManySizes:
    """Encode images of many sizes in turn and predict boxes on each, in a process that has not used CUDA.

    Args:
        expandable: with PyTorch's setting ``expandable_segments:True``.
    """
    if expandable:
        change = getattr(torch.cuda.memory, "_set_allocator_settings", None)  # 2.1 and newer
        if change is None:
            return ManySizes("PyTorch {} has no expandable segments".format(torch.__version__))
        change("expandable_segments:True")
    ready = variant.predictor(weights.load(variant)[0].to(device))
    numbers, after = np.random.RandomState(0), []
    for _ in range(PASSES):
        for height, width in SIZES:
            ready.set_image(numbers.randint(0, 256, (height, width, 3)).astype(np.uint8))
            corners = torch.tensor([[0.0, 0.0, width - 1.0, height - 1.0]] * BOXES, device=device)
            boxes = ready.transform.apply_boxes_torch(corners, (height, width))
            ready.predict_torch(None, None, boxes)
        torch.cuda.synchronize()
        after.append(torch.cuda.memory_reserved() / MIB)
    return ManySizes(
        allocated_mib=torch.cuda.max_memory_allocated() / MIB,
        reserved_mib=torch.cuda.max_memory_reserved() / MIB,
        after_mib=after,
    )
