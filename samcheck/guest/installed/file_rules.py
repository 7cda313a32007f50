"""What is wrong with the files of packages: on top of each other, missing, left over, several times there."""

from __future__ import annotations

import os
import shlex
from collections import defaultdict
from typing import Dict, Iterator, List, Tuple

from packaging.version import InvalidVersion, Version

from .finding import Finding, FindingKind, active, inside, installer, listed, times, titled
from .inventory import InstalledPackage, Inventory, SharedFiles, Where
from .pin_rules import demands, required_by_torch

#: Of these a second copy with another version matters wherever it is.
_STACK = (
    "numpy",
    "torch",
    "torchvision",
    "triton",
    "segment-anything",
    "opencv-python",
    "opencv-python-headless",
)


def findings(inventory: Inventory) -> Iterator[Finding]:
    yield from (_overlap(shared, inventory) for shared in inventory.shared)
    yield from _copies_in_one_folder(inventory)
    yield from _hidden_copies(inventory)
    yield from _other_words(inventory)
    yield from _missing(inventory)
    yield from _changed(inventory)
    yield from _leftovers(inventory)


def _overlap(shared: SharedFiles, inventory: Inventory) -> Finding:
    keep, why = _kept(shared, inventory)
    names = [owner.replace("==", " ") for owner in shared.owners]
    sentence = "{} lie on top of each other: they share {}".format(listed(names), times(shared.files, "file"))
    if shared.different:
        sentence += ", {} with different content, such as {}".format(
            shared.different, inside(shared.examples[0], inventory)
        )
    sentence += ". {}Uninstalling one removes them from {}.".format(
        _there_now(shared),
        "the other, which is then broken" if len(names) == 2 else "the others, which are then broken",
    )
    others = [owner.partition("==")[0] for owner in shared.owners]
    command = installer(inventory)
    return Finding(
        FindingKind.OVERLAP,
        bool(shared.different) and shared.present.get(keep, 0) < shared.different,
        sentence,
        "uninstall all, then install one; {}:".format(why),
        [command.uninstall(others), command.again([keep])],
    )


def _there_now(shared: SharedFiles) -> str:
    """Say whose content is there."""
    if not shared.different:
        return ""
    says = [
        "{} of {}".format(count, owner.replace("==", " ")) for owner, count in sorted(shared.present.items())
    ]
    rest = shared.different - max(shared.present.values(), default=0)
    if len(says) == 1 and not rest:
        return "What is there now is all {}'s. ".format(next(iter(shared.present)).replace("==", " "))
    return "What is there now is {}. ".format(listed(says) if says else "of none of them")


def _kept(shared: SharedFiles, inventory: Inventory) -> Tuple[str, str]:
    """Return the package to keep, and why: what torch requires, then what others do, then what is there."""
    by_torch = required_by_torch(inventory)
    by_others = {demand.name for demand in demands(inventory)}
    for names, why in ((by_torch, "torch requires {}"), (by_others, "{} is what other packages require")):
        wanted = [owner for owner in shared.owners if owner.partition("==")[0] in names]
        if len(wanted) == 1:
            return wanted[0], why.format(wanted[0].partition("==")[0])
    most = max(shared.owners, key=lambda owner: (shared.present.get(owner, 0), owner))
    return most, "{} has the most files there, take another if you need that".format(most.partition("==")[0])


def _copies_in_one_folder(inventory: Inventory) -> Iterator[Finding]:
    for packages in _same_name_and_folder(inventory):
        real = max(packages, key=lambda package: (_fits(package), bool(package.code), -package.gone))
        stale = [package for package in packages if package is not real]
        sentence = (
            "{} is installed {} times in {}: {}, as an interrupted or forced upgrade leaves it. ".format(
                real.name, len(packages), real.folder, listed([package.metadata for package in packages])
            )
        )
        sentence += (
            "The files are those of {}; which version pip and other programs report is chance.".format(
                real.version
            )
        )
        folders = [os.path.join(package.folder, package.metadata) for package in stale]
        yield Finding(
            FindingKind.COPIES,
            False,
            sentence,
            "remove the other metadata and install it again:",
            ["rm -r " + " ".join(map(shlex.quote, folders)), installer(inventory).again([_key(real)])],
        )


def _same_name_and_folder(inventory: Inventory) -> List[List[InstalledPackage]]:
    groups: Dict[Tuple[str, str], List[InstalledPackage]] = defaultdict(list)
    for package in inventory.packages:
        groups[package.name, package.folder].append(package)
    return [group for group in groups.values() if len({package.metadata for package in group}) > 1]


def _fits(package: InstalledPackage) -> bool:
    """Whether the package's own `version.py` has the version of the metadata."""
    return _public(package.says) == _public(package.version) != ""


def _public(version: str) -> str:
    try:
        return str(Version(version).public)
    except InvalidVersion:
        return ""


def _hidden_copies(inventory: Inventory) -> Iterator[Finding]:
    """Yield packages whose copy in the environment is hidden by one of the user's, or of PYTHONPATH."""
    for first in active(inventory):
        hidden = [
            other for other in inventory.packages if other.name == first.name and other.folder != first.folder
        ]
        hidden = sorted(
            (other for other in hidden if other.version != first.version), key=_fits, reverse=True
        )
        if not hidden or first.where not in (Where.USER, Where.PYTHONPATH) or not _matters(first.name):
            continue
        why = (
            "PYTHONPATH names that folder"
            if first.where is Where.PYTHONPATH
            else "it is the user's own folder"
        )
        sentence = "{} is there twice: {} in {} is imported, because {}, and hides {} in {}. ".format(
            first.name, first.version, first.folder, why, hidden[0].version, hidden[0].folder
        )
        sentence += "Packages of the environment were installed for the hidden one."
        if first.where is Where.PYTHONPATH:
            cure, commands = "take that folder out of PYTHONPATH:", ["unset PYTHONPATH"]
        else:
            cure = "remove the user's copy, or switch the user's folder off:"
            commands = [installer(inventory).uninstall([first.name]) + "  # or: export PYTHONNOUSERSITE=1"]
        yield Finding(FindingKind.COPIES, False, sentence, cure, commands)


def _matters(name: str) -> bool:
    return name in _STACK or name.startswith("nvidia-")


def _other_words(inventory: Inventory) -> Iterator[Finding]:
    """Yield packages whose metadata and files have different versions, and builds that do not go together."""
    twice = {package.name for packages in _same_name_and_folder(inventory) for package in packages}
    for package in active(inventory):
        words = {_public(package.says), _public(package.version)}
        if package.name not in twice and len(words) > 1 and "" not in words:
            yield Finding(
                FindingKind.LEFTOVER,
                True,
                "{} is what the metadata says, but the files are of {}: an upgrade was interrupted, or "
                "another program wrote over it.".format(titled(package), package.says),
                "install it again:",
                [installer(inventory).again([_key(package)])],
            )
    yield from _builds(inventory)


def _builds(inventory: Inventory) -> Iterator[Finding]:
    """Yield a torchvision for other devices than torch's; both say what they are built for behind a ``+``."""
    says = {package.name: package.says for package in active(inventory)}
    builds = [says.get(name, "").partition("+")[2] for name in ("torch", "torchvision")]
    torch, vision = (build[:-1] if build.startswith("cu") else build for build in builds)
    if torch == vision or not all(build == "cpu" or build[2:].isdigit() for build in builds):
        return
    sentence = "torch is the build {}, torchvision the build {}: {}.".format(
        *builds,
        "its operators, such as nms, have no code for the GPU"
        if vision == "cpu"
        else "torchvision refuses to be imported, or its operators crash",
    )
    wanted = "torchvision=={}+{}".format(says["torchvision"].partition("+")[0], builds[0])
    yield Finding(
        FindingKind.BUILD,
        True,
        sentence,
        "install the torchvision of the same build:",
        [installer(inventory).again([wanted])],
    )


def _missing(inventory: Inventory) -> Iterator[Finding]:
    twice = {package.name for packages in _same_name_and_folder(inventory) for package in packages}
    for package in inventory.packages:
        if not package.gone or package.name in twice:
            continue
        sentence = "{} of the {} that {} has installed {} gone, such as {}: ".format(
            package.gone,
            times(package.code, "file") + " of code",
            titled(package),
            "is" if package.gone == 1 else "are",
            inside(package.missing[0], inventory),
        )
        sentence += "another package took them along when it was uninstalled, or they were deleted."
        yield Finding(
            FindingKind.MISSING,
            True,
            sentence,
            "install it again:",
            [installer(inventory).again([_key(package)])],
        )


def _changed(inventory: Inventory) -> Iterator[Finding]:
    for package in inventory.packages:
        if package.altered:
            sentence = "{} of {} {} not what it has installed: the size is another.".format(
                listed([inside(path, inventory) for path in package.altered]),
                titled(package),
                "is" if len(package.altered) == 1 else "are",
            )
            again = installer(inventory).again([_key(package)])
            yield Finding(FindingKind.CHANGED, False, sentence, "install it again:", [again])


def _leftovers(inventory: Inventory) -> Iterator[Finding]:
    if inventory.leftovers:
        names = [os.path.basename(path) for path in inventory.leftovers]
        sentence = "pip was interrupted while it replaced packages, and left {}: ".format(listed(names))
        sentence += "what it was about to install may be incomplete."
        command = "rm -r " + " ".join(map(shlex.quote, inventory.leftovers))
        yield Finding(FindingKind.LEFTOVER, False, sentence, "remove them:", [command])
    if inventory.strays:
        sentence = "No package has installed {}: {} left by an upgrade, or copied there.".format(
            listed([inside(path, inventory) for path in inventory.strays]),
            "it was" if len(inventory.strays) == 1 else "they were",
        )
        command = "rm " + " ".join(map(shlex.quote, inventory.strays))
        yield Finding(
            FindingKind.LEFTOVER, False, sentence, "remove what you have not put there yourself:", [command]
        )


def _key(package: InstalledPackage) -> str:
    return "{}=={}".format(package.name, package.version)
