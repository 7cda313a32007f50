"""The texts by which samcheck recognises errors on a GPU, against those that the libraries contain.

What a library says when something fails stands in its file, so no GPU is needed to read it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from samcheck.guest.defects.catalogue import DEFECTS
from samcheck.guest.memory.allocation_errors import OUT_OF_MEMORY, is_out_of_memory

#: Where each sign of a failed allocation comes from: a library and a piece of its text, which the library
#: completes when it raises; None where the release of the tests does not have it.
SIGNS: dict[str, tuple[str, str] | None] = {
    "CUDA out of memory": ("torch/lib/libc10_cuda.so", "CUDA out of memory. Tried to allocate "),
    "CUDA error: out of memory": ("nvidia/cuda_runtime/lib/libcudart.so*", "out of memory"),
    "CUDA driver error: out of memory": ("torch/lib/libc10_cuda.so", "CUDA driver error: "),
    "CUDA ran out of memory outside PyTorch's allocator": None,  # in 2.15
    "_ALLOC_FAILED": ("torch/lib/libtorch_cuda.so", "CUBLAS_STATUS_ALLOC_FAILED"),
    "CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`": (
        "torch/lib/libtorch_cuda.so",
        "`cublasCreate(handle)`",
    ),
    "_ALLOCATION_FAILED": (
        "nvidia/cudnn/lib/libcudnn_graph.so*",
        "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    ),
    "Triton Error [CUDA]: out of memory": ("triton/backends/nvidia/driver.c", "Triton Error [CUDA]: "),
    "DefaultCPUAllocator": ("torch/lib/libc10.so", "DefaultCPUAllocator: can't allocate mem"),
    "can't allocate memory": ("torch/lib/libc10.so", "can't allocate mem"),
    "not enough memory": ("torch/lib/libtorch_cpu.so", "not enough memory"),
}
#: What CUDA's kernels say of two dtypes, with the defect that each must be recognised as.
TWO_DTYPES = {
    "prompt-encoder-float32": "expected mat1 and mat2 to have the same dtype, but got: ",
    "default-dtype-float64": "expected mat1 and mat2 to have the same dtype, but got: ",
    "recipe-half-model": "expected mat1 and mat2 to have the same dtype, but got: ",
}


@pytest.fixture(scope="session")
def packages(interpreter: str) -> Path:
    """The folder of the packages beside that interpreter."""
    (folder,) = Path(interpreter).parents[1].glob("lib/python3*/site-packages")
    return folder


@cache
def texts(paths: Sequence[Path], pattern: str) -> list[str]:
    """The printable texts in files that match, each once."""
    done = subprocess.run(
        ["grep", "-ahoE", pattern, *map(str, paths)], capture_output=True, check=False, env={"LC_ALL": "C"}
    )
    assert done.returncode in (0, 1), done.stderr
    return sorted(set(done.stdout.decode("ascii", "replace").splitlines()))


@pytest.mark.parametrize("sign", OUT_OF_MEMORY)
def test_a_library_can_say_what_stands_for_out_of_memory(packages: Path, sign: str) -> None:
    source = SIGNS[sign]
    if source is None:
        pytest.skip("no library of this release says it")
    files = tuple(packages.glob(source[0]))
    assert files, f"no {source[0]} in {packages}"
    assert texts(files, re.escape(source[1]).replace("\\ ", " "))


def test_whatever_a_library_says_of_a_failed_allocation_is_recognised(packages: Path) -> None:
    files = tuple(
        path
        for pattern in ("torch/lib/libc10_cuda.so", "torch/lib/libtorch_cuda.so", "nvidia/cudnn/lib/*graph*")
        for path in packages.glob(pattern)
    )
    said = texts(files, r"[A-Z][ -~]*( out of memory|ALLOC(ATION)?_FAILED)[ -~]*")
    assert len(said) > 3
    assert [text for text in said if not is_out_of_memory(RuntimeError(text))] == []


@pytest.mark.parametrize(("defect", "text"), TWO_DTYPES.items())
def test_what_cuda_says_of_two_dtypes_is_recognised(packages: Path, defect: str, text: str) -> None:
    assert texts((packages / "torch/lib/libtorch_cuda.so",), text)
    assert DEFECTS[defect].matches(RuntimeError(f"{text}float != c10::Half"))
