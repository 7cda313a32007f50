"""Finds what a CUDA graph of SAM could not capture: copies from the CPU's memory in the middle of a step.

Run by an interpreter with PyTorch, with `cudart_stub.c` preloaded, as
``python -m tests.rehearsal.fake_capture``. It prints the operators that take a tensor on the CPU although
others are on CUDA, by precision and part, as JSON.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, nullcontext
from typing import Any
from unittest import mock

import torch
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from samcheck.guest import cuda_graphs
from samcheck.guest.models import precisions, variants
from tests.rehearsal.fake_cuda import REPLACED


class Copies(TorchDispatchMode):  # type: ignore[misc]
    """Notes each operator that has both kinds of tensors; a number on the CPU is passed by value."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: set[str] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        tensors = [each for each in tree_leaves((args, kwargs, result)) if isinstance(each, torch.Tensor)]
        if len({each.device.type for each in tensors if each.ndim}) > 1:
            self.operators.add(str(function))
        return result


def copies(part: str, model: Any) -> list[str]:
    """The operators of a part that would copy to the GPU, once it is warm."""
    pixels = torch.zeros(1, 3, model.image_encoder.img_size, model.image_encoder.img_size, device="cuda")
    inputs = cuda_graphs.decoder_inputs(model, pixels) if part == "decoder" else [pixels]
    step = cuda_graphs.decode if part == "decoder" else cuda_graphs.encode
    with cuda_graphs.prepared_positions() if part == "encoder" else nullcontext():
        step(model, *inputs)
        with Copies() as seen:
            step(model, *inputs)
    return sorted(seen.operators)


def main() -> None:
    torch.backends.cudnn.enabled = False
    with ExitStack() as stack:
        for name, replacement in REPLACED.items():
            stack.enter_context(mock.patch(name, replacement))
        stack.enter_context(torch.no_grad())
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        model = variants.VARIANTS["tiny"].build()
        found = {}
        for precision in ("fp32", "fp16", "autocast-bf16"):
            applied = precisions.apply(model, precisions.PRECISIONS[precision], "cuda")
            found[precision] = {
                part: copies(part, applied) for part in ("encoder", "encoder-as-it-is", "decoder")
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
