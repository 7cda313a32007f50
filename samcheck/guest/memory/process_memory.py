"""This process's memory: how much is in use, how much a step needs, and limits on it."""

from __future__ import annotations

import gc
import mmap
import resource
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional

import torch

from ..benchmark import heap
from . import fragmentation
from .fork_server import Impossible

MIB = 2**20


def status_kib(field: str) -> int:
    """Read a field of /proc/self/status in KiB (``VmSize``, ``VmPeak``, ``RssAnon``)."""
    with open("/proc/self/status", encoding="ascii") as stream:
        for line in stream:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise LookupError(field)


def steady_allocator(least: int = 2**19) -> None:
    """Make the C library map every block of at least `least` bytes separately, and unmap it when freed.

    By default glibc keeps freed blocks of up to 32 MiB for later, and more so the longer a process runs:
    what a step maps then depends on what ran before (``man mallopt``, M_MMAP_THRESHOLD). With 64 KiB an
    image took twice as long. One thread is used, since others have their own stacks, and on a busy machine
    they wait for each other longer than they work.
    """
    torch.set_num_threads(1)
    heap.map_blocks(least)


def recover(device: str) -> None:
    """Free what a failed call left; call this outside the ``except`` block."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    else:  # glibc keeps freed blocks of up to 32 MiB for later
        heap.give_back()


def in_use(device: str) -> float:
    """Return the MiB in use: allocated by tensors on a GPU, resident and anonymous on the CPU.

    Library pages are excluded: how many of them are resident depends on what ran before.
    """
    if device == "cuda":
        return float(torch.cuda.memory_allocated() - sum(_FILLED)) / MIB
    return status_kib("RssAnon") / 1024


@contextmanager
def address_space(headroom: int) -> Iterator[None]:
    """Let this process map `headroom` bytes more than now; restore the old limit afterwards."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = status_kib("VmSize") * 1024 + headroom
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


#: Bytes that `filled` currently holds, which no tensor uses.
_FILLED: List[int] = []


@contextmanager
def filled() -> Iterator[None]:
    """Inside, the CUDA allocator's segments have no free memory, so every request needs new memory."""
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    with ExitStack() as taken:  # not tensors: the process's tensors are counted
        for size in fragmentation.pieces(torch.cuda.memory_snapshot()):
            taken.callback(torch.cuda.caching_allocator_delete, torch.cuda.caching_allocator_alloc(size))
        _FILLED.append(torch.cuda.memory_allocated() - before)
        taken.callback(_FILLED.pop)
        yield


@contextmanager
def gpu_fraction(headroom: int) -> Iterator[None]:
    """Let this process hold `headroom` bytes of GPU memory more than now, without filling the card.

    Raises:
        Impossible: the card does not have them.
    """
    total = torch.cuda.get_device_properties(0).total_memory
    with filled():
        allowed = torch.cuda.memory_reserved() + headroom
        if allowed > total:
            raise Impossible(
                "the GPU has {:.0f} MiB, too little for a limit of {:.0f}".format(total / MIB, allowed / MIB)
            )
        # The allocator rounds down what it computes from the fraction, which can be a byte below `allowed`.
        torch.cuda.set_per_process_memory_fraction(min(1.0, (allowed + 0.5) / total))
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)


#: Each takes the number of bytes that may still be allocated.
LIMITS: Dict[str, Callable[[int], Any]] = {"cpu": address_space, "cuda": gpu_fraction}


class MemoryGauge:
    """Gauge of the peak memory of a step beyond what was in use when it began.

    Attributes:
        device: ``cpu`` or ``cuda``.
        needed: bytes, once the step is over.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.needed = 0
        self._before = 0
        self._filler: Optional[mmap.mmap] = None

    def start(self) -> None:
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated()
            return
        # The kernel keeps one peak for the whole life of a process. Reserving addresses without memory
        # brings the process up to that peak, so that anything beyond it shows.
        below = (status_kib("VmPeak") - status_kib("VmSize")) * 1024
        if below:
            self._filler = mmap.mmap(-1, below, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0)
        self._before = status_kib("VmSize") * 1024

    def stop(self) -> None:
        if self.device == "cuda":
            self.needed = torch.cuda.max_memory_allocated() - self._before
            return
        self.needed = status_kib("VmPeak") * 1024 - self._before
        if self._filler is not None:
            self._filler.close()


def need(step: Callable[[], Any], device: str) -> int:
    """Measure the peak bytes that `step` needs beyond what is in use now."""
    gauge = MemoryGauge(device)
    gauge.start()
    step()
    gauge.stop()
    return gauge.needed


class PatchTarget(NamedTuple):
    """A part of a longer call: the attribute `name` of `owner`, which the call invokes."""

    owner: Any
    name: str


@contextmanager
def _watched(step: PatchTarget, begin: Callable[[], Any], end: Callable[[], Any]) -> Iterator[None]:
    """Inside, run `begin` before the first call of `step` and `end` after it."""
    original, own = getattr(step.owner, step.name), step.name in vars(step.owner)
    first = [True]

    def watched(*arguments: Any, **named: Any) -> Any:
        if not first:
            return original(*arguments, **named)
        first.clear()
        begin()
        result = original(*arguments, **named)
        end()
        return result

    setattr(step.owner, step.name, watched)
    try:
        yield
    finally:
        if own:
            setattr(step.owner, step.name, original)
        else:
            delattr(step.owner, step.name)


@contextmanager
def gauged(step: PatchTarget, device: str) -> Iterator[MemoryGauge]:
    """Inside, measure the memory that `step` needs."""
    gauge = MemoryGauge(device)
    with _watched(step, gauge.start, gauge.stop):
        yield gauge


@contextmanager
def limited(step: PatchTarget, device: str, headroom: int) -> Iterator[None]:
    """Inside, allow `headroom` more bytes from the moment `step` begins."""
    with ExitStack() as stack:
        limit = LIMITS[device](headroom)
        with _watched(step, lambda: stack.enter_context(limit), lambda: None):
            yield
