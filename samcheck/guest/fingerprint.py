"""Reads what is really installed here from live objects, and writes a `Fingerprint` as JSON.

python -m samcheck.guest.fingerprint [installed | MODULE...] FILE

With "installed", nothing is imported, since PyTorch takes long; what only live objects know is left out.
Otherwise the modules, of the package under test, are imported beside those that every cell has.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from typing import Any, Callable, Dict, Optional, Sequence

from . import libraries, nvml
from .record import Fingerprint

IMPORTED = ("numpy", "torch", "torchvision", "segment_anything")


def one_line(error: BaseException) -> str:
    """``TypeName: message``, without line breaks."""
    return " ".join("{}: {}".format(type(error).__name__, error).split())


def installed_packages() -> Dict[str, str]:
    """Map every installed distribution to its version, as ``pip freeze`` would list them."""
    from importlib import metadata

    installed = ((dist.metadata["Name"], dist.version) for dist in metadata.distributions())
    return {name: version for name, version in sorted(installed, key=str) if name}


def cpu_model() -> str:
    """Marketing name of the processor, or the machine type if the kernel does not report it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            for line in stream:
                if line.startswith("model name"):
                    return " ".join(line.split(":", 1)[1].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory_mib() -> int:
    """Physical memory of the machine in MiB (a container's limit is not subtracted)."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def import_all(more: Sequence[str] = ()) -> tuple[Dict[str, Any], Dict[str, str]]:
    """Import what SAM needs, and `more`; return modules by name and, for those that failed, the error.

    A package that is absent is in neither.
    """
    import importlib
    import importlib.util

    modules: Dict[str, Any] = {}
    errors: Dict[str, str] = {}
    for name in dict.fromkeys((*IMPORTED, *more)):
        if importlib.util.find_spec(name) is None:
            continue
        try:
            modules[name] = importlib.import_module(name)
        except Exception as error:  # whatever an import raises is the result
            errors[name] = one_line(error)
    return modules, errors


def driver_facts() -> Dict[str, Optional[str]]:
    """Driver version and the newest CUDA it supports, from NVML; empty if there is no driver.

    Raises:
        NvmlFailure: there is one, and it does not answer.
    """
    with nvml.started() as library:
        if library is None:
            return {}
        version = nvml.required(library, "for its version", library.nvmlSystemGetDriverVersion)
        cuda = nvml.required(library, "for its CUDA", library.nvmlSystemGetCudaDriverVersion_v2)
    text = version.decode() if isinstance(version, bytes) else str(version)
    return {"driver": text, "driver_cuda": "{}.{}".format(cuda // 1000, cuda % 1000 // 10)}


def gpu_facts(torch: Any) -> Dict[str, Any]:
    """The device that the suite will use, and why not CUDA if a CUDA build cannot access a GPU."""
    if torch.version.cuda is None:
        return {"device": "cpu", "cuda_unavailable": "a CPU build of PyTorch"}
    try:
        torch.cuda.init()
    except Exception as error:  # RuntimeError, AssertionError, AcceleratorError, by version
        return {"device": "cpu", "cuda_unavailable": one_line(error)}
    properties = torch.cuda.get_device_properties(0)
    return {
        "device": "cuda",
        "gpu": properties.name,
        "gpu_capability": "{}.{}".format(properties.major, properties.minor),
        "gpu_memory_mib": properties.total_memory // 2**20,
    }


def compute(torch: Any, device: str) -> None:
    """Load what SAM's layers need: libraries are loaded when they are first used."""
    image, kernel = torch.ones(1, 3, 32, 32, device=device), torch.ones(4, 3, 16, 16, device=device)
    torch.nn.functional.conv2d(image, kernel, stride=16)
    (torch.ones(64, 64, device=device) @ torch.ones(64, 64, device=device)).cpu()


def _try(read: Callable[[], Any], default: Any = None) -> Any:
    try:
        return read()
    except Exception:  # a broken build must still report the rest of its fingerprint
        return default


def take(more: Sequence[str] = ()) -> Fingerprint:
    """Take the fingerprint of the running interpreter, importing `more` modules as well."""
    modules, errors = import_all(more)
    torch = modules.get("torch")
    facts: Dict[str, Any] = {}
    try:
        facts.update(driver_facts())
    except nvml.NvmlFailure as failure:  # PyTorch may have its own words for it
        errors["nvml"] = str(failure)
    if torch is not None:
        facts.update(gpu_facts(torch))
        facts["torch_cuda"] = torch.version.cuda
        cudnn = _try(torch.backends.cudnn.version)
        facts["cudnn"] = None if cudnn is None else str(cudnn)
        facts["arch_list"] = _try(lambda: list(torch._C._cuda_getArchFlags().split()), [])
        facts["torch"] = str(torch.__version__)
        _try(lambda: compute(torch, facts["device"]))
        facts["libraries"] = libraries.loaded()
    return _described(import_errors=errors, **facts)


def installed() -> Fingerprint:
    """Take what the running interpreter holds by its metadata, without importing it."""
    release = _try(_torch_version, {})
    return _described(**{name: value for name, value in release.items() if value})


def _torch_version() -> Dict[str, Any]:
    """Read the release and the CUDA build from PyTorch's own file."""
    from importlib.util import find_spec
    from runpy import run_path

    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return {}
    declared = run_path(os.path.join(os.path.dirname(spec.origin), "version.py"))
    return {"torch": declared.get("__version__"), "torch_cuda": declared.get("cuda")}


def _described(**facts: Any) -> Fingerprint:
    """Add the machine and the installed packages."""
    packages = installed_packages()
    by_key = {name.lower().replace("_", "-"): version for name, version in packages.items()}
    return Fingerprint(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=platform.platform(),
        libc=" ".join(platform.libc_ver()).strip(),
        cpu=cpu_model(),
        cpu_count=len(os.sched_getaffinity(0)),
        memory_mib=memory_mib(),
        torchvision=by_key.get("torchvision"),
        numpy=by_key.get("numpy"),
        segment_anything=by_key.get("segment-anything"),
        packages=packages,
        **{"torch": by_key.get("torch"), **facts},
    )


if __name__ == "__main__":
    with open(sys.argv[-1], "w", encoding="utf-8") as stream:
        asked = sys.argv[1:-1]
        stream.write(json.dumps(asdict(installed() if "installed" in asked else take(asked))) + "\n")
