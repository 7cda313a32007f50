"""The time of a step as a CUDA graph: the same kernels, launched by the driver in one go.

As in https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs. A step that waits for the GPU cannot
be captured, and a capture that fails can leave PyTorch unusable in this process: its allocator went on as if
the capture were underway (https://github.com/pytorch/pytorch/pull/180395), and `torch.cuda.graph` leaves its
own stream as the current one. So a step is tried first without a capture.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Callable, Iterator, List, Tuple

import torch

from .. import fitness

#: Calls on a side stream before the capture, as PyTorch's documentation does it.
WARM_UP = 3
#: Replays that are timed, one right behind the other.
REPLAYS = 10
#: What PyTorch says when a step waits for the GPU in its debug mode (c10/cuda/CUDAFunctions.cpp, 1.10).
WAITS = "called a synchronizing CUDA operation"


class NotCapturable(Exception):
    """The step cannot be captured; says why."""


def per_replay(step: Callable[[], Any]) -> Tuple[float, str]:
    """Return the milliseconds of each replay of a step, and how it was captured.

    Raises:
        NotCapturable: the step waits for the GPU.
    """
    for how, context in _ways():
        with context():
            if not _waits(step):
                return _timed(_captured(step)), how
    raise NotCapturable("the step waits for the GPU, or copies from memory that the GPU cannot read itself")


def _ways() -> Iterator[Tuple[str, Callable[[], Any]]]:
    yield "captured", nullcontext
    # SAM's encoder makes its relative positions on the host in each call, and so copies them to the GPU
    # (`get_rel_pos` of segment_anything/modeling/image_encoder.py).
    if hasattr(torch.device, "__enter__"):  # since 2.0
        yield "captured, with the host's tensors made on the GPU", lambda: torch.device("cuda")


def _waits(step: Callable[[], Any]) -> bool:
    """Whether a step waits for the GPU, as far as PyTorch sees that."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    except RuntimeError as error:
        if WAITS not in str(error):
            raise
        return True
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return False


def _captured(step: Callable[[], Any]) -> Any:
    current, side = torch.cuda.current_stream(), torch.cuda.Stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step()
    current.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            step()
    except Exception:
        _tidy(current)
        raise
    return graph


def _tidy(stream: Any) -> None:
    """Go on after a failed capture; report where PyTorch cannot."""
    torch.cuda.set_stream(stream)
    try:
        torch.cuda.synchronize()
        torch.rand(1, device="cuda")
        torch.cuda.empty_cache()
    except RuntimeError as error:
        fitness.REPORTED.append(
            "after a failed capture of a CUDA graph, PyTorch says: {}".format(str(error).partition("\n")[0])
        )


def _timed(graph: Any) -> float:
    events: List[Any] = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    graph.replay()
    torch.cuda.synchronize()
    events[0].record()
    for _ in range(REPLAYS):
        graph.replay()
    events[1].record()
    torch.cuda.synchronize()
    return float(events[0].elapsed_time(events[1])) / REPLAYS
