"""The device that the suite computes on, held to what was seen before it started.

The probe sees the GPU once; a GPU can go away between two starts of the suite, which would then pass on the
CPU in the GPU's name.
"""

from __future__ import annotations

from typing import Any, Tuple

#: Exit status of a guest whose device is not the expected one (EX_UNAVAILABLE of sysexits.h).
GONE = 69
#: What CUDA says of a build that has no code for the GPU, or none that the driver can compile
#: (cudaErrorNoKernelImageForDevice, cudaErrorUnsupportedPtxVersion).
UNFIT = ("no kernel image is available", "PTX was compiled with an unsupported toolchain")


def options(device: str, gpu: str = "") -> Tuple[str, ...]:
    """Return the suite's options for a device, and for the GPU that it must be."""
    return ("--samcheck-device=" + device, *(("--samcheck-gpu=" + gpu,) if gpu else ()))


def difference(wanted: str, gpu: str) -> str:
    """Return how this process's device differs from the wanted one; empty if it does not.

    Args:
        wanted: ``cuda``; ``cpu`` and ``auto`` need no GPU.
        gpu: the name that the GPU must have; empty for any.
    """
    if wanted != "cuda":
        return ""
    try:
        import torch

        torch.cuda.init()
        name = str(torch.cuda.get_device_properties(0).name)
        _compute(torch)
    except Exception as error:  # RuntimeError, AssertionError, AcceleratorError, by version
        return "no GPU can be used, but {} was expected: {}: {}".format(
            gpu or "one", type(error).__name__, " ".join(str(error).split())
        )
    return "the GPU is {}, but {} was expected".format(name, gpu) if gpu and name != gpu else ""


def _compute(torch: Any) -> None:
    """Compute something: a GPU in a fault still has a name.

    A build that does not fit the GPU is not a GPU that is gone: the checks say that it cannot compute.
    """
    try:
        assert float(torch.ones(1, device="cuda").sum()) == 1.0
    except RuntimeError as error:  # torch.AcceleratorError is one
        if not any(text in str(error) for text in UNFIT):
            raise
