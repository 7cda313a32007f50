"""Libraries of NVIDIA that a process loads from a place where they do not belong, and a cuDNN of mixed parts.

https://github.com/pytorch/pytorch/issues/188892: a wheel without one of cuDNN's engines, which the loader
then took from the system, of another version.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Iterator, List, Optional, Tuple

from .finding import Finding, FindingKind, inside, listed, titled
from .import_causes import cause_of
from .inventory import InstalledPackage, Inventory, MappedLibrary
from .loaded_process import TOO_LATE


def owners(inventory: Inventory) -> Dict[str, InstalledPackage]:
    """Return the packages that have installed NVIDIA's libraries, by path."""
    return {path: package for package in reversed(inventory.packages) for path in package.nvidia}


def described(library: MappedLibrary, inventory: Inventory) -> str:
    """``9.26.0, nvidia/cudnn/lib/libcudnn.so.9 of nvidia-cudnn-cu13 9.26.0.51``."""
    owner = owners(inventory).get(library.path)
    whose = "of {}".format(titled(owner)) if owner else "of no package"
    place = inside(library.path, inventory) if owner else library.path
    return ", ".join(filter(None, [library.version, "{} {}".format(place, whose)]))


def findings(inventory: Inventory) -> Iterator[Finding]:
    mixed = _mixed(inventory)
    by_folder: Dict[str, List[MappedLibrary]] = {}
    for library in inventory.loading.libraries:
        if _belongs(library, inventory) and not (mixed and library.name.startswith("libcudnn")):
            by_folder.setdefault(os.path.dirname(library.path), []).append(library)
    for folder in sorted(by_folder):
        yield _elsewhere(folder, by_folder[folder], inventory)
    yield from [mixed] if mixed else []
    yield from _imports(inventory)


def _belongs(library: MappedLibrary, inventory: Inventory) -> Optional[str]:
    """Return the file of a package that belongs in place of a foreign library; None for one that is right."""
    known = owners(inventory)
    name = os.path.basename(library.path).partition(".so")[0]
    own = [path for path in known if os.path.basename(path).partition(".so")[0] == name]
    return own[0] if own and library.path not in known else None


def _elsewhere(folder: str, libraries: List[MappedLibrary], inventory: Inventory) -> Finding:
    known = owners(inventory)
    says = []
    for library in libraries:
        version = " ({})".format(library.version) if library.version else ""
        own = known[_belongs(library, inventory) or ""]
        says.append("{}{} instead of that of {}".format(os.path.basename(library.path), version, titled(own)))
    sentence = "A process that imports PyTorch loads from {}: {}. PyTorch was not tested with that."
    return Finding(
        FindingKind.ELSEWHERE, False, sentence.format(folder, listed(says)), *_without(folder, inventory)
    )


def _without(folder: str, inventory: Inventory) -> Tuple[str, List[str]]:
    """Return how to keep the loader out of a folder, by what leads it there."""
    path = re.split("[:;]", inventory.search.get("LD_LIBRARY_PATH", ""))
    if any(os.path.realpath(part) == os.path.realpath(folder) for part in path if part):
        rest = ":".join(part for part in path if part and os.path.realpath(part) != os.path.realpath(folder))
        command = "export LD_LIBRARY_PATH=" + rest if rest else "unset LD_LIBRARY_PATH"
        return "LD_LIBRARY_PATH names that folder; take it out, also where it is set for good:", [command]
    if folder in inventory.search.get("LD_PRELOAD", ""):
        return "LD_PRELOAD names it:", ["unset LD_PRELOAD"]
    return (
        "the system's loader knows that folder; uninstall the system's packages of these libraries, or take "
        "the folder out of /etc/ld.so.conf.d and run ldconfig:",
        ["dpkg -S {}/libcudnn*  # names the package".format(folder)] if "libcudnn" in folder else [],
    )


def _mixed(inventory: Inventory) -> Optional[Finding]:
    """Judge cuDNN, which loads its parts from LD_LIBRARY_PATH, its own folder, or else the system's."""
    loading = inventory.loading
    parts = [library for library in loading.libraries if library.name.startswith("libcudnn")]
    main = next((part.path for part in parts if part.name == "libcudnn"), "")
    own = os.path.dirname(main)
    loaded = {os.path.basename(part.path): part.path for part in parts}
    every = {**loading.fallbacks, **loading.early, **loaded}
    foreign = sorted({path for path in every.values() if os.path.dirname(path) != own})
    if not main or not (foreign or loading.cudnn):
        return None
    owner = owners(inventory).get(main)
    folder = os.path.dirname(foreign[0]) if foreign else own
    sentence = "cuDNN is mixed: {} of {} takes {} from {}".format(
        os.path.basename(main),
        titled(owner) if owner else "no package",
        listed([os.path.basename(path) for path in foreign]) if foreign else "parts of another version",
        listed(sorted({os.path.dirname(path) for path in foreign})) if foreign else own,
    )
    if set(loading.fallbacks) - set(loaded):
        sentence += ", since {} is not in the package".format(listed(sorted(loading.fallbacks)))
    if loading.cudnn:
        answers = listed(sorted(set(loading.cudnn.values())))
        sentence += "; cuDNN's own check says {} ({})".format(answers, ", ".join(sorted(loading.cudnn)))
    sentence += ". If versions differ, convolutions on a GPU fail: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH."
    return Finding(FindingKind.MIXED, bool(loading.cudnn), sentence, *_without(folder, inventory))


def _imports(inventory: Inventory) -> Iterator[Finding]:
    """Yield what cannot be imported: the rest may say why."""
    loading = inventory.loading
    names = {"segment_anything": "segment-anything", "cv2": "opencv-python"}
    installed = {package.name: package for package in inventory.packages}
    # What comes after a failed import of torch fails because of that.
    errors = {name: text for name, text in loading.import_errors.items() if name == "torch"}
    for module, error in sorted((errors or loading.import_errors).items()):
        package = installed.get(names.get(module, module))
        cause = cause_of(error)
        cure = "cure first what else is found here; if that is nothing, install it again"
        sentence = "{} cannot be imported: {}{}.".format(
            titled(package) if package else module,
            error.rstrip("."),
            " ({})".format(cause.because) if cause else "",
        )
        yield Finding(FindingKind.IMPORT, True, sentence, (cause.cure if cause else cure) + ".", [])
    if loading.failure:
        sentence = "A process that imports PyTorch and computes gave no report: {}.".format(loading.failure)
        yield Finding(
            FindingKind.IMPORT,
            not loading.failure.startswith(TOO_LATE),
            sentence + " Which libraries would load is not known.",
            "cure first what else is found here, then look again.",
            [],
        )
