"""How a CUDA build of PyTorch gets along with the driver: which compatibility applies, and what is loaded.

The rules are NVIDIA's:

- "CUDA Compatibility" (https://docs.nvidia.com/deploy/cuda-compatibility/): a driver runs what was built for
  its own CUDA version and older ones; for newer ones of the same major version from CUDA 11 on (minor-version
  compatibility), without compiling PTX; for others only with the libcuda of a cuda-compat package, which is
  newer than the driver in the kernel (forward compatibility, on data-center GPUs).
- "CUDA C++ Programming Guide", CUDA environment variables: ``CUDA_FORCE_PTX_JIT=1`` ignores machine code and
  compiles PTX, and what has no PTX fails to load; ``CUDA_CACHE_PATH`` is where that is kept;
  ``CUDA_MODULE_LOADING`` is ``EAGER`` or ``LAZY``.

torch is not imported at the top level.
"""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any, List, Optional, Sequence, Tuple

from .outcomes import Word


class Compatibility(Word):
    """Why a driver runs a CUDA build."""

    NEWER_DRIVER = "newer driver"  # as new as the build's CUDA, or newer
    MINOR_VERSION = "minor-version compatibility"
    FORWARD = "forward compatibility (cuda-compat package)"
    NONE = "none"  # by the rules it must not run


#: The first CUDA version with minor-version compatibility.
FIRST_MINOR_VERSION_MAJOR = 11
#: `CUmoduleLoadingMode` in cuda.h.
LOADING_MODES = {1: "EAGER", 2: "LAZY"}
KERNEL_VERSION = "/proc/driver/nvidia/version"
_LIBCUDA = re.compile(r"\s(/\S*/libcuda\.so(?:\.[\d.]+)?)$", re.MULTILINE)

Version = Tuple[int, int]


def parsed(text: str) -> Version:
    """``12.4`` as numbers."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def from_number(number: int) -> str:
    """Return the version in CUDA's own form of it: 12040 is ``12.4``."""
    return "{}.{}".format(number // 1000, number % 1000 // 10)


def libcuda_in(maps: str) -> str:
    """Return the file of libcuda in the text of ``/proc/self/maps``; empty if none is loaded."""
    found = _LIBCUDA.search(maps)
    return found.group(1) if found else ""


def kernel_driver_in(text: str) -> str:
    """Return the version in the text of ``/proc/driver/nvidia/version``; empty if it has none."""
    found = re.search(r"Kernel Module.*?\s(\d{3,}\.\d+(?:\.\d+)?)\s", text)
    return found.group(1) if found else ""


def is_compat_package(libcuda: str, kernel: str) -> bool:
    """Return whether a libcuda is a cuda-compat package's: of another version than the kernel's driver.

    Container engines mount libraries anywhere, so the folder decides only where the versions are not known.
    """
    version = re.search(r"libcuda\.so\.(\d{3,}\.[\d.]+)$", libcuda)
    if version and kernel:
        return version.group(1) != kernel
    return "/compat/" in libcuda


def applies(driver_cuda: str, build_cuda: str, compat_package: bool) -> Compatibility:
    """Return which compatibility lets a driver run a build.

    Args:
        driver_cuda: what ``cuDriverGetVersion`` says, of the libcuda that is loaded.
        build_cuda: the CUDA of the PyTorch build.
        compat_package: as `is_compat_package` has it.
    """
    driver, build = parsed(driver_cuda), parsed(build_cuda)
    if driver >= build:
        return Compatibility.FORWARD if compat_package else Compatibility.NEWER_DRIVER
    if driver[0] == build[0] and driver[0] >= FIRST_MINOR_VERSION_MAJOR:
        return Compatibility.MINOR_VERSION
    return Compatibility.NONE


def usable_ptx(arch_list: Sequence[str], capability: Version) -> List[str]:
    """Return the PTX in a build that a driver can compile for a GPU.

    Args:
        arch_list: as `torch.cuda.get_arch_list` has it: ``sm_90`` is machine code, ``compute_90`` PTX; that
            with a letter, ``compute_90a``, is for one architecture or family only.
    """
    found = []
    for name in arch_list:
        match = re.match(r"compute_(\d+)(\d)$", name)
        if match and (int(match.group(1)), int(match.group(2))) <= tuple(capability):
            found.append(name)
    return found


def lacks_ptx(error: str) -> bool:
    """Return whether an error says that a library has no PTX to compile, or too new a one for the driver.

    The texts are those of `cudaErrorNoKernelImageForDevice` and `cudaErrorUnsupportedPtxVersion`.
    """
    texts = ("no kernel image is available", "PTX was compiled with an unsupported toolchain")
    return any(text in error for text in texts)


def _libcuda() -> Any:
    return ctypes.CDLL("libcuda.so.1")  # the one that PyTorch has loaded, if it has


def driver_cuda() -> str:
    """Return what ``cuDriverGetVersion`` says.

    Raises:
        OSError: there is no libcuda.
        RuntimeError: it has an error.
    """
    number = ctypes.c_int(0)
    status = _libcuda().cuDriverGetVersion(ctypes.byref(number))
    if status != 0:
        raise RuntimeError("cuDriverGetVersion returned error {}".format(status))
    return from_number(number.value)


def loading_mode() -> str:
    """Return how CUDA loads modules, ``EAGER`` or ``LAZY``; empty before CUDA 11.7, or without a libcuda."""
    mode = ctypes.c_int(0)
    try:
        status = _libcuda().cuModuleGetLoadingMode(ctypes.byref(mode))
    except (OSError, AttributeError):
        return ""
    return LOADING_MODES.get(mode.value, "") if status == 0 else ""


def loaded_libcuda() -> str:
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as stream:
        return libcuda_in(stream.read())


def kernel_driver() -> Optional[str]:
    """Return the version of the driver in the kernel; None if the kernel does not say."""
    if not os.path.exists(KERNEL_VERSION):
        return None
    with open(KERNEL_VERSION, encoding="utf-8", errors="replace") as stream:
        return kernel_driver_in(stream.read()) or None
