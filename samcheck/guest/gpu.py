"""One GPU as the driver sees it: readings, counters, settings, and the processes on it."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional

from . import nvml
from .outcomes import Word

#: NVML_COMPUTEMODE_PROHIBITED and _EXCLUSIVE_PROCESS.
PROHIBITED, EXCLUSIVE = 2, 3
#: NVML_DEVICE_MIG_ENABLE.
MIG_ENABLED = 1
#: Beginning of the name of the MPS control daemon and its server in /proc, where names have 15 characters.
MPS = "nvidia-cuda-mps"
#: Share of the time below its clocks above which a GPU counts as slowed. Fresh processes differ by more.
SLOWED_SHARE = 0.01


class Sign(Word):
    """What it means that a counter has grown."""

    SLOWED = "slowed"  # time below its clocks, in ns, for a reason that is not the software's
    USUAL = "usual"  # likewise, but usual on a busy GPU: only reported
    DAMAGED = "damaged"  # what was computed may be wrong
    CORRECTED = "corrected"  # an error that was corrected: results are right


class Counter(NamedTuple):
    """A number that the driver only ever increases: `text` is what it counts."""

    text: str
    sign: Sign
    ask: Callable[[Any, Any], float]


def _field(identifier: int) -> Callable[[Any, Any], float]:
    def ask(library: Any, handle: Any) -> float:
        value = library.nvmlDeviceGetFieldValues(handle, [identifier])[0]
        if value.nvmlReturn:
            raise library.NVMLError(value.nvmlReturn)
        return float(value.value.ullVal)

    return ask


def _ecc(error: str, since: str) -> Callable[[Any, Any], float]:
    def ask(library: Any, handle: Any) -> float:
        kind, counter = (
            getattr(library, "NVML_" + name) for name in ("MEMORY_ERROR_TYPE_" + error, since + "_ECC")
        )
        return float(library.nvmlDeviceGetTotalEccErrors(handle, kind, counter))

    return ask


def _rows(index: int) -> Callable[[Any, Any], float]:
    return lambda library, handle: library.nvmlDeviceGetRemappedRows(handle)[index]


#: Fields, by number, since pynvml 12.575 has 251 to 253 for 269 to 271, of NVML:
#: https://docs.nvidia.com/deploy/nvml-api/group__nvmlFieldValueEnums.html
#: ECC errors, volatile (since the driver was loaded) and aggregate (since the GPU was made), and rows:
#: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
COUNTERS = {
    "power_capped_ns": Counter("its power limit", Sign.USUAL, _field(74)),
    "thermal_ns": Counter("its temperature", Sign.SLOWED, _field(75)),
    "sync_boost_ns": Counter("another GPU of its sync boost group", Sign.SLOWED, _field(76)),
    "board_limit_ns": Counter("its board's limits", Sign.USUAL, _field(77)),
    "software_thermal_ns": Counter("its temperature (software slowdown)", Sign.SLOWED, _field(269)),
    "hardware_thermal_ns": Counter("its temperature (hardware slowdown)", Sign.SLOWED, _field(270)),
    "power_brake_ns": Counter("the power brake of the machine's power supply", Sign.SLOWED, _field(271)),
    "ecc_uncorrected": Counter("uncorrected ECC errors", Sign.DAMAGED, _ecc("UNCORRECTED", "VOLATILE")),
    "ecc_uncorrected_ever": Counter(
        "uncorrected ECC errors since it was made", Sign.DAMAGED, _ecc("UNCORRECTED", "AGGREGATE")
    ),
    "ecc_corrected": Counter("corrected ECC errors", Sign.CORRECTED, _ecc("CORRECTED", "VOLATILE")),
    "rows_corrected": Counter("rows remapped after corrected errors", Sign.CORRECTED, _rows(0)),
    "rows_uncorrected": Counter("rows remapped after uncorrected errors", Sign.DAMAGED, _rows(1)),
    "rows_pending": Counter("pending row remapping", Sign.DAMAGED, _rows(2)),
    "rows_failed": Counter("failed row remapping", Sign.DAMAGED, _rows(3)),
}


#: Those that say that what was computed may be wrong.
DAMAGING = tuple(name for name, counter in COUNTERS.items() if counter.sign is Sign.DAMAGED)


class Snapshot(NamedTuple):
    """State of a GPU at a moment, in seconds: those counters and settings that the driver reports."""

    counters: Dict[str, float]
    settings: Dict[str, float]
    seconds: float


class GpuChange(NamedTuple):
    """What happened between two snapshots; `sign` is None if a setting was changed."""

    sign: Optional[Sign]
    text: str


def changes(before: Snapshot, after: Snapshot) -> List[GpuChange]:
    """Return what happened between two snapshots of one GPU."""
    found = []
    for name, counter in COUNTERS.items():
        grown = after.counters.get(name, 0.0) - before.counters.get(name, 0.0)
        # A counter that only one of them has says nothing.
        if name in before.counters and grown > 0:
            found += _grown(counter, grown, after.seconds - before.seconds)
    for name, value in after.settings.items():
        old = before.settings.get(name, value)
        if old != value:
            found.append(GpuChange(None, "{} of the GPU changed from {:g} to {:g}".format(name, old, value)))
    return found


def _grown(counter: Counter, grown: float, seconds: float) -> List[GpuChange]:
    if counter.sign in (Sign.DAMAGED, Sign.CORRECTED):
        return [GpuChange(counter.sign, "the GPU had {:g} {}".format(grown, counter.text))]
    share = grown / 1e9 / max(seconds, 1e-9)
    if share <= SLOWED_SHARE:
        return []
    text = "the GPU was slowed {:.0%} of the time by {}".format(min(share, 1.0), counter.text)
    return [GpuChange(counter.sign, text)]


class Gpu:
    """One GPU, or one MIG slice of it, asked through NVML; what is not reported here is left out.

    Raises:
        NvmlFailure: the GPU does not answer; so does each method.
    """

    def __init__(self, library: Any, name: str) -> None:
        """Find a GPU by its number or UUID."""
        self.library = library
        by_index, by_uuid = library.nvmlDeviceGetHandleByIndex, library.nvmlDeviceGetHandleByUUID
        self.handle = nvml.required(
            library, "for GPU " + name, lambda: by_index(int(name)) if name.isdigit() else by_uuid(name)
        )
        #: The whole GPU: health, clocks and settings are not a slice's.
        self.card = self._card() or self.handle

    def _card(self) -> Any:
        def ask() -> Any:
            if not self.library.nvmlDeviceIsMigDeviceHandle(self.handle):
                return None
            return self.library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self.handle)

        return nvml.reading(self.library, "for the GPU of a MIG slice", ask)

    def slices(self) -> Optional[List[str]]:
        """Return the UUIDs of the GPU's MIG slices; None where MIG is not enabled, or this is a slice.

        CUDA shows a process one slice, and not the GPU:
        https://docs.nvidia.com/datacenter/tesla/mig-user-guide/
        """
        library, card = self.library, self.handle
        mode = nvml.reading(library, "for its MIG mode", lambda: library.nvmlDeviceGetMigMode(card)[0])
        if self.card is not card or mode != MIG_ENABLED:
            return None
        most = nvml.reading(
            library, "for its MIG slices", lambda: library.nvmlDeviceGetMaxMigDeviceCount(card)
        )
        found = (self._slice(number) for number in range(most or 0))
        return [uuid for uuid in found if uuid]

    def _slice(self, number: int) -> Optional[str]:
        """Return the UUID of a slice; None where there is none: they need not be numbered without gaps."""
        library = self.library

        def ask() -> str:
            return str(
                library.nvmlDeviceGetUUID(library.nvmlDeviceGetMigDeviceHandleByIndex(self.handle, number))
            )

        return nvml.reading(library, "for a MIG slice", ask, nvml.NOT_FOUND)

    def readings(self) -> Dict[str, float]:
        """Clocks in MHz, temperature in degrees Celsius, power in W."""
        library, card = self.library, self.card
        asked: Dict[str, Callable[[], float]] = {
            "sm_mhz": lambda: library.nvmlDeviceGetClockInfo(card, library.NVML_CLOCK_SM),
            "memory_mhz": lambda: library.nvmlDeviceGetClockInfo(card, library.NVML_CLOCK_MEM),
            "celsius": lambda: library.nvmlDeviceGetTemperature(card, library.NVML_TEMPERATURE_GPU),
            "watts": lambda: library.nvmlDeviceGetPowerUsage(card) / 1000,
        }
        return nvml.readings(library, asked)

    def used_bytes(self) -> Optional[int]:
        """Return the memory in use by all processes, of a MIG slice its own; None if it is not reported."""
        library = self.library
        return nvml.reading(
            library, "for its memory", lambda: int(library.nvmlDeviceGetMemoryInfo(self.handle).used)
        )

    def settings(self) -> Dict[str, float]:
        """What an administrator sets: modes as NVML's numbers, the power limit in W."""
        library, card = self.library, self.card
        asked: Dict[str, Callable[[], float]] = {
            "compute_mode": lambda: library.nvmlDeviceGetComputeMode(card),
            "mig_mode": lambda: library.nvmlDeviceGetMigMode(card)[0],
            "ecc_mode": lambda: library.nvmlDeviceGetEccMode(card)[0],
            "persistence_mode": lambda: library.nvmlDeviceGetPersistenceMode(card),
            "power_limit_watts": lambda: library.nvmlDeviceGetEnforcedPowerLimit(card) / 1000,
        }
        return nvml.readings(library, asked)

    def counters(self, names: Iterable[str] = tuple(COUNTERS)) -> Dict[str, float]:
        asked: Dict[str, Callable[[], float]] = {
            name: partial(COUNTERS[name].ask, self.library, self.card) for name in names
        }
        return nvml.readings(self.library, asked)

    def snapshot(self, seconds: float) -> Snapshot:
        return Snapshot(self.counters(), self.settings(), seconds)

    def slowdown_reasons(self) -> int:
        """Return the reasons for lower clocks at this moment, as bits; 0 if they are not reported.

        Since driver 535 they are called event reasons; the older name goes with CUDA 14.
        """
        names = ["nvmlDeviceGetCurrentClocks{}Reasons".format(word) for word in ("Event", "Throttle")]
        return int(self._first(names, self.card) or 0)

    def processes(self) -> Optional[List[int]]:
        """Return the processes that compute on it, without MPS's server; None if they are not reported.

        NVML also lists the clients of that server: https://docs.nvidia.com/deploy/mps/index.html
        """
        pids = self._pids("ComputeRunningProcesses")
        if pids is None:
            return None
        clients = self._pids("MPSComputeRunningProcesses") or []
        return sorted({pid for pid in pids + clients if not is_mps(pid)})

    def has_mps(self) -> bool:
        """Whether MPS's server shares it among processes."""
        return any(map(is_mps, self._pids("ComputeRunningProcesses") or []))

    def _pids(self, what: str) -> Optional[List[int]]:
        """Return the processes of one kind; drivers before 510 know only the second version of the call."""
        names = ["nvmlDeviceGet{}{}".format(what, version) for version in ("", "_v2")]
        found = self._first(names, self.handle)
        return None if found is None else [int(process.pid) for process in found]

    def _first(self, names: List[str], handle: Any) -> Any:
        """Return the answer of the first of these functions that pynvml and the driver have; None without."""
        for name in names:
            ask = getattr(self.library, name, None)
            found = nvml.reading(self.library, name, partial(ask, handle)) if ask else None
            if found is not None:
                return found
        return None


def is_mps(pid: int) -> bool:
    """Whether a process is the MPS server; one that has ended, or is not visible here, is not."""
    try:
        with open(os.path.join("/proc", str(pid), "comm"), encoding="utf-8", errors="replace") as stream:
            return stream.read().startswith(MPS)
    except OSError:
        return False
