"""The kernels that a GPU runs in one call of a step, by PyTorch's profiler.

Two CUDA events around a step also time the gaps in which the GPU waits for the host to launch something.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Tuple

import torch

#: How many of the slowest kernels are named, and how many characters of a name are kept: names of templates
#: can be thousands long, and differ early.
LISTED, NAME_LIMIT = 5, 160
#: What the profiler calls work of the GPU that is no kernel.
COPIES = ("Memcpy", "Memset")
#: A step whose kernels and copies take less of its time on the GPU than this is launch-bound. A queue that
#: is never empty has short gaps between kernels too, and the two events add a little; a fifth is meant to be
#: more than both. Not yet measured on a GPU.
LAUNCH_BOUND = 0.8


class NothingSeen(RuntimeError):
    """The profiler recorded nothing, as where CUPTI cannot be used."""


@dataclass(frozen=True)
class KernelTimes:
    """What the GPU did in one call of a step.

    Attributes:
        ms: of each kernel by its name, the slowest first.
        count: how many kernels ran.
        copy_ms: time of copies and of filling memory.
        coarse: the profiler knows whole microseconds only, as PyTorch's did before 2.4: what is behind the
            decimal point is lost for each kernel and each copy.
        copies: how many copies there were.
    """

    ms: Dict[str, float]
    count: int
    copy_ms: float
    copies: int
    coarse: bool

    @property
    def kernel_ms(self) -> float:
        return sum(self.ms.values())

    def launch_bound(self, device_ms: float) -> bool:
        """Whether the GPU surely waits for the host, in a step that takes so long on the GPU."""
        most = self.kernel_ms + self.copy_ms
        if self.coarse:
            most += (self.count + self.copies) * 1e-3
        return most < LAUNCH_BOUND * device_ms

    @property
    def metrics(self) -> Dict[str, float]:
        shares = {
            "kernel_{}_share".format(rank): ms / self.kernel_ms for rank, (_, ms) in self._slowest() if ms
        }
        return dict(shares, kernel_ms=self.kernel_ms, copy_ms=self.copy_ms, kernels=float(self.count))

    @property
    def settings(self) -> Dict[str, str]:
        return {"kernel_{}".format(rank): name for rank, (name, _) in self._slowest()}

    def _slowest(self) -> List[Tuple[int, Tuple[str, float]]]:
        return list(enumerate(self.ms.items(), 1))[:LISTED]


def of(events: Iterable[Any], device: str = "CUDA") -> KernelTimes:
    """Sum up the profiler's events of one device.

    `events()` has had the same fields from PyTorch 1.13 to 2.15, while the sums of `key_averages()` were
    renamed in 2.4 (torch/autograd/profiler_util.py: ``self_cuda_time_total``, ``self_device_time_total``).
    """
    ms: Dict[str, float] = {}
    copies: List[float] = []
    count, coarse = 0, True
    for event in events:
        if event.device_type.name != device or getattr(event, "is_user_annotation", False):
            continue  # annotations span the kernels that are started inside them
        took = event.time_range.elapsed_us()
        coarse = coarse and took == int(took)
        if event.name.startswith(COPIES):
            copies.append(took / 1e3)
            continue
        count += 1
        name = short(event.name)
        ms[name] = ms.get(name, 0.0) + took / 1e3
    ordered = dict(sorted(ms.items(), key=lambda item: -item[1]))
    return KernelTimes(ordered, count, sum(copies), len(copies), coarse)


def short(name: str) -> str:
    """Return a kernel's name without its return type, on one line, cut to `NAME_LIMIT`."""
    plain = " ".join(name.split())
    return (plain[len("void ") :] if plain.startswith("void ") else plain)[:NAME_LIMIT]


def profiled(step: Callable[[], Any], device: str = "cuda") -> KernelTimes:
    """Profile one call of a step on the GPU; on a CPU, its operations, which contain each other.

    Raises:
        NothingSeen: by the profiler.
    """
    from torch.profiler import ProfilerActivity, profile

    def finished() -> None:
        step()
        if device == "cuda":
            torch.cuda.synchronize()

    finished()  # what was queued before is not profiled
    with profile(activities=[getattr(ProfilerActivity, device.upper())]) as profiler:
        finished()
    found = of(profiler.events(), device.upper())
    if not found.count:
        raise NothingSeen(
            "PyTorch's profiler saw nothing that ran; on a GPU it needs CUPTI, which another profiler may "
            "hold, or the driver may not allow"
        )
    return found
