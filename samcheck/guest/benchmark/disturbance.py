"""What may disturb a measurement: the GPU's clocks, heat and throttling, and other processes.

A measurement that was throttled or shared is marked (`Series.disturbed`) and never averaged in. NVML's
names: https://docs.nvidia.com/deploy/nvml-api/group__nvmlClocksEventReasons.html
"""

from __future__ import annotations

import os
from contextlib import suppress
from time import perf_counter
from typing import Any, Callable, Dict, List, Optional

#: Bits of NVML's reasons for lower clocks that mean that the hardware was throttled.
THROTTLED = {
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
}
#: Usual on a busy GPU: reported, not marked.
POWER_CAP = 0x04
#: Share of the machine's CPU time that other processes may use before a measurement on the CPU is marked.
OTHERS_SHARE = 0.1
POLL_SECONDS = 0.1


class DisturbanceMonitor:
    """Readings before, during and after a benchmark.

    Use: `before()`, then `during()` between rounds as often as wanted, then `after()`. What is computed
    between `away()` and `back()` is ignored.

    Args:
        expected: number of processes that are expected on the GPU.
    """

    def __init__(self, device: str, expected: int = 1) -> None:
        self.gpu: Optional[NvmlDevice] = NvmlDevice.open() if device == "cuda" else None
        self.readings: Dict[str, float] = {}
        self.disturbed: List[str] = []
        self._expected = expected
        self._times = self._spent = (0.0, 0.0)
        self._polled = 0.0

    def before(self) -> None:
        self._times = cpu_seconds()
        self._look("before")

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
        self._look("after")
        if self.gpu is not None:
            self.gpu.close()
            return
        self.away()
        share = others_share((0.0, 0.0), self._spent)
        if share is not None:
            self.readings["others_cpu_share"] = round(share, 4)
            if share > OTHERS_SHARE:
                self._mark("other processes had over {:.0%} of the CPU".format(OTHERS_SHARE))

    def _look(self, when: str) -> None:
        self._polled = perf_counter()
        if self.gpu is None:
            return
        for name, value in self.gpu.read().items():
            self.readings["{}_{}".format(when, name)] = value
        for reason in self.gpu.throttled():
            self._mark(reason)
        if self.gpu.processes() > self._expected:
            self._mark("other processes computed on the GPU")

    def _mark(self, reason: str) -> None:
        if reason not in self.disturbed:
            self.disturbed.append(reason)


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


class NvmlDevice:
    """The first GPU visible to this process, read through NVML; what a driver does not report is left out."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml, self._handle = nvml, handle

    @staticmethod
    def open() -> Optional[NvmlDevice]:
        try:
            import pynvml
        except ImportError:
            return None
        try:
            pynvml.nvmlInit()
            return NvmlDevice(pynvml, _handle(pynvml))
        except pynvml.NVMLError:
            return None

    def close(self) -> None:
        with suppress(self._nvml.NVMLError):
            self._nvml.nvmlShutdown()

    def read(self) -> Dict[str, float]:
        """Clocks in MHz, temperature in degrees Celsius, power in W, ECC errors and modes as 0 or 1."""
        nvml, handle = self._nvml, self._handle
        asked: Dict[str, Callable[[], float]] = {
            "sm_mhz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
            "memory_mhz": lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM),
            "celsius": lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            "watts": lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            "power_capped": lambda: float(bool(self._reasons() & POWER_CAP)),
            "ecc_mode": lambda: nvml.nvmlDeviceGetEccMode(handle)[0],
            "ecc_uncorrected": lambda: nvml.nvmlDeviceGetTotalEccErrors(
                handle, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
            ),
            "mig_mode": lambda: nvml.nvmlDeviceGetMigMode(handle)[0],
            "persistence_mode": lambda: nvml.nvmlDeviceGetPersistenceMode(handle),
        }
        readings = {}
        for name, ask in asked.items():
            with suppress(nvml.NVMLError):
                readings[name] = float(ask())
        return readings

    def throttled(self) -> List[str]:
        reasons = self._reasons()
        return ["{} of the GPU".format(name) for bit, name in THROTTLED.items() if reasons & bit]

    def processes(self) -> int:
        """Count the processes computing on it; 0 if the driver does not report it, as in some containers."""
        try:
            return len(self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle))
        except self._nvml.NVMLError:
            return 0

    def _reasons(self) -> int:
        """Return the reasons for reduced clocks, as bits; 0 if the driver does not report them."""
        try:
            return int(self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self._handle))
        except self._nvml.NVMLError:
            return 0


def _handle(nvml: Any) -> Any:
    """Get NVML's handle of the first device visible to CUDA in this process, by number or UUID."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if first and not first.isdigit():
        return nvml.nvmlDeviceGetHandleByUUID(first)
    return nvml.nvmlDeviceGetHandleByIndex(int(first or 0))
