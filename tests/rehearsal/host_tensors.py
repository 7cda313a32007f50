"""Prints the operations of an encoder that give a tensor of the host to the GPU: no CUDA graph holds those.

Run as `tests.rehearsal.fake_cuda` is, as ``python -m tests.rehearsal.host_tensors VARIANT PRECISION``. It
prints the names as JSON: of the encoder as it is, and with a GPU as PyTorch's device for new tensors.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, nullcontext
from typing import Any
from unittest import mock

import torch
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from samcheck.guest.models import precisions, variants
from tests.rehearsal.fake_cuda import REPLACED


class Mixed(TorchDispatchMode):  # type: ignore[misc]
    """Notes operations on tensors of both; a number in a tensor is passed with the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
        devices = {tensor.device.type for tensor in tensors if tensor.dim() or tensor.device.type == "cuda"}
        if devices == {"cpu", "cuda"}:
            self.found.append(str(function))
        return result


def main() -> None:
    variant, precision = sys.argv[1:]
    torch.backends.cudnn.enabled = False  # which of its algorithms fits would be asked of the GPU
    found = []
    with ExitStack() as stack:
        for name, replacement in REPLACED.items():
            stack.enter_context(mock.patch(name, replacement))
        stack.enter_context(torch.no_grad())
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        model = variants.VARIANTS[variant].build()
        encoder = precisions.apply(model, precisions.PRECISIONS[precision], "cuda").image_encoder
        pixels = torch.empty(1, 3, encoder.img_size, encoder.img_size, device="cuda")
        for context in (nullcontext(), torch.device("cuda")):
            with Mixed() as mixed, context:
                encoder(pixels)
            found.append(mixed.found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
