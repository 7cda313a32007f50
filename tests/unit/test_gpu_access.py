"""Refusals in the engine's and CUDA's own words, recorded from reports; where each stands is beside it."""

from __future__ import annotations

import pytest

from samcheck.environments import gpu_errors
from samcheck.guest.outcomes import FailureCause

# https://github.com/NVIDIA/nvidia-docker/issues/1642
NO_TOOLKIT = 'could not select device driver "" with capabilities: [[gpu]]'
# https://github.com/SyneRBI/PETRIC2/issues/27
REQUIRE = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create "
    "failed: unable to start container process: error during container init: error running prestart hook #0: "
    "exit status 1, stdout: , stderr: Auto-detected mode as 'legacy'\n"
    "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver "
    "to a newer version, or use an earlier cuda container"
)
# https://github.com/labdao/plex/issues/18
MISMATCH = "nvidia-container-cli: initialization error: nvml error: driver/library version mismatch: unknown"
# https://github.com/NVIDIA/nvidia-container-toolkit/issues/434
CDI = (
    "could not apply required modification to OCI specification: error modifying OCI spec: failed to inject "
    "CDI devices: unresolvable CDI devices nvidia.com/gpu=all: unknown"
)
# https://github.com/CompVis/stable-diffusion/issues/438
ERROR_803 = (
    "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before "
    "calling NumCudaDevices() that might have already set an error? Error 803: system has unsupported "
    "display driver / cuda driver combination"
)
# https://github.com/gpustack/gpustack/issues/1254
ERROR_804 = ERROR_803.partition("Error 803")[0] + (
    "Error 804: forward compatibility was attempted on non supported HW"
)
# https://github.com/pytorch/pytorch/issues/88639
ERROR_999 = (
    "CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing env variable "
    "CUDA_VISIBLE_DEVICES after program start. Setting the available devices to be zero."
)
# https://github.com/NVIDIA/nvidia-container-toolkit/issues/48
CUT_OFF = "Failed to initialize NVML: Unknown Error"
# https://github.com/NVIDIA/nvidia-container-toolkit/issues/520
ERROR_500 = ERROR_803.partition("Error 803")[0] + "Error 500: named symbol not found"
# https://github.com/negativo17/nvidia-driver/issues/158
NO_GSP = (
    "NVRM: The NVIDIA GPU 0000:09:00.0 (PCI ID: 10de:1d01)\n"
    "NVRM: installed in this system is not supported by open\n"
    "NVRM: nvidia.ko because it does not include the required GPU\nNVRM: System Processor (GSP)."
)
# https://github.com/NixOS/nixos-hardware/issues/1880
LEGACY = (
    "NVRM: The NVIDIA NVIDIA GeForce GTX 1050 GPU installed in this system is NVRM:  supported through the "
    "NVIDIA 580.xx Legacy drivers. The 595.71.05 NVIDIA driver will ignore NVRM:  this GPU."
)
# https://github.com/Kaggle/kaggle-cli/issues/1151
NO_KERNEL = "RuntimeError: CUDA error: no kernel image is available for execution on the device"
TOOLCHAIN = "RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain."


@pytest.mark.parametrize(
    ("words", "cause", "remedy"),
    [
        (NO_TOOLKIT, FailureCause.ENGINE, "install the NVIDIA Container Toolkit"),
        (REQUIRE, FailureCause.DRIVER, "requires a driver with cuda>=12.8, which this one lacks"),
        (MISMATCH, FailureCause.GPU, "have different versions"),
        (CDI, FailureCause.ENGINE, "has no CDI device nvidia.com/gpu=all: run"),
        (ERROR_803, FailureCause.GPU, "have different versions"),
        (ERROR_804, FailureCause.GPU, "cuda-compat"),
        (ERROR_999, FailureCause.GPU, "modprobe nvidia_uvm"),
        (CUT_OFF, FailureCause.GPU, "systemctl daemon-reload"),
        (TOOLCHAIN, FailureCause.DRIVER, "upgrade the driver"),
        (ERROR_500, FailureCause.ENGINE, "upgrade the NVIDIA Container Toolkit to 1.14.4"),
        (NO_GSP, FailureCause.DRIVER, "the driver's proprietary kernel module"),
        (LEGACY, FailureCause.DRIVER, "install one of branch R580"),
        (NO_KERNEL, FailureCause.GPU, "has no code for this GPU"),
    ],
)
def test_each_refusal_has_its_own_remedy(words: str, cause: FailureCause, remedy: str) -> None:
    known = gpu_errors.refusal(words)
    said = known.sentence
    assert known.cause is cause
    assert remedy in said
    assert said.endswith(")")
    assert words.split(maxsplit=1)[0] in said  # the engine's own words stand behind
    assert len(said) < 700
    assert "\n" not in said


def test_unknown_words_are_passed_on() -> None:
    assert gpu_errors.refusal("no idea").sentence == "the engine refused to start the container: no idea"
    assert (
        gpu_errors.lost("").sentence
        == "PyTorch sees no GPU in an environment that was given one (no reason given)"
    )
