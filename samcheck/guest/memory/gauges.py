"""The most memory that a step takes beyond what was in use before: by tensors, and by the process."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Callable, Tuple

import torch
from torch.profiler import ProfilerActivity, profile

from .limits import MIB, recover, status_kib


def together(step: Callable[[], Any], device: str) -> Tuple[float, float]:
    """Both of the below from one run of `step`, which is for steps that take a minute and gigabytes.

    The process then holds the profiler's notes too: some MiB.
    """
    found = []
    held = process(lambda: found.append(tensors(step, device)), device)
    return found[0], held


def tensors(step: Callable[[], Any], device: str) -> float:
    """MiB that PyTorch's allocator for the device had been asked for at the peak of `step`.

    Asked for: what it gives out on a GPU is up to 1 MiB more each time. On a CPU, which keeps no such mark,
    the profiler sees what is taken and given back by the calling thread.
    """
    if device == "cuda":
        return _on_gpu(step, _requested("current"), _requested("peak"))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
    changes = [each for each in profiler.profiler.kineto_results.events() if each.name() == "[memory]"]
    changes.sort(key=lambda each: each.start_ns() if hasattr(each, "start_ns") else each.start_us())
    return float(max(accumulate((each.nbytes() for each in changes), initial=0))) / MIB


def _requested(which: str) -> Callable[[], int]:
    """Reads the bytes that tensors asked for; where PyTorch does not count them, those that they got."""

    def read() -> int:
        stats = torch.cuda.memory_stats()
        given = stats.get("allocated_bytes.all." + which, 0)
        return int(stats.get("requested_bytes.all." + which, given))

    return read


def process(step: Callable[[], Any], device: str) -> float:
    """MiB that the process held at the peak of `step`: reserved on a GPU, resident on a CPU.

    Raises:
        OSError: this kernel does not let a process reset the mark of its highest resident memory.
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
