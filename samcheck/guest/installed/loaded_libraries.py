"""Loads what PyTorch loads, without a GPU too, and writes from which files that came.

python -m samcheck.guest.installed.loaded_libraries FILE

In a process of its own: a library that does not belong can end it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

from .. import fingerprint, libraries
from .inventory import Loading, MappedLibrary

#: NVIDIA's libraries that packages bring; not the driver's.
IS_NVIDIAS = re.compile(
    r"/lib(?:cudart|cudnn\w*|cublas\w*|cufft\w*|curand|cusolver\w*|cusparse\w*|nvrtc\w*|nvJitLink|nccl|nvshmem\w*)"
    r"(?:-[0-9a-f]{8})?\.so(?:\.[\d.]+)?$"
)
#: Modules that SAM imports only if asked to, and whose own libraries a system may lack.
OPTIONAL = ("cv2",)
_CUDNN = re.compile(r"/libcudnn\.so\.(\d+)$")
#: Parts of cuDNN 9 with a function that compares their version with the others'; it needs no GPU.
#: https://docs.nvidia.com/deeplearning/cudnn/backend/latest/api/cudnn-graph-library.html
CHECKED = ("Graph", "Ops", "Cnn", "Adv")
#: How `libcudnn_graph` names the parts that it loads when they are first needed.
_PART = re.compile(rb"libcudnn_\w+\.so")


def take() -> Loading:
    """Import, compute, and read what was loaded."""
    modules, errors = fingerprint.import_all(OPTIONAL)
    torch = modules.get("torch")
    if torch is not None:
        try:
            fingerprint.compute(torch, fingerprint.gpu_facts(torch)["device"])
        except Exception as error:  # a broken build must still report what it has loaded
            errors["torch"] = fingerprint.one_line(error)
    cudnn = next((match for match in map(_CUDNN.search, mapped()) if match), None)
    if cudnn is None or int(cudnn.group(1)) < 9:  # cuDNN 8 ends a process without a GPU that asks
        return Loading(list(_found()), errors)
    folder = os.path.dirname(cudnn.string)
    answers = checked(ctypes.CDLL(cudnn.string))
    named = list(parts(folder))
    lacking = [part for part in named if not os.path.exists(os.path.join(folder, part))]
    return Loading(
        libraries=list(_found()),
        import_errors=errors,
        cudnn=answers,
        fallbacks=dict(elsewhere(lacking, folder, [*library_path(), *_system_folders()], cached())),
        lacking=lacking,
        early=dict(elsewhere(named, folder, library_path(), {})),
    )


def mapped() -> List[str]:
    """The files of NVIDIA's libraries in this process, without links."""
    return sorted({os.path.realpath(path) for path in libraries.files() if IS_NVIDIAS.search(path)})


def _found() -> Iterator[MappedLibrary]:
    for path in mapped():
        named = libraries.described([path])
        version = next((library.version for library in named.values()), None)
        yield MappedLibrary(os.path.basename(path).partition(".so")[0], path, version)


def checked(cudnn: Any) -> Dict[str, str]:
    """Let cuDNN load its parts and compare their versions; return what is not well."""
    answers = {}
    for part in CHECKED:
        check = getattr(cudnn, "cudnn{}VersionCheck".format(part), None)
        status = check() if check is not None else 0
        if status:
            cudnn.cudnnGetErrorString.restype = ctypes.c_char_p
            answers[part.lower()] = (cudnn.cudnnGetErrorString(status) or b"").decode("ascii", "replace")
    return answers


def parts(folder: str) -> Iterator[str]:
    """Yield the parts that cuDNN's graph library names, ``libcudnn_engines_tensor_ir.so.9``."""
    try:
        with open(os.path.join(folder, "libcudnn_graph.so.9"), "rb") as stream:
            names = set(_PART.findall(stream.read()))
    except OSError:
        return
    yield from sorted(name.decode() + ".9" for name in names)


def elsewhere(
    names: Iterable[str], own: str, folders: Iterable[str], by_name: Dict[str, str]
) -> Iterator[Tuple[str, str]]:
    """Yield the names that the loader finds in one of the folders, else by name, with the file."""
    others = [folder for folder in folders if os.path.realpath(folder) != os.path.realpath(own)]
    for name in names:
        paths = [os.path.join(folder, name) for folder in others]
        found = next(filter(os.path.exists, paths), by_name.get(name))
        if found:
            yield name, os.path.realpath(found)


def library_path() -> List[str]:
    return [folder for folder in re.split("[:;]", os.environ.get("LD_LIBRARY_PATH", "")) if folder]


def _system_folders() -> List[str]:
    """Where the loader looks at the end, whatever its cache says."""
    machine = os.uname().machine + "-linux-gnu"
    return [*("/{}/{}".format(top, machine) for top in ("lib", "usr/lib")), "/lib64", "/usr/lib64", "/lib"]


def cached(run: Callable[..., Any] = subprocess.run) -> Dict[str, str]:
    """The cache of `ldconfig`: files by name."""
    for command in ("/sbin/ldconfig", "/usr/sbin/ldconfig"):
        try:
            done = run([command, "-p"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        except OSError:
            continue
        lines = re.findall(r"^\s+(\S+) \(.*\) => (.+)$", done.stdout.decode("utf-8", "replace"), re.MULTILINE)
        return dict(reversed(lines))  # the first of a name counts
    return {}


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8", errors="backslashreplace") as output:
        output.write(json.dumps(asdict(take())) + "\n")
