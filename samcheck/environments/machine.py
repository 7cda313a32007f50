"""This machine: GPU and driver, Pythons, access to PyTorch's index, free disk space.

Plans depend only on data (`facts.gpu_support.Machine`).
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from samcheck.certificates import ca_bundle
from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.gpu_support import GpuDevice, Machine
from samcheck.facts.requirements import PYTORCH_INDEX
from samcheck.guest import nvml

#: Timeout for PyTorch's index.
INDEX_SECONDS = 3.0
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")


@cache
def look() -> Machine:
    """Return this machine. PyTorch's index is only tried if no GPU determines the build.

    A user who hides every GPU with CUDA_VISIBLE_DEVICES has none.

    Raises:
        EnvironmentUnavailable: there is an NVIDIA driver, and it does not answer.
    """
    try:
        gpus, driver = ((), "") if allotted_gpus() == () else _nvidia()
    except nvml.NvmlFailure as failure:
        hint = "or set CUDA_VISIBLE_DEVICES=-1 to use the CPU"
        raise EnvironmentUnavailable(failure.what, f"{failure.remedy}, {hint}") from None
    return Machine(gpus=gpus, driver=driver, pytorch_index=not gpus and pytorch_index_answers())


def _nvidia() -> tuple[tuple[GpuDevice, ...], str]:
    with nvml.started() as library:
        if library is None:
            return (), ""
        driver = str(nvml.required(library, "for its version", library.nvmlSystemGetDriverVersion))
        count = nvml.required(library, "for the number of GPUs", library.nvmlDeviceGetCount)
        return tuple(_gpu(library, index) for index in range(count)), driver


def _gpu(library: Any, index: int) -> GpuDevice:
    def ask() -> GpuDevice:
        handle = library.nvmlDeviceGetHandleByIndex(index)
        major, minor = library.nvmlDeviceGetCudaComputeCapability(handle)
        return GpuDevice(str(library.nvmlDeviceGetName(handle)), f"{major}.{minor}")

    return nvml.required(library, f"for GPU {index}", ask)


def allotted_gpus() -> tuple[str, ...] | None:
    """Return the GPUs that a scheduler allotted to this process, by number or UUID; None for all.

    As in CUDA, everything after an invalid GPU is ignored: ``-1`` allots none.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return None
    names = (name.strip() for name in given.split(","))
    return tuple(takewhile(re.compile(r"[0-9]+$|(GPU|MIG)-").match, names))


@cache
def pytorch_index_answers() -> bool:
    """Return whether PyTorch's own index is reachable, for the builds that only it has; an error counts."""
    request = urllib.request.Request(PYTORCH_INDEX, method="HEAD")  # noqa: S310  a constant
    try:
        trusted = ssl.create_default_context()
        if ca_bundle():
            trusted.load_verify_locations(ca_bundle())
        with urllib.request.urlopen(request, timeout=INDEX_SECONDS, context=trusted):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


@cache
def interpreter(python: str) -> str:
    """Return the path of an interpreter of `python` (``3.12``) on this machine; empty if there is none.

    Searches PATH and pyenv's versions. A pyenv shim on PATH may point to an inactive version, so each
    candidate is run to get its version.
    """
    return next((path for path in _candidates(python) if _version(path) == python), "")


def _candidates(python: str) -> list[str]:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    on_path = [shutil.which(f"python{python}", path=folder) for folder in folders]
    generic = [shutil.which("python3", path=folder) for folder in folders]
    root = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")) / "versions"
    versions = sorted(root.glob(f"{python}.*/bin/python{python}"), key=_natural, reverse=True)
    exact = [path for path in on_path if path] + [str(path) for path in versions]
    return exact + [path for path in generic if path]


def _natural(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


@cache
def _version(path: str) -> str:
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [path, "-I", "-c", question], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def free_mib(folder: Path) -> int:
    """Return the free disk space at `folder`, or at its nearest existing parent."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free // 2**20


def device_name() -> str:
    """Return the device under which this machine's results are stored: its GPU, else its processor."""
    gpus = look().gpus
    return gpus[0].name if gpus else f"cpu {_processor()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "unknown")
