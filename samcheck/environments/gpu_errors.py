"""Why a guest does not get its GPU: the engine's or CUDA's error → one sentence (pure).

The engine's errors are those of the NVIDIA Container Toolkit as reported by users; each row links its source.
None could be tried here, for want of a GPU.
"""

from __future__ import annotations

from samcheck.environments.error_patterns import Diagnosis, ErrorPattern, explain
from samcheck.guest.outcomes import FailureCause

_PATTERNS = (
    # https://github.com/NVIDIA/nvidia-docker/issues/1642
    ErrorPattern(
        r"could not select device driver",
        FailureCause.ENGINE,
        "the engine cannot give a container a GPU: install the NVIDIA Container Toolkit, run "
        "`nvidia-ctk runtime configure --runtime=docker`, and restart the engine",
    ),
    # https://github.com/SyneRBI/PETRIC2/issues/27
    ErrorPattern(
        r"requirement error: unsatisfied condition: (?P<what>cuda ?>=? ?[0-9.]+)",
        FailureCause.DRIVER,
        "the image requires a driver with {what}, which this one lacks: use an older image, upgrade the "
        "driver, or set NVIDIA_DISABLE_REQUIRE=1 if minor-version compatibility is enough",
    ),
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/394 and CUDA's error 803:
    # https://github.com/NVIDIA/nvidia-docker/issues/1256
    ErrorPattern(
        r"driver/library version mismatch|Error 803|unsupported display driver",
        FailureCause.GPU,
        "the driver's kernel module and libraries have different versions, as after an upgrade without a "
        "restart: reboot, or reload the kernel module",
    ),
    # https://github.com/gpustack/gpustack/issues/1254
    ErrorPattern(
        r"Error 804|forward compatibility was attempted on non supported HW",
        FailureCause.GPU,
        "the environment has a forward-compatibility package (cuda-compat), which does not work on this GPU: "
        "remove it and upgrade the driver instead",
    ),
    # https://github.com/gpustack/gpustack/issues/1254, a comment there
    ErrorPattern(
        r"Error 802|system not yet initialized",
        FailureCause.GPU,
        "the GPUs use NVSwitch, but the fabric manager is not running: start nvidia-fabricmanager",
    ),
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/48
    ErrorPattern(
        r"NVML: Unknown Error|NVMLError_Unknown",
        FailureCause.GPU,
        "the container was cut off from its GPU, as by `systemctl daemon-reload` on the host: run it again; "
        "to prevent it, let the engine use the cgroup driver cgroupfs, or CDI",
    ),
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/520
    ErrorPattern(
        r"named symbol not found",
        FailureCause.ENGINE,
        "the engine does not give a container all libraries of this driver, as under WSL with Windows driver "
        "555 and newer: upgrade the NVIDIA Container Toolkit to 1.14.4, or Docker Desktop to 4.31, or newer",
    ),
    # https://github.com/negativo17/nvidia-driver/issues/158 and
    # https://github.com/NixOS/nixos-hardware/issues/1880: the kernel's log says it
    ErrorPattern(
        r"not supported by open\s+(NVRM:\s+)?nvidia\.ko",
        FailureCause.DRIVER,
        "the open kernel module cannot use this GPU, which has no GPU System Processor: install the driver's "
        "proprietary kernel module",
    ),
    ErrorPattern(
        r"supported through the NVIDIA (?P<branch>[0-9]+)\.xx Legacy drivers",
        FailureCause.DRIVER,
        "this driver no longer supports the GPU: install one of branch R{branch}, the last that does",
    ),
    # https://github.com/pytorch/pytorch/issues/43281 and its issue 49081
    ErrorPattern(
        r"CUDA unknown error|error (?:=|\()?999|CUDA error: unknown error",
        FailureCause.GPU,
        "CUDA cannot use the driver's module nvidia_uvm, as after a suspend or without /dev/nvidia-uvm: "
        "run `sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm`, or `sudo nvidia-modprobe -c 0 -u`",
    ),
    # NVIDIA's CUDA Compatibility guide on minor-version compatibility
    ErrorPattern(
        r"PTX was compiled with an unsupported toolchain",
        FailureCause.DRIVER,
        "the build's PTX is newer than the driver can compile: upgrade the driver, or use a build with code "
        "for this GPU; `samcheck why` shows both",
    ),
    # https://github.com/Kaggle/kaggle-cli/issues/1151
    ErrorPattern(
        r"no kernel image is available",
        FailureCause.GPU,
        "a package has no code for this GPU: PyTorch's build, or one that was compiled for other GPUs; "
        "`samcheck why` shows the builds of PyTorch that have it",
    ),
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/434
    ErrorPattern(
        r"unresolvable CDI devices? (?P<what>\S+?)[:,]?(\s|$)",
        FailureCause.ENGINE,
        "the engine has no CDI device {what}: run `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`",
    ),
    ErrorPattern(
        r"NVIDIA driver on your system is too old|driver version is insufficient",
        FailureCause.DRIVER,
        "the driver is too old for this CUDA: `samcheck why` shows which one it needs",
    ),
    ErrorPattern(
        r"driver not loaded|no CUDA-capable device|No CUDA GPUs are available",
        FailureCause.GPU,
        "the driver is not loaded or not visible here: run `nvidia-smi` for details",
    ),
)


def refusal(words: str) -> Diagnosis:
    """Return why the engine refused to start a container, with its own error at the end."""
    known = explain(_PATTERNS, words)
    short = " ".join(words.split())[:300]
    if known is None:
        return Diagnosis(FailureCause.ENGINE, f"the engine refused to start the container: {short}")
    return Diagnosis(known.cause, f"{known.sentence} ({short})")


def gone(output: str) -> Diagnosis:
    """Return why a guest does not find the GPU that the probe saw; its words are its output's last line."""
    words = " ".join((output.strip().splitlines() or ["no reason given"])[-1].split())[:300]
    known = explain(_PATTERNS, words)
    remedy = known.sentence if known else "`nvidia-smi` and `sudo dmesg | grep -i xid` say more"
    cause = known.cause if known else FailureCause.GPU
    return Diagnosis(
        cause, f"the GPU that the probe saw is gone: {remedy}; then re-run with --resume ({words})"
    )


def lost(words: str) -> Diagnosis:
    """Return why a guest does not see the GPU it was given, with PyTorch's error at the end."""
    short = " ".join(words.split())[:300] or "no reason given"
    unseen = Diagnosis(FailureCause.GPU, "PyTorch sees no GPU in an environment that was given one")
    known = explain(_PATTERNS, words) or unseen
    return Diagnosis(known.cause, f"{known.sentence} ({short})")
