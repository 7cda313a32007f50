"""NVIDIA's libraries that a process has really loaded: the version that each reports itself, and its file.

The metadata of packages says what was installed. LD_LIBRARY_PATH, a CUDA toolkit of the system or a second
package can put another file in its place.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from typing import Any, Callable, Dict, Iterable, List, Optional

from .record import LoadedLibrary

MAPS = "/proc/self/maps"
#: The libraries' own files; wheels of PyTorch before 2.0 added a hash to the names of some.
_FILE = re.compile(
    r"/lib(cuda|cudart|cublas|cublasLt|cudnn|cufft|curand|cusolver|cusparse|nvrtc|nvJitLink|nccl)"
    r"(?:-[0-9a-f]{8})?\.so(?:\.[\d.]+)?$"
)


def loaded(maps: str = MAPS) -> Dict[str, LoadedLibrary]:
    """Return the loaded libraries by name, such as ``cudnn``; none where the kernel does not list files."""
    return described(files(maps))


def files(maps: str = MAPS) -> List[str]:
    """Return the files that are mapped into the process; none where the kernel does not list them."""
    try:
        with open(maps, encoding="utf-8", errors="surrogateescape") as stream:
            return list(dict.fromkeys(line.split(None, 5)[5].rstrip("\n") for line in stream if "/" in line))
    except OSError:
        return []


def described(
    paths: Iterable[str], open_library: Callable[[str], Any] = ctypes.CDLL
) -> Dict[str, LoadedLibrary]:
    """Return those of `paths` that are NVIDIA's; one that is there twice keeps its first file."""
    found: Dict[str, LoadedLibrary] = {}
    for path in sorted(paths):
        named = _FILE.search(path)
        if named and named.group(1) not in found:
            found[named.group(1)] = LoadedLibrary(_version(named.group(1), path, open_library), _place(path))
    return found


def _place(path: str) -> str:
    """Return a path inside the environment relative to it: environments lie in folders with random names."""
    prefix = os.path.realpath(sys.prefix) + os.sep
    real = os.path.realpath(path)
    return real[len(prefix) :] if real.startswith(prefix) else path


def _version(name: str, path: str, open_library: Callable[[str], Any]) -> Optional[str]:
    """Return the version that a library reports; None if it does not answer."""
    try:
        return _READERS.get(name, _property)(open_library(path), name)
    except (OSError, AttributeError, ValueError):  # it has no such function
        return None


def _property(library: Any, name: str) -> Optional[str]:
    """Ask as `libraryPropertyType` of CUDA's library_types.h numbers it: major, minor, patch."""
    return _joined(*(_integer(library, name + "GetProperty", number) for number in range(3)))


def _integer(library: Any, function: str, *arguments: int) -> int:
    value = ctypes.c_int()
    status = getattr(library, function)(*arguments, ctypes.byref(value))
    if status:
        raise ValueError("{} returned {}".format(function, status))
    return value.value


def _pair(library: Any, name: str) -> Optional[str]:
    major, minor = ctypes.c_int(), ctypes.c_int()
    if getattr(library, name + "Version")(ctypes.byref(major), ctypes.byref(minor)):
        return None
    return _joined(major.value, minor.value)


def _driver(library: Any, name: str) -> Optional[str]:
    return _cuda(_integer(library, "cuDriverGetVersion"))


def _runtime(library: Any, name: str) -> Optional[str]:
    return _cuda(_integer(library, "cudaRuntimeGetVersion"))


def _cuda(number: int) -> str:
    """Convert 12040 to 12.4."""
    return _joined(number // 1000, number % 1000 // 10)


def _cudnn(library: Any, name: str) -> Optional[str]:
    """Convert 8902 to 8.9.2 and 91002 to 9.10.2: cuDNN 9 has one digit more (cudnn_version.h)."""
    library.cudnnGetVersion.restype = ctypes.c_size_t
    number = library.cudnnGetVersion()
    thousand = 10000 if number >= 90000 else 1000
    return _joined(number // thousand, number % thousand // 100, number % 100)


def _nccl(library: Any, name: str) -> Optional[str]:
    """Convert 2708 to 2.7.8 and 22005 to 2.20.5: from 2.9 there is one digit more (nccl.h)."""
    number = _integer(library, "ncclGetVersion")
    thousand = 10000 if number >= 10000 else 1000
    return _joined(number // thousand, number % thousand // 100, number % 100)


def _joined(*numbers: int) -> str:
    return ".".join(map(str, numbers))


_READERS: Dict[str, Callable[[Any, str], Optional[str]]] = {
    "cuda": _driver,
    "cudart": _runtime,
    "cudnn": _cudnn,
    "nccl": _nccl,
    "nvrtc": _pair,
    "nvJitLink": _pair,
}
