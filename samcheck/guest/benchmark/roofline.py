"""A model's arithmetic rate, relative to the machine's rate for plain matrix products."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import Any, Callable, List

import torch

#: Side of the square matrices: large enough to keep a GPU busy, small enough for a CPU.
SIDE = {"cuda": 8192, "cpu": 1024}
SECONDS = 0.3


def operations(step: Callable[[], Any]) -> float:
    """Count the floating-point operations of matrix products and convolutions in `step`.

    A multiplication and an addition count as two; PyTorch's own counter is used (2.1 and newer).

    Raises:
        ImportError: this PyTorch has no counter.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops())


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Measure the operations per second of a square matrix product in `dtype`: the median over `SECONDS`."""
    side = SIDE[device]
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))

    def product() -> None:
        torch.mm(left, right)
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        product()
    times: List[float] = []
    end = perf_counter() + SECONDS
    while perf_counter() < end or len(times) < 3:
        begin = perf_counter()
        product()
        times.append(perf_counter() - begin)
    return 2.0 * side**3 / median(times)
