"""A driver that is not there: `nvml_stub.c`, compiled, and what it answers as which machine.

Only the library is played; pynvml's own code loads and calls it.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from _ctypes import dlclose
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pynvml

SOURCE = Path(__file__).with_name("nvml_stub.c")
LIBRARY = "libnvidia-ml.so.1"
#: Each of NVML's errors, by its number.
ERRORS = {
    value: name
    for name, value in sorted(vars(pynvml).items())
    if name.startswith("NVML_ERROR_") and isinstance(value, int)
}
MISMATCH, LOST = pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, pynvml.NVML_ERROR_GPU_IS_LOST
#: Answers of any machine with a driver.
DRIVER = {
    "nvmlInitWithFlags": "",
    "nvmlShutdown": "",
    "nvmlSystemGetDriverVersion": "580.95.05",
    "nvmlSystemGetCudaDriverVersion_v2": "13000",
    "nvmlEventSetCreate": "",
    "nvmlEventSetFree": "",
    "nvmlEventSetWait_v2": "",
}
#: Answers of any GPU of a data centre.
GPU = {
    "nvmlDeviceGetHandleByIndex_v2": "",
    "nvmlDeviceIsMigDeviceHandle": "0",
    "nvmlDeviceGetComputeMode": "0",
    "nvmlDeviceGetPersistenceMode": "1",
    "nvmlDeviceGetEccMode": "1 1",
    "nvmlDeviceGetTotalEccErrors": "0",
    "nvmlDeviceGetPowerUsage": "120000",
    "nvmlDeviceGetEnforcedPowerLimit": "700000",
    "nvmlDeviceGetClockInfo": "1980",
    "nvmlDeviceGetTemperature": "41",
    "nvmlDeviceGetCurrentClocksEventReasons": "0",
    "nvmlDeviceGetFieldValues": "0",
    "nvmlDeviceGetComputeRunningProcesses_v3": "",
    "nvmlDeviceGetMPSComputeRunningProcesses_v3": "",
    "nvmlDeviceRegisterEvents": "",
}


def compiled(folder: Path) -> Path:
    """Compile the stub into a folder; its name inside is the real library's, so that pynvml finds it."""
    library = folder / LIBRARY
    options = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", f"-Wl,-soname,{LIBRARY}")
    subprocess.run(["cc", *options, "-o", str(library), str(SOURCE), "-ldl"], check=True)
    return library


class Driver:
    """What the stub answers; it reads that at every call, in this and in any other process."""

    def __init__(self, library: Path) -> None:
        self.folder = library.parent
        self._lines: list[str] = []
        self.gpus = 0

    def says(self, function: str, answer: str, gpu: int | str = "*", argument: int | str = "*") -> None:
        """From now on, `function` answers this."""
        self._add(f"{function} {gpu} {argument} = {answer}")

    def fails(self, function: str, error: int, gpu: int | str = "*", argument: int | str = "*") -> None:
        """From now on, `function` fails."""
        self._add(f"{function} {gpu} {argument} ! {error}")

    def _add(self, line: str) -> None:
        self._lines.insert(0, line)
        draft = self.folder / "draft"
        draft.write_text("\n".join(self._lines) + "\n", encoding="utf-8")
        draft.replace(self.folder / "answers")

    def install(self) -> Driver:
        """A driver without a GPU."""
        for function, answer in DRIVER.items():
            self.says(function, answer)
        self.says("nvmlDeviceGetCount_v2", "0")
        return self

    def plug(self, name: str, capability: str) -> Driver:
        """Add a GPU."""
        number, self.gpus = self.gpus, self.gpus + 1
        for function, answer in GPU.items():
            self.says(function, answer, number)
        self.says("nvmlDeviceGetName", name, number)
        self.says("nvmlDeviceGetUUID", uuid(number), number)
        self.says("nvmlDeviceGetCudaComputeCapability", capability, number)
        self.says("nvmlDeviceGetCount_v2", str(self.gpus))
        return self

    def h200(self) -> Driver:
        self.plug("NVIDIA H200", "9 0")
        self.says("nvmlDeviceGetMigMode", "0 0", self.gpus - 1)
        self.says("nvmlDeviceGetRemappedRows", "0 0 0 0", self.gpus - 1)
        return self

    def a100_with_mig(self, slices: int = 1) -> Driver:
        """An A100 and its slices: they are GPUs 1, 2 ... of the stub, and not counted as such.

        Their places on it are 1, 3 ..., as after the slices between them were destroyed.
        """
        self.plug("NVIDIA A100-SXM4-40GB", "8 0")
        self.says("nvmlDeviceGetMigMode", "1 1", 0)
        self.says("nvmlDeviceGetMaxMigDeviceCount", "7", 0)
        self.fails("nvmlDeviceGetMigDeviceHandleByIndex", pynvml.NVML_ERROR_NOT_FOUND, 0)
        for slice in range(1, slices + 1):
            self.says("nvmlDeviceGetMigDeviceHandleByIndex", str(slice), 0, 2 * slice - 1)
            self.says("nvmlDeviceGetUUID", "MIG-slice" if slice == 1 else f"MIG-slice-{slice}", slice)
            self.says("nvmlDeviceGetName", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", slice)
            self.says("nvmlDeviceIsMigDeviceHandle", "1", slice)
            self.says("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", "0", slice)
        return self

    def t4(self) -> Driver:
        """No rows to remap, no MIG."""
        return self.plug("Tesla T4", "7 5")


def uuid(number: int) -> str:
    return f"GPU-00000000-0000-0000-0000-{number:012}"


@contextmanager
def loaded(library: Path) -> Iterator[Driver]:
    """Let pynvml find the stub in this process, and not beyond."""
    driver = Driver(library)
    driver.fails("nvmlInitWithFlags", pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
    _forget()
    own = ctypes.CDLL(str(library))
    try:
        yield driver
    finally:
        _forget()
        dlclose(own._handle)


def _forget() -> None:
    """Make pynvml load its library again."""
    if pynvml.nvmlLib is not None:
        dlclose(pynvml.nvmlLib._handle)
    pynvml.nvmlLib = None
    pynvml._nvmlGetFunctionPointer_cache.clear()


def environment(library: Path, **more: str) -> dict[str, str]:
    """Return an environment in which other processes find the stub."""
    return {**os.environ, "LD_LIBRARY_PATH": str(library.parent), **more}
