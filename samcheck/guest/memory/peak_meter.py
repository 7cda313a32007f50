"""The peak memory of a step beyond what was in use before: of tensors, and of the process."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Callable, List, Tuple

import torch
from torch.profiler import ProfilerActivity, profile

from .process_memory import MIB, recover, status_kib

#: oneDNN's convolution, as the profiler names it.
CONVOLUTION = "aten::mkldnn_convolution"


class Scratchpad(Exception):
    """The peak is in a library's workspace, not in SAM's own tensors."""


def together(step: Callable[[], Any], device: str) -> Tuple[float, float]:
    """Measure both peaks below in one run of `step`, for steps that take a minute and gigabytes.

    The process then also holds the profiler's records: a few MiB.
    """
    taken = []
    held = process(lambda: taken.append(tensors(step, device)), device)
    return taken[0], held


def tensors(step: Callable[[], Any], device: str) -> float:
    """Measure the MiB requested from PyTorch's allocator for the device at the peak of `step`.

    On a GPU, the allocator gives out up to 1 MiB more per request. On a CPU, which keeps no such mark, the
    profiler sees what the calling thread takes and gives back.
    """
    if device == "cuda":
        return _on_gpu(step, _requested("current"), _requested("peak"))
    changes = [event for event in _profiled(step) if event.name() == "[memory]"]
    changes.sort(key=_start)
    return float(max(accumulate((event.nbytes() for event in changes), initial=0))) / MIB


def scratch_mib(step: Callable[[], Any]) -> float:
    """Measure the MiB that oneDNN took as workspace for one convolution, on a CPU."""
    return largest_in(step, CONVOLUTION)


def largest_in(step: Callable[[], Any], operator: str) -> float:
    """Measure the MiB of the largest block allocated inside `operator`, on a CPU; 0 if it never ran."""
    events = _profiled(step)
    spans = [(_start(event), _start(event) + _length(event)) for event in events if event.name() == operator]
    blocks = [
        event.nbytes()
        for event in events
        if event.name() == "[memory]" and any(first <= _start(event) <= last for first, last in spans)
    ]
    return max(blocks, default=0) / MIB


def _profiled(step: Callable[[], Any]) -> List[Any]:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    events: List[Any] = list(profiler.profiler.kineto_results.events())
    return events


def _start(event: Any) -> int:
    """Start time in nanoseconds, or in microseconds before PyTorch 2.4."""
    return int(event.start_ns() if hasattr(event, "start_ns") else event.start_us())


def _length(event: Any) -> int:
    return int(event.duration_ns() if hasattr(event, "duration_ns") else event.duration_us())


def _requested(statistic: str) -> Callable[[], int]:
    """Return a reader of the bytes that tensors requested, or received if PyTorch does not count requests."""

    def read() -> int:
        stats = torch.cuda.memory_stats()
        allocated = stats.get("allocated_bytes.all." + statistic, 0)
        return int(stats.get("requested_bytes.all." + statistic, allocated))

    return read


def process(step: Callable[[], Any], device: str) -> float:
    """Measure the MiB that the process held at the peak of `step`: reserved on a GPU, resident on a CPU.

    Raises:
        OSError: this kernel does not let a process reset the mark of its peak resident memory.
    """
    if device == "cuda":
        return _on_gpu(step, torch.cuda.memory_reserved, torch.cuda.max_memory_reserved)
    recover("cpu")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as stream:
        stream.write("5")
    before = status_kib("VmRSS")
    step()
    return (status_kib("VmHWM") - before) / 1024


def _on_gpu(step: Callable[[], Any], now: Callable[[], int], highest: Callable[[], int]) -> float:
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    before = now()
    torch.cuda.reset_peak_memory_stats()
    step()
    torch.cuda.synchronize()
    return (highest() - before) / MIB
