"""NVML, the driver's library that knows its GPUs: how it is started, and what its errors mean.

An error is one of three (`nvmlReturn_t`, https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceEnumvs.html):
this machine has no driver (`NO_DRIVER`, when NVML starts); a reading that this GPU, driver or user does not
get (`UNREPORTED`), which is left out; anything else is a `NvmlFailure`, which says what to do.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import Any, Callable, Dict, Iterator, Optional, Tuple, Type, TypeVar

T = TypeVar("T")

_NOT_SUPPORTED, NOT_FOUND, FUNCTION_NOT_FOUND, TIMEOUT = 3, 6, 13, 10
#: LIBRARY_NOT_FOUND and DRIVER_NOT_LOADED.
NO_DRIVER = frozenset((12, 9))
#: INVALID_ARGUMENT (a reading that came with a newer driver, or that a MIG slice lacks), NOT_SUPPORTED,
#: NO_PERMISSION, FUNCTION_NOT_FOUND, NO_DATA, VGPU_ECC_NOT_SUPPORTED, ARGUMENT_VERSION_MISMATCH, DEPRECATED.
UNREPORTED = frozenset((2, _NOT_SUPPORTED, 4, FUNCTION_NOT_FOUND, 21, 22, 25, 26))
#: DRIVER_NOT_LOADED, GPU_IS_LOST, RESET_REQUIRED, LIB_RM_VERSION_MISMATCH.
LOST = frozenset((9, 15, 16, 18))
#: By error, what to do about it.
REMEDIES = {
    2: "no such GPU: `nvidia-smi -L` lists those there are",
    4: "this user may not use the GPU: check the permissions of /dev/nvidia*, or a container's devices",
    6: "no such GPU: `nvidia-smi -L` lists those there are",
    8: "a GPU's external power cable is not attached properly: check it",
    9: "the driver was unloaded: load it with `sudo modprobe nvidia`, or reboot",
    11: "the kernel has a problem with a GPU's interrupts: `sudo dmesg` says more; reboot",
    FUNCTION_NOT_FOUND: "the driver is too old for this: upgrade it",
    14: "a GPU's infoROM is corrupted: `nvidia-smi -q` shows which; reset that GPU, or have it replaced",
    15: "a GPU has fallen off the bus or is inaccessible: `sudo dmesg | grep -i xid` says why; reset it with "
    "`sudo nvidia-smi --gpu-reset`, or reboot",
    16: "a GPU needs a reset: `sudo nvidia-smi --gpu-reset`, or reboot",
    17: "the operating system or a control group blocks the GPU: check the permissions of /dev/nvidia*",
    18: "the driver's kernel module and libraries have different versions, as after an upgrade without a "
    "restart: reboot, or reload the kernel module",
    28: "no such GPU: `nvidia-smi -L` lists those there are",
}
LOOK_CLOSER = "`nvidia-smi` and `sudo dmesg` show more; reboot if `nvidia-smi` fails too"


class NvmlFailure(Exception):
    """NVML failed: `what` happened, and a `remedy`; `is_lost` if nothing can be computed there any more."""

    def __init__(self, doing: str, error: Exception) -> None:
        self.is_lost = number(error) in LOST
        self.what = "the NVIDIA driver says {!r} when asked {}".format(str(error), doing)
        self.remedy = REMEDIES.get(number(error), LOOK_CLOSER)
        super().__init__("{}: {}".format(self.what, self.remedy))


def errors(nvml: Any) -> Tuple[Type[Exception], ...]:
    """Return what pynvml raises; its error for a function that the driver lacks is not a NVMLError."""
    mismatch = getattr(nvml, "NVMLLibraryMismatchError", None)
    return (nvml.NVMLError,) if mismatch is None else (nvml.NVMLError, mismatch)


def number(error: Exception) -> int:
    return int(getattr(error, "value", FUNCTION_NOT_FOUND))


@contextmanager
def started() -> Iterator[Any]:
    """Yield pynvml, started; None without a driver, or in an interpreter without pynvml.

    Raises:
        NvmlFailure: there is a driver, and it does not answer.
    """
    nvml = _start()
    try:
        yield nvml
    finally:
        if nvml is not None:
            with suppress(*errors(nvml)):  # nothing more is asked
                nvml.nvmlShutdown()


def _start() -> Any:
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except errors(pynvml) as error:
        if number(error) in NO_DRIVER:
            return None
        raise NvmlFailure("to start NVML", error) from None
    return pynvml


def required(nvml: Any, doing: str, ask: Callable[[], T]) -> T:
    """Return an answer that nothing works without.

    Raises:
        NvmlFailure: there is none.
    """
    try:
        return ask()
    except errors(nvml) as error:
        raise NvmlFailure(doing, error) from None


def reading(nvml: Any, doing: str, ask: Callable[[], T], *absent: int) -> Optional[T]:
    """Return a reading; None if it is not to be had here, as further errors may say too.

    Raises:
        NvmlFailure: any other error.
    """
    try:
        return ask()
    except errors(nvml) as error:
        if number(error) in (*UNREPORTED, *absent):
            return None
        raise NvmlFailure(doing, error) from None


def readings(nvml: Any, asked: Dict[str, Callable[[], float]]) -> Dict[str, float]:
    """Return those readings that are to be had here, by name.

    Raises:
        NvmlFailure: the GPU does not answer.
    """
    found = {name: reading(nvml, "for " + name, ask) for name, ask in asked.items()}
    return {name: float(value) for name, value in found.items() if value is not None}
