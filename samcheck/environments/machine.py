"""This machine: GPU and driver, Pythons, access to PyTorch's index, free disk space.

Plans depend only on data (`facts.target_machine.Machine`).
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from samcheck.certificates import ca_bundle
from samcheck.environments import gpu_numbers
from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.requirements import PYTORCH_INDEX
from samcheck.facts.target_machine import GpuDevice, Machine
from samcheck.guest import nvml
from samcheck.guest.gpu import Gpu

#: Timeout for PyTorch's index.
INDEX_SECONDS = 3.0
NO_SLICE = "MIG is enabled, and it has no slice, without which nothing can use it"
MAKE_SLICE = "`sudo nvidia-smi mig -i {} -cgi 0 -C` makes one of the whole GPU"
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")


@dataclass(frozen=True)
class Driver:
    """What the NVIDIA driver says, if there is one.

    Attributes:
        count: number of GPUs.
        answers: by number or UUID, each GPU that this process may use, or why it does not answer; of a GPU
            with MIG, each slice.
        slices: by number, the UUIDs of the slices of each GPU with MIG.
    """

    version: str = ""
    count: int = 0
    answers: Mapping[str, GpuDevice | nvml.NvmlFailure] = field(default_factory=dict)
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def lost(self) -> dict[str, nvml.NvmlFailure]:
        return {name: said for name, said in self.answers.items() if isinstance(said, nvml.NvmlFailure)}


def look() -> Machine:
    """Return this machine, without GPUs that do not answer while others do.

    A user who hides every GPU with CUDA_VISIBLE_DEVICES has none. PyTorch's index is only tried if no GPU
    determines the build.

    Raises:
        EnvironmentUnavailable: there is an NVIDIA driver, and neither it nor any GPU answers.
    """
    driver = nvidia()
    gpus = tuple(said for said in driver.answers.values() if isinstance(said, GpuDevice))
    for failure in () if gpus else driver.lost.values():
        raise _unavailable(failure)
    return Machine(gpus=gpus, driver=driver.version, pytorch_index=not gpus and pytorch_index_answers())


def gpu_count() -> int:
    """Return the number of GPUs, those that do not answer among them.

    Raises:
        EnvironmentUnavailable: as `look` does, whose word results are stored under.
    """
    look()
    return nvidia().count


def left_out() -> list[str]:
    """Return which GPUs `look` leaves out, and why."""
    notes = [f"GPU {name} is left out: {failure}" for name, failure in nvidia().lost.items()]
    empty = [name for name, slices in nvidia().slices.items() if not slices]
    return notes + [f"GPU {name} is left out: {NO_SLICE}: {MAKE_SLICE.format(name)}" for name in empty]


def places(numbers: Sequence[str]) -> tuple[str, ...]:
    """Return what cells can run on, by number or UUID: of a GPU with MIG its slices, by default of all.

    Raises:
        EnvironmentUnavailable: a GPU that was asked for has MIG and no slice.
    """
    driver = nvidia()
    for name in numbers:
        if not driver.slices.get(name, (name,)):
            raise EnvironmentUnavailable(f"GPU {name}: {NO_SLICE}", MAKE_SLICE.format(name))
    found = [name for number in numbers for name in driver.slices.get(number, (number,))]
    return tuple(found if numbers else driver.answers)


def require_answers(names: Sequence[str]) -> None:
    """Require that these GPUs answer, whatever others do.

    Raises:
        EnvironmentUnavailable: one of them does not.
    """
    for name in names:
        failure = nvidia().lost.get(name)
        if failure is not None:
            raise _unavailable(failure, "leave it out with --gpus, ")


def _unavailable(failure: nvml.NvmlFailure, instead: str = "") -> EnvironmentUnavailable:
    hint = f"or {instead}or set CUDA_VISIBLE_DEVICES=-1 to use the CPU"
    return EnvironmentUnavailable(failure.what, f"{failure.remedy}, {hint}")


@cache
def nvidia() -> Driver:
    """Ask the NVIDIA driver, once: what is stored at the end of a run is of the machine that it began on.

    Raises:
        EnvironmentUnavailable: there is a driver, and it does not answer.
    """
    allotted = allotted_gpus()
    if allotted == ():
        return Driver()
    try:
        with nvml.started() as library:
            return Driver() if library is None else _driver(library, allotted)
    except nvml.NvmlFailure as failure:
        raise _unavailable(failure) from None


def _driver(library: Any, allotted: Sequence[str] | None) -> Driver:
    version = str(nvml.required(library, "for its version", library.nvmlSystemGetDriverVersion))
    count = int(nvml.required(library, "for the number of GPUs", library.nvmlDeviceGetCount))
    every = map(str, range(count))
    names = every if allotted is None else gpu_numbers.known_to_nvml(library, count, allotted)
    answers: dict[str, GpuDevice | nvml.NvmlFailure] = {}
    sliced: dict[str, Sequence[str]] = {}
    for name in names:
        try:
            slices = Gpu(library, name).slices()
        except nvml.NvmlFailure as failure:
            answers[name] = failure
            continue
        if slices is not None:
            sliced[name] = slices
        answers |= {each: _answer(library, each) for each in ([name] if slices is None else slices)}
    return Driver(version, count, answers, sliced)


def _answer(library: Any, name: str) -> GpuDevice | nvml.NvmlFailure:
    def ask() -> GpuDevice:
        card = Gpu(library, name).card
        major, minor = library.nvmlDeviceGetCudaComputeCapability(card)
        return GpuDevice(str(library.nvmlDeviceGetName(card)), f"{major}.{minor}")

    try:
        return nvml.required(library, f"for GPU {name}", ask)
    except nvml.NvmlFailure as failure:
        return failure


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
