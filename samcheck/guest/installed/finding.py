"""One thing that is wrong with what is installed, as sentences, and the commands that put it right."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Sequence

from ..outcomes import Word
from .inventory import InstalledPackage, Inventory


class FindingKind(Word):
    """What kind of thing is wrong."""

    OVERLAP = "overlap"  # packages whose files lie on top of each other
    PINS = "pins"  # versions that a package excludes
    BUILD = "build"  # PyTorch and torchvision of different builds
    COPIES = "copies"  # one package several times
    LEFTOVER = "leftover"  # what an interrupted or incomplete upgrade left
    MISSING = "missing"  # files that a package has installed and that are gone
    CHANGED = "changed"  # files of a package that are no longer those that it has installed
    ELSEWHERE = "elsewhere"  # a library that loads from a place where it does not belong
    MIXED = "mixed"  # parts of cuDNN of different origin
    IMPORT = "import"  # a package that cannot be imported


@dataclass(frozen=True)
class Finding:
    """What is wrong.

    Attributes:
        breaks: it does so now, by what was read; otherwise it may.
        sentence: what is wrong, and what follows from it.
        cure: what to do.
        commands: to type for that, in this order.
    """

    kind: FindingKind
    breaks: bool
    sentence: str
    cure: str
    commands: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class Installer:
    """The commands of pip, or of uv where the environment has no pip."""

    python: str
    has_pip: bool

    def uninstall(self, names: Iterable[str]) -> str:
        if self.has_pip:
            return _quoted([self.python, "-m", "pip", "uninstall", "-y", *names])
        return _quoted(["uv", "pip", "uninstall", "--python", self.python, *names])

    def install(self, requirements: Sequence[str], *options: str) -> str:
        own = [self.python, "-m", "pip", "install"]
        words = own if self.has_pip else ["uv", "pip", "install", "--python", self.python]
        names = [name.partition("+")[0] for name in requirements]
        return _quoted([*words, *options, *names, *_index(requirements)])

    def again(self, requirements: Sequence[str]) -> str:
        """Install what is there already, whatever its metadata says, and nothing else."""
        force = "--force-reinstall" if self.has_pip else "--reinstall"
        return self.install(requirements, force, "--no-deps")


def _index(requirements: Sequence[str]) -> List[str]:
    """Options for builds that only PyTorch's own index has: ``torch==2.4.1+cu121``."""
    builds = sorted({name.partition("+")[2] for name in requirements} - {""})
    known = [build for build in builds if build == "cpu" or build[2:].isdigit()]
    return ["--index-url", "https://download.pytorch.org/whl/" + known[0]] if known else []


def installer(inventory: Inventory) -> Installer:
    return Installer(inventory.python, any(package.name == "pip" for package in inventory.packages))


def titled(package: InstalledPackage) -> str:
    """``numpy 2.4.6``."""
    return "{} {}".format(package.name, package.version)


def listed(words: Sequence[str], most: int = 4) -> str:
    """``a, b and c``; of many the first few."""
    if len(words) > most:
        return "{} and {} more".format(", ".join(words[:most]), len(words) - most)
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def times(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return "{} {}{}".format(count, noun, "" if count == 1 else "s")


def inside(path: str, inventory: Inventory) -> str:
    """A path inside the environment as its end behind site-packages."""
    for package in inventory.packages:
        if path.startswith(package.folder + "/"):
            return path[len(package.folder) + 1 :]
    return path


def active(inventory: Inventory) -> List[InstalledPackage]:
    """The packages that imports find: the first of each name."""
    first: Dict[str, InstalledPackage] = {}
    for package in inventory.packages:
        first.setdefault(package.name, package)
    return list(first.values())


def _quoted(words: Sequence[str]) -> str:
    return " ".join(map(shlex.quote, words))
