"""What may disturb a measurement: the GPU's clocks, heat and throttling, and other processes.

A measurement that was throttled or shared is marked (`Series.disturbed`) and never averaged in. Between
rounds the GPU idles, so that counters over the whole measurement say more than a look at one moment. NVML's
names: https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from time import perf_counter
from typing import Callable, Dict, List, Optional

from .. import cuda_driver, gpu, nvml
from ..gpu import Gpu, Sign, Snapshot

#: Bits of NVML's reasons for lower clocks that mean that the hardware was throttled.
THROTTLED = {
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
#: Share of the machine's CPU time that other processes may use before a measurement on the CPU is marked.
OTHERS_SHARE = 0.1
POLL_SECONDS = 0.1


class DisturbanceMonitor:
    """Readings before, during and after a benchmark.

    Use: `before()`, then `during()` between rounds as often as wanted, then `after()`. What is computed
    between `away()` and `back()` is ignored.

    Attributes:
        gpu: the first GPU visible to this process; None on the CPU, or if NVML cannot be had here.

    Args:
        expected: number of processes that are expected on the GPU.
    """

    def __init__(self, device: str, expected: int = 1) -> None:
        self.gpu: Optional[Gpu] = None
        self.readings: Dict[str, float] = {}
        self.disturbed: List[str] = []
        self._on_gpu, self._expected = device == "cuda", expected
        self._times = self._spent = (0.0, 0.0)
        self._polled = 0.0
        self._start: Optional[Snapshot] = None
        self._session = ExitStack()
        if self._on_gpu:
            self._asked(self._open)

    def before(self) -> None:
        self._times = cpu_seconds()
        self._look("before")
        self._asked(self._begin)

    def away(self) -> None:
        now = cpu_seconds()
        used, own = (end - begin for begin, end in zip(self._times, now))
        self._spent = self._spent[0] + used, self._spent[1] + own

    def back(self) -> None:
        self._times = cpu_seconds()

    def during(self) -> None:
        """Take readings, at most ten times a second; call this between rounds, outside the timing."""
        if self.gpu is not None and perf_counter() - self._polled > POLL_SECONDS:
            self._look("during")

    def after(self) -> None:
        self._asked(self._compare)
        self._look("after")
        self._session.close()
        if self._on_gpu:
            return
        self.away()
        share = others_share((0.0, 0.0), self._spent)
        if share is not None:
            self.readings["others_cpu_share"] = round(share, 4)
            if share > OTHERS_SHARE:
                self._mark("other processes had over {:.0%} of the CPU".format(OTHERS_SHARE))

    def _asked(self, step: Callable[[], None]) -> None:
        """Do a step; a GPU that does not answer is not asked again, and that is noted."""
        try:
            step()
        except nvml.NvmlFailure as failure:
            self._mark(str(failure))
            self.gpu = None

    def _open(self) -> None:
        library = self._session.enter_context(nvml.started())
        self.gpu = None if library is None else Gpu(library, first_visible())

    def _begin(self) -> None:
        if self.gpu is not None:
            self._start = self.gpu.snapshot(perf_counter())

    def _compare(self) -> None:
        """Note what the driver's counters and settings say about the time since `before`."""
        if self.gpu is None or self._start is None:
            return
        end = self.gpu.snapshot(perf_counter())
        self.readings.update({"after_" + name: value for name, value in end.settings.items()})
        for name, value in end.counters.items():
            self.readings["grown_" + name] = value - self._start.counters.get(name, value)
        for change in gpu.changes(self._start, end):
            if change.sign not in (Sign.USUAL, Sign.CORRECTED):
                self._mark(change.text)

    def _look(self, when: str) -> None:
        self._polled = perf_counter()
        self._asked(lambda: self._read(when))

    def _read(self, when: str) -> None:
        if self.gpu is None:
            return
        for name, value in self.gpu.readings().items():
            self.readings["{}_{}".format(when, name)] = value
        reasons = self.gpu.slowdown_reasons()
        for bit, name in THROTTLED.items():
            if reasons & bit:
                self._mark("{} of the GPU".format(name))
        if len(self.gpu.processes() or ()) > self._expected:
            self._mark("other processes computed on the GPU")

    def _mark(self, reason: str) -> None:
        if reason not in self.disturbed:
            self.disturbed.append(reason)


def first_visible() -> str:
    """Return the UUID of the first device that CUDA shows to this process; a number if CUDA is not here.

    A number in CUDA_VISIBLE_DEVICES is CUDA's, and need not be NVML's.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if len(given) >= cuda_driver.UUID_LENGTH:  # CUDA also takes the beginning of one
        return given
    return next(iter(cuda_driver.uuids()), given or "0")


def cpu_seconds() -> tuple[float, float]:
    """Return the CPU seconds used so far by the whole machine, without idle time, and by this process.

    Steal time, which a virtual machine's host gave to others, counts as used by others.
    """
    own = os.times()
    try:
        with open("/proc/stat", encoding="ascii") as stream:
            fields = [int(word) for word in stream.readline().split()[1:9]]
    except (OSError, ValueError):
        return 0.0, 0.0
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK"), own.user + own.system


def others_share(before: tuple[float, float], after: tuple[float, float]) -> Optional[float]:
    """Return other processes' share of all CPU time used between two readings; None if unknown."""
    used, own = after[0] - before[0], after[1] - before[1]
    if used <= 0.2:  # the kernel counts in hundredths of a second
        return None
    return max(0.0, used - own) / used
