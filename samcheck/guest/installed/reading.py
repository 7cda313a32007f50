"""Reads an `Inventory` of the running interpreter, and writes it as JSON.

python -m samcheck.guest.installed.reading FILE
"""

from __future__ import annotations

import json
import os
import platform
import re
import site
import sys
import sysconfig
from dataclasses import asdict
from typing import Dict, Iterable, Iterator, List

from . import loaded_process, recorded, sharing
from .inventory import InstalledPackage, Inventory, Loading, Where
from .loaded_libraries import IS_NVIDIAS
from .recorded import Recorded

#: How many files of one kind are named.
NAMED = 5
#: The folder that has this samcheck: not part of the environment where it was put on the path for the guest.
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
#: How the `version.py` of packages calls the version.
_WORDS = {"torch": "__version__", "torchvision": "__version__", "numpy": "version"}


def take(seconds: float = loaded_process.SECONDS) -> Inventory:
    """Read everything, and load the libraries in a process of its own that may take some seconds."""
    return read(list(_folders()), loaded_process.loading(seconds))


def read(folders: List[str], loading: Loading) -> Inventory:
    """Read what is installed in some folders."""
    unreadable: Dict[str, str] = {}
    packages = [package for folder in folders for package in recorded.distributions(folder, unreadable)]
    by_path = sharing.claims_by_path(packages)
    return Inventory(
        python=sys.executable,
        prefix=sys.prefix,
        markers=markers(),
        packages=[_described(package, by_path) for package in packages],
        shared=sharing.shared(packages, by_path),
        leftovers=list(_leftovers(folders)),
        strays=list(_strays(packages)),
        search={name: os.environ[name] for name in ("LD_LIBRARY_PATH", "LD_PRELOAD") if os.environ.get(name)},
        unreadable=unreadable,
        loading=loading,
    )


def _folders() -> Iterator[str]:
    """Yield the folders of the path of imports that packages are installed in, each once."""
    stdlib = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    sites = {os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("purelib", "platlib")}
    seen = set()
    for folder in sys.path:
        real = os.path.realpath(folder)
        own = real == os.path.realpath(_OURS) and where(folder) is not Where.OWN
        # setuptools adds a folder of its own to the path, for what it carries: that is no place of others.
        inside = real.startswith(tuple(sites))
        if os.path.isdir(real) and real not in seen and real not in stdlib and not own and not inside:
            seen.add(real)
            yield real


def where(folder: str) -> Where:
    """Return why a folder is on the path of imports."""
    real = os.path.realpath(folder)
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if real in {os.path.realpath(sysconfig.get_path(name)) for name in ("purelib", "platlib")}:
        return Where.OWN
    if real in {os.path.realpath(path) for path in given if path}:
        return Where.PYTHONPATH
    return Where.USER if real == os.path.realpath(site.getusersitepackages()) else Where.SYSTEM


def markers() -> Dict[str, str]:
    """The variables of PEP 508's markers."""
    implementation = sys.implementation
    release = "{0.major}.{0.minor}.{0.micro}".format(implementation.version)
    return {
        "implementation_name": implementation.name,
        "implementation_version": release,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def _described(package: Recorded, by_path: Dict[str, sharing.Claims]) -> InstalledPackage:
    code = [file for file in package.files if file.is_code]
    gone, altered = recorded.sizes(code)
    # conda relocates what it installs, so that sizes say nothing.
    foreign = [] if package.installer == "conda" else altered
    return InstalledPackage(
        name=package.name,
        version=package.version,
        folder=package.folder,
        metadata=package.metadata,
        where=where(package.folder),
        installer=package.installer,
        requires=package.requires,
        code=len(code),
        gone=len(gone),
        missing=[file.path for file in gone[:NAMED]],
        altered=[file.path for file in foreign if file.is_compiled and file.path not in by_path][:NAMED],
        nvidia=[os.path.realpath(file.path) for file in code if IS_NVIDIAS.search(file.path)],
        says=_own_version(package.name, package.folder),
    )


def _leftovers(folders: Iterable[str]) -> Iterator[str]:
    """Yield what pip has renamed to remove it, `torch` to ``~orch``, and has not removed."""
    for folder in folders:
        if where(folder) is not Where.SYSTEM:
            yield from (os.path.join(folder, name) for name in sorted(_names(folder)) if name.startswith("~"))


def _strays(packages: List[Recorded]) -> Iterator[str]:
    """Yield compiled files of NumPy, and libraries of NVIDIA beside packages' own, that nobody records."""
    files = {file.path for package in packages for file in package.files if file.is_compiled}
    numpy = {file.path for package in packages if package.name == "numpy" for file in package.files}
    for folder in sorted({os.path.dirname(path) for path in files if IS_NVIDIAS.search(path)}):
        paths = (os.path.join(folder, name) for name in sorted(_names(folder)))
        yield from (path for path in paths if IS_NVIDIAS.search(path) and path not in files)
    roots = {path.partition("/numpy/")[0] + "/numpy" for path in numpy if path.endswith("/numpy/version.py")}
    for root in sorted(roots):
        for folder, _, names in os.walk(root):
            paths = (os.path.join(folder, name) for name in sorted(names))
            yield from (path for path in paths if recorded.COMPILED.search(path) and path not in files)


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _own_version(name: str, folder: str) -> str:
    """Return what the `version.py` of a package says, without running it; empty if it has none."""
    if name not in _WORDS:
        return ""
    try:
        with open(os.path.join(folder, name, "version.py"), encoding="utf-8", errors="replace") as stream:
            text = stream.read(10000)
    except OSError:
        return ""
    said = re.search(r"^{}\b[^=\n]*= *['\"]([^'\"]+)['\"]".format(_WORDS[name]), text, re.MULTILINE)
    return said.group(1) if said else ""


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8", errors="backslashreplace") as output:
        output.write(json.dumps(asdict(take())) + "\n")
