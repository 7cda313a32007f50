"""Encoding on several CUDA streams at the same time, each fed by a thread of its own.

One thread would not do: SAM's encoder copies its relative positions to the GPU, and waits for that.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from typing import Any, List, Sequence

import torch

from .predictor_states import WAIT, together


@dataclass(frozen=True)
class StreamAnswer:
    """What one stream computed: features by round, and the events before the first and behind the last."""

    stream: int
    features: List[torch.Tensor]
    begin: Any
    end: Any


def encoded(encoder: Any, pixels: Sequence[torch.Tensor], rounds: int) -> List[StreamAnswer]:
    """Encode each image `rounds` times on a stream of its own, all at the same time."""
    ready = threading.Barrier(len(pixels), timeout=WAIT)
    torch.cuda.synchronize()  # the images are there, whichever stream made them
    answers: List[StreamAnswer] = together(
        *[partial(_on_own_stream, encoder, each, rounds, ready) for each in pixels]
    )
    torch.cuda.synchronize()
    return answers


def _on_own_stream(encoder: Any, pixels: torch.Tensor, rounds: int, ready: threading.Barrier) -> StreamAnswer:
    stream = torch.cuda.Stream()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    # A new thread has gradients enabled, and the default stream.
    with torch.no_grad(), torch.cuda.stream(stream):
        ready.wait()
        begin.record()
        features = [encoder(pixels) for _ in range(rounds)]
        end.record()
    return StreamAnswer(stream.cuda_stream, features, begin, end)


def overlap_ms(answers: Sequence[StreamAnswer]) -> float:
    """Return for how long all streams were at work at the same time."""
    start = answers[0].begin
    begins: List[float] = [start.elapsed_time(answer.begin) for answer in answers]
    ends: List[float] = [start.elapsed_time(answer.end) for answer in answers]
    return max(0.0, min(ends) - max(begins))
