"""Which of NVIDIA's rules lets a driver run a CUDA build, and which PTX it could compile."""

from __future__ import annotations

import pytest

from samcheck.guest import driver_compatibility
from samcheck.guest.driver_compatibility import Compatibility

#: With the path of libcuda in place of {}; addresses shortened.
MAPS = """\
7f00-7f01 r-xp 00000000 08:01 11 /usr/lib/x86_64-linux-gnu/libcudart.so.12.4.127
7f01-7f02 r--p 00000000 08:01 12 {}
7f02-7f03 r-xp 00001000 08:01 12 {}
7f03-7f04 rw-p 00000000 00:00 0
"""
NVRM = """\
NVRM version: NVIDIA UNIX {}  535.104.05  Sat Aug 19 01:15:15 UTC 2023
GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
"""


@pytest.mark.parametrize(
    ("driver", "build", "package", "expected"),
    [
        ("13.0", "12.1", False, Compatibility.NEWER_DRIVER),
        ("12.1", "12.1", False, Compatibility.NEWER_DRIVER),
        ("12.10", "12.9", False, Compatibility.NEWER_DRIVER),
        ("12.2", "12.8", False, Compatibility.MINOR_VERSION),
        ("11.0", "11.8", False, Compatibility.MINOR_VERSION),
        ("10.1", "10.2", False, Compatibility.NONE),  # before CUDA 11
        ("12.8", "13.0", False, Compatibility.NONE),
        ("13.0", "13.0", True, Compatibility.FORWARD),
        ("12.4", "12.8", True, Compatibility.MINOR_VERSION),  # the package is older than the build
        ("12.4", "13.0", True, Compatibility.NONE),
    ],
)
def test_which_rule_applies(driver: str, build: str, package: bool, expected: Compatibility) -> None:
    assert driver_compatibility.applies(driver, build, package) is expected


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/x86_64-linux-gnu/libcuda.so.535.104.05",
        "/usr/local/cuda-12.4/compat/libcuda.so.550.54.15",
        "/usr/lib/wsl/lib/libcuda.so.1",
    ],
)
def test_the_loaded_libcuda_is_found(path: str) -> None:
    assert driver_compatibility.libcuda_in(MAPS.format(path, path)) == path


def test_a_process_may_have_no_libcuda() -> None:
    assert driver_compatibility.libcuda_in(MAPS.format("/usr/lib/libc.so.6", "/usr/lib/libc.so.6")) == ""
    assert driver_compatibility.libcuda_in("") == ""


@pytest.mark.parametrize(
    "kind", ["x86_64 Kernel Module", "Open Kernel Module for x86_64", "Open Kernel Module for aarch64"]
)
def test_the_driver_in_the_kernel(kind: str) -> None:
    assert driver_compatibility.kernel_driver_in(NVRM.format(kind)) == "535.104.05"
    assert driver_compatibility.kernel_driver_in("something else") == ""


@pytest.mark.parametrize(
    ("libcuda", "kernel", "expected"),
    [
        ("/usr/lib/x86_64-linux-gnu/libcuda.so.535.104.05", "535.104.05", False),
        ("/usr/local/cuda-12.4/compat/libcuda.so.550.54.15", "535.104.05", True),
        # An engine mounts the package's libraries over the system's.
        ("/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "535.104.05", True),
        # The driver was upgraded to what the package has: it changes nothing.
        ("/usr/local/cuda-12.4/compat/libcuda.so.550.54.15", "550.54.15", False),
        ("/usr/lib/wsl/lib/libcuda.so.1", "", False),
        ("/usr/local/cuda/compat/libcuda.so.1", "", True),
        ("", "535.104.05", False),
    ],
)
def test_a_package_for_forward_compatibility(libcuda: str, kernel: str, expected: bool) -> None:
    assert driver_compatibility.is_compat_package(libcuda, kernel) is expected


@pytest.mark.parametrize(
    ("archs", "capability", "expected"),
    [
        (["sm_80", "sm_90", "compute_90"], (9, 0), ["compute_90"]),
        (["sm_80", "sm_90", "compute_90"], (12, 0), ["compute_90"]),
        (["sm_90", "sm_120", "compute_120"], (9, 0), []),  # PTX for a newer GPU
        (["sm_80", "sm_90"], (9, 0), []),
        (["sm_90a", "compute_90a", "compute_100f"], (10, 0), []),  # for one architecture, one family
        (["compute_70", "compute_120"], (12, 1), ["compute_70", "compute_120"]),
        ([], (9, 0), []),
    ],
)
def test_ptx_that_a_driver_can_compile(
    archs: list[str], capability: tuple[int, int], expected: list[str]
) -> None:
    assert driver_compatibility.usable_ptx(archs, capability) == expected


def test_only_missing_ptx_is_no_failure() -> None:
    lacks = driver_compatibility.lacks_ptx
    assert lacks("RuntimeError: CUDA error: no kernel image is available for execution on the device")
    assert lacks("RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain.")
    assert not lacks("RuntimeError: CUDA error: an illegal memory access was encountered")
    assert not lacks("")


def test_versions_in_cudas_form() -> None:
    assert driver_compatibility.from_number(12040) == "12.4"
    assert driver_compatibility.from_number(13020) == "13.2"
    assert driver_compatibility.from_number(12100) == "12.10"
