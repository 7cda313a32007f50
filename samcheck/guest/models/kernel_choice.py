"""Settings that lead PyTorch to other kernels, and must not change the answer."""

from __future__ import annotations

import copy
import math
from contextlib import contextmanager
from typing import Any, Iterator, List

import torch
from torch import nn

from ..oracle.tolerances import relative_error


def channels_last(module: Any) -> Any:
    """Copy a module with its images and their filters stored channel by channel, as guides recommend.

    Converting back would not do: the strides of a filter of one pixel do not come back.
    """
    return copy.deepcopy(module).to(memory_format=torch.channels_last)


def with_large_filters(module: nn.Module) -> List[Any]:
    """Return the convolutions with filters of several pixels and channels: others have one format only."""
    layers = [layer for layer in module.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))]
    return [layer for layer in layers if layer.weight[0, 0].numel() > 1 and layer.weight.shape[1] > 1]


def stored_channels_last(layer: Any) -> bool:
    """Whether the filters of one of these layers really are stored so."""
    return bool(layer.weight.is_contiguous(memory_format=torch.channels_last))


def error_of_transposed(model: nn.Module, side: int = 16) -> float:
    """Return how far a model's transposed convolutions are off in `channels_last` (relative L2, the worst).

    Their input is one image that was transposed, as in SAM's decoder: its strides would do for either format,
    but for that of the batch. PyTorch 2.0 then reads elsewhere: https://github.com/pytorch/pytorch/issues/99519
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.ConvTranspose2d)]
    return max([_error_of_transposed(layer, side) for layer in layers], default=0.0)


def _error_of_transposed(layer: nn.ConvTranspose2d, side: int) -> float:
    weight, width = layer.weight, layer.in_channels
    numbers = torch.arange(side * side * width, device=weight.device) % 7 - 3
    image = numbers.to(weight.dtype).view(1, side * side, width).transpose(1, 2).view(1, width, side, side)
    expected = layer(image.contiguous())
    error = relative_error(channels_last(layer)(image).cpu().numpy(), expected.cpu().numpy())
    return float("inf") if math.isnan(error) else error  # what was read may be anything


@contextmanager
def cudnn(setting: str) -> Iterator[None]:
    """Inside, switch on `torch.backends.cudnn.benchmark` or `.deterministic`."""
    before = getattr(torch.backends.cudnn, setting)
    setattr(torch.backends.cudnn, setting, True)
    try:
        yield
    finally:
        setattr(torch.backends.cudnn, setting, before)
