"""Compares graphs of SAM with SAM where no GPU is: only capturing is played, by computing again.

Run by an interpreter with PyTorch, as ``python -m tests.rehearsal.played_graphs``. It prints a
`samcheck.guest.cuda_graphs.Replay` by what the stand-in does and by part, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any
from unittest import mock

import torch

from samcheck.guest import cuda_graphs
from samcheck.guest.models import variants


def into(outputs: Sequence[torch.Tensor], answer: Sequence[torch.Tensor]) -> None:
    """Write an answer where a graph would leave it."""
    for output, tensor in zip(outputs, answer, strict=True):
        output.copy_(tensor)


def faithful(step: Any, inputs: Any) -> tuple[Callable[[], None], Any]:
    outputs = [each.clone() for each in step(*inputs)]
    return lambda: into(outputs, step(*inputs)), outputs


def stale(step: Any, inputs: Any) -> tuple[Callable[[], None], Any]:
    """Replay what was captured, whatever is in the inputs now."""
    outputs = [each.clone() for each in step(*inputs)]
    return lambda: None, outputs


def narrowed(step: Any, inputs: Any) -> tuple[Callable[[], None], Any]:
    """Replay kernels that round more."""
    outputs = [each.clone() for each in step(*inputs)]
    return lambda: into(outputs, [each.bfloat16().float() for each in step(*inputs)]), outputs


def refused(step: Any, inputs: Any) -> tuple[Callable[[], None], Any]:
    """Fail as PyTorch 2.15 does: the second error, from leaving the capture, hides the first."""
    try:
        raise RuntimeError("Cannot copy between CPU and CUDA tensors during CUDA graph capture unless ...")
    finally:
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture\nSearch for")


def main() -> None:
    found: dict[str, dict[str, Any]] = {}
    for play in (faithful, stale, narrowed, refused):
        with mock.patch.object(cuda_graphs, "capture", play):
            found[play.__name__] = {
                part: asdict(cuda_graphs.replayed(variants.VARIANTS["tiny"], "cpu", part, "fp32"))
                for part in ("encoder", "encoder-as-it-is", "decoder")
            }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
