"""A step that has finished on the device when it returns."""

from __future__ import annotations

from typing import Any, Callable, List

import torch


class Synchronised:
    """A step that returns only when the device has finished it, with its times by the device's own clock.

    Attributes:
        device_ms: time of each call on a GPU, by CUDA events; empty on the CPU.
    """

    def __init__(self, step: Callable[[], Any], device: str) -> None:
        self._step, self._on_gpu = step, device == "cuda"
        self._events: List[Any] = []

    @property
    def device_ms(self) -> List[float]:
        return [begin.elapsed_time(end) for begin, end in self._events]

    def forget(self) -> None:
        """Discard the times so far, as after a warm-up."""
        self._events.clear()

    def __call__(self) -> Any:
        if not self._on_gpu:
            return self._step()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        result = self._step()
        end.record()
        torch.cuda.synchronize()
        self._events.append((begin, end))  # read later, so that reading is not timed
        return result
