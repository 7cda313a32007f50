"""Encodes on streams that are only played: each is a thread on the CPU.

Run by an interpreter with PyTorch, as ``python -m tests.rehearsal.played_streams``. It prints what
`samcheck.guest.models.cuda_streams` finds of an encoder, and of one whose buffer all calls share, as JSON.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, nullcontext
from typing import Any
from unittest import mock

import torch

from samcheck.guest.models import cuda_streams


class PlayedStream:
    """A stream, known by an address."""

    @property
    def cuda_stream(self) -> int:
        return id(self)


class PlayedEvent:
    """The time at which it is recorded."""

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.at = 0.0

    def record(self) -> None:
        self.at = time.perf_counter()

    def elapsed_time(self, other: PlayedEvent) -> float:
        return (other.at - self.at) * 1000


class Apart(torch.nn.Module):  # type: ignore[misc]
    """An encoder that takes its time."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        time.sleep(0.05)
        return pixels * 2


class Mixed(Apart):
    """An encoder that all calls give the same memory."""

    def __init__(self) -> None:
        super().__init__()
        self.output = torch.zeros(2)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.output.copy_(super().forward(pixels))


def seen(encoder: Any) -> dict[str, Any]:
    pixels = [torch.full((2,), 1.0), torch.full((2,), 5.0)]
    answers = cuda_streams.encoded(encoder, pixels, 3)
    right = all(
        torch.equal(features, each * 2)
        for each, answer in zip(pixels, answers, strict=True)
        for features in answer.features
    )
    overlap = cuda_streams.overlap_ms(answers) > 0
    return {"right": right, "streams": len({answer.stream for answer in answers}), "overlap": overlap}


def main() -> None:
    played = {
        "torch.cuda.Stream": PlayedStream,
        "torch.cuda.Event": PlayedEvent,
        "torch.cuda.stream": lambda _: nullcontext(),
        "torch.cuda.synchronize": lambda: None,
    }
    with ExitStack() as stack:
        for name, replacement in played.items():
            stack.enter_context(mock.patch(name, replacement))
        print(json.dumps({"apart": seen(Apart()), "mixed": seen(Mixed())}))


if __name__ == "__main__":
    main()
