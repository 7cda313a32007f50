"""Why a guest does not get the GPU that it was given: the engine's or CUDA's words → one sentence (pure).

The engine's words are those of the NVIDIA Container Toolkit as people report them; each row says where they
were read. None could be tried here, for want of a GPU.
"""

from __future__ import annotations

from samcheck.environments.error_patterns import Cause, explain

_CAUSES = (
    # https://github.com/NVIDIA/nvidia-docker/issues/1642
    Cause(
        r"could not select device driver",
        "the engine has no way to give a container a GPU: install the NVIDIA Container Toolkit, run "
        "`nvidia-ctk runtime configure --runtime=docker`, and restart the engine",
    ),
    # https://github.com/SyneRBI/PETRIC2/issues/27
    Cause(
        r"requirement error: unsatisfied condition: (?P<what>cuda ?>=? ?[0-9.]+)",
        "the image asks for a driver with {what}, which this one is not: take an older image, upgrade the "
        "driver, or set NVIDIA_DISABLE_REQUIRE=1 where minor-version compatibility is enough",
    ),
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/394 and CUDA's error 803:
    # https://github.com/NVIDIA/nvidia-docker/issues/1256
    Cause(
        r"driver/library version mismatch|Error 803|unsupported display driver",
        "the driver's kernel module and its libraries are of different versions, as after an upgrade without "
        "a restart: reboot, or reload the kernel module",
    ),
    # https://github.com/gpustack/gpustack/issues/1254
    Cause(
        r"Error 804|forward compatibility was attempted on non supported HW",
        "a forward-compatibility package (cuda-compat) is in the environment, and does not work on this GPU: "
        "remove it, and upgrade the driver instead",
    ),
    # https://github.com/gpustack/gpustack/issues/1254, a comment there
    Cause(
        r"Error 802|system not yet initialized",
        "the GPUs are joined by NVSwitch and their fabric manager does not run: start nvidia-fabricmanager",
    ),
    # https://github.com/NVIDIA/nvidia-container-toolkit/issues/434
    Cause(
        r"unresolvable CDI devices? (?P<what>\S+?)[:,]?(\s|$)",
        "the engine knows no CDI device {what}: run `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`",
    ),
    Cause(
        r"NVIDIA driver on your system is too old|driver version is insufficient",
        "the driver is too old for this CUDA: `samcheck why` says which one it needs",
    ),
    Cause(
        r"driver not loaded|no CUDA-capable device|No CUDA GPUs are available",
        "the driver is not loaded, or not visible here: `nvidia-smi` says more",
    ),
)


def refusal(words: str) -> str:
    """Why the engine would not start a container, with its own words behind."""
    cause = explain(_CAUSES, words)
    short = " ".join(words.split())[:300]
    return f"{cause} ({short})" if cause else f"the engine would not start the container: {short}"


def lost(words: str) -> str:
    """Why a guest that was given a GPU does not see it, with PyTorch's words behind."""
    short = " ".join(words.split())[:300] or "no reason given"
    cause = explain(_CAUSES, words) or "PyTorch sees no GPU in an environment that was given one"
    return f"{cause} ({short})"
