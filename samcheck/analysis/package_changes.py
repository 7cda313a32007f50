"""Which packages differ between two environments, and how (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from packaging.version import InvalidVersion, Version

from samcheck.guest.variant_names import FAMILY_VARIANTS

#: What an upgrade of SAM is about, and how the names of its packages begin; most relevant first.
SUBJECTS = {
    "PyTorch": ("torch",),
    "cuDNN": ("nvidia-cudnn",),
    "NumPy": ("numpy",),
    **{name: (name,) for name in FAMILY_VARIANTS},
    "Triton": ("triton", "pytorch-triton"),
    "torchvision": ("torchvision",),
    "OpenCV": ("opencv-python", "opencv-contrib-python"),
}
#: Subjects whose packages have names that go on: ``nvidia-cudnn-cu13``, ``opencv-python-headless``.
_BEGIN = ("cuDNN", "OpenCV", "Triton")


class PackageWay(StrEnum):
    """How a package differs, most important first."""

    DOWN = "down"
    UP = "up"
    BUILD = "another build"
    NEW = "new"
    GONE = "gone"


@dataclass(frozen=True)
class PackageChange:
    """A package on both sides; a version is empty where it is not there."""

    name: str
    old: str
    new: str

    @property
    def way(self) -> PackageWay:
        if not self.old:
            return PackageWay.NEW
        if not self.new:
            return PackageWay.GONE
        try:
            before, after = Version(self.old), Version(self.new)
        except InvalidVersion:  # of no order that anybody knows
            return PackageWay.BUILD
        if before.public == after.public:
            return PackageWay.BUILD
        return PackageWay.UP if before < after else PackageWay.DOWN

    def __str__(self) -> str:
        return self.shown("->")

    def shown(self, arrow: str) -> str:
        """Return it in a few words, with the arrow that the text around it has."""
        if self.old and self.new:
            return f"{self.name} {self.old} {arrow} {self.new}"
        return f"{self.name} {self.old or self.new}"


def package_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[PackageChange]:
    """Return the packages that differ, those that matter to SAM first, then by name."""
    names = {*before, *after}
    changes = (PackageChange(name, before.get(name, ""), after.get(name, "")) for name in names)
    return sorted((row for row in changes if row.old != row.new), key=lambda row: (_rank(row.name), row.name))


def _rank(name: str) -> int:
    subject = subject_of(name)
    return list(SUBJECTS).index(subject) if subject else len(SUBJECTS)


def subject_of(name: str) -> str:
    """Return what a package belongs to of what an upgrade of SAM is about; empty for another package."""
    for subject, names in SUBJECTS.items():
        if name in names or (subject in _BEGIN and name.startswith(names)):
            return subject
    return ""


def subjects(packages: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the packages of each subject, with their versions."""
    found: dict[str, dict[str, str]] = {name: {} for name in SUBJECTS}
    for name, version in sorted(packages.items()):
        if subject := subject_of(name):
            found[subject][name] = version
    return found


def listed(changes: Iterable[PackageChange], most: int, arrow: str = "->") -> str:
    """Return changes in a line, the first few of them by name."""
    texts = [row.shown(arrow) for row in changes]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")


def by_way(changes: Iterable[PackageChange]) -> Iterator[tuple[PackageWay, list[PackageChange]]]:
    """Yield the changes of each kind that there is."""
    every = list(changes)
    for way in PackageWay:
        rows = [row for row in every if row.way is way]
        if rows:
            yield way, rows
