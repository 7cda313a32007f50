"""Two environments as they are written down or installed: what changes, and what speaks against it (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from samcheck.analysis import package_changes
from samcheck.analysis.package_changes import PackageChange
from samcheck.cells import Cell
from samcheck.environments.own.contents import OwnContents
from samcheck.facts import Facts, sam_packages, version_of
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.guest.variant_names import FAMILY_VARIANTS
from samcheck.matrix import own

#: Rules about what samcheck itself installs into its cells, and into nobody's environment.
_SAMCHECKS = ("guest-python", "export-needs-numpy")
#: From this torchvision on, it accepts every PyTorch from the second on: rule torchvision-pair.
_FREE_TORCHVISION, _FREE_TORCH = Version("0.29.1"), Version("2.14.0")


@dataclass(frozen=True)
class ContentsChange:
    """What there is, and what is to be there.

    Attributes:
        digests: of what both are made from, as in the ids of stored results.
    """

    before: OwnContents
    after: OwnContents
    digests: tuple[str, str] = ("", "")

    @property
    def title(self) -> str:
        return f"{self.before.title} -> {self.after.title}"

    @property
    def is_empty(self) -> bool:
        """Whether both sides say the same."""
        before, after = (
            (side.packages, side.loose, side.python, side.cuda, side.complete)
            for side in (self.before, self.after)
        )
        return before == after

    @property
    def packages(self) -> list[PackageChange]:
        """The packages that differ; one that a side does not pin is unknown there, not gone."""
        before, after = self.before, self.after
        rows = package_changes.package_changes(before.packages, after.packages)
        return [row for row in rows if _says(before, row.name) and _says(after, row.name)]

    @property
    def kept(self) -> dict[str, str]:
        """The packages that stay as they are, besides the PyTorch that they were installed for."""
        same = {name: old for name, old in self.before.packages.items() if _stays(name, old, self.after)}
        return {**same, "torch": self.before.packages.get("torch", "")}


def _says(contents: OwnContents, name: str) -> bool:
    """Return whether it is known which version of a package is there, or that there is none."""
    return name in contents.packages or (contents.complete and name not in contents.loose)


def _stays(name: str, old: str, after: OwnContents) -> bool:
    return after.packages.get(name) == old


def cell_of(contents: OwnContents, facts: Facts) -> Cell:
    """Return the cell that has these contents; without a PyTorch, if its version is not known.

    A NumPy that requirements do not pin is the newest that they allow, as a plain installation brings it.
    """
    found = own.cell_of(contents.packages, contents.python, facts, contents.cuda)
    if not found.numpy and not contents.complete:
        found = replace(found, numpy=_plain_numpy(contents, found.sam, facts))
    return found if found.torch else replace(found, own=contents.title)


def _plain_numpy(contents: OwnContents, sam: str, facts: Facts) -> str:
    """Return the newest NumPy that requirements and the package of SAM allow; empty if none is known."""
    newest = (pin.partition("==")[2] for pin in facts.pin("numpy", contents.python))
    known = [*newest, *(row.newest for row in facts.numpy if contents.python in row.pythons)]
    package = sam_packages.find(sam, facts)
    try:
        allowed = SpecifierSet(contents.loose.get("numpy", ""))
    except InvalidSpecifier:  # an address
        return ""
    fitting = (text for text in known if text in allowed and (not package or package.allows("numpy", text)))
    return max(fitting, key=Version, default="")


def against(
    contents: OwnContents, cell: Cell, obstacles: Sequence[Obstacle], facts: Facts
) -> tuple[Obstacle, ...]:
    """Return the obstacles to a cell as they are for these contents, with those of what is around it."""
    if not cell.torch:
        return beside(contents, cell, facts)
    kept = (row for row in obstacles if row.rule not in _SAMCHECKS)
    # A PyTorch that the facts lack may well exist.
    kept = (replace(row, kind=ObstacleKind.DOUBT) if row.rule == "torch-unknown" else row for row in kept)
    return (*beside(contents, cell, facts), *kept)


def beside(contents: OwnContents, cell: Cell, facts: Facts) -> tuple[Obstacle, ...]:
    """Return the obstacles of contents that their cell does not have: of what is around it, or not known."""
    return (*_doubts(contents, cell), *_around(contents, cell, facts))


def _doubts(contents: OwnContents, cell: Cell) -> Iterator[Obstacle]:
    """Yield what would have to be known, and is not: an answer without it is no yes."""
    needed = {"torch": "PyTorch", "numpy": "NumPy"}
    for name, title in needed.items():
        if getattr(cell, name):
            continue
        said = contents.loose.get(name)
        text = f"{contents.title} does not pin {title} ({name}{said})" if said is not None else ""
        missing = "has no" if contents.complete else "does not name"
        text = text or f"{contents.title} {missing} {title} ({name})"
        yield Obstacle("not-pinned", ObstacleKind.DOUBT, f"{text}: which one is installed is not known")
    for name in FAMILY_VARIANTS:
        if name in contents.loose and name != cell.package:
            said = contents.loose[name] or "any"
            text = f"{contents.title} does not pin {name} ({said}): which one is installed is not known"
            yield Obstacle("not-pinned", ObstacleKind.DOUBT, text)


def _around(contents: OwnContents, cell: Cell, facts: Facts) -> Iterator[Obstacle]:
    """Yield what the packages around PyTorch and SAM exclude."""
    yield from _pair(contents, cell, facts)
    for row in facts.companions:
        for name in row.names:
            there = contents.packages.get(name, "")
            concerned = there and cell.numpy and cell.python in SpecifierSet(row.python)
            if concerned and _in(there, row.versions) and not _in(cell.numpy, row.numpy):
                text = (
                    f"{name} {there} needs NumPy {row.numpy}, not {cell.numpy}: {row.instead} works with it"
                )
                # Without a symptom, installers refuse it; what has one is installed and fails.
                kind = ObstacleKind.RUN if row.symptom else ObstacleKind.INSTALL
                text = f"{text}, else {row.symptom}" if row.symptom else text
                yield Obstacle("opencv-numpy", kind, text, row.source)
    for clash, names in sam_packages.clashes(dict(contents.packages), facts):
        text = f"{' and '.join(names)} both install the module {clash.module}, over each other's files"
        condition = f"one of {' and '.join(names)} only"
        yield Obstacle("sam-module-twice", ObstacleKind.CONDITION, text, clash.source, condition)


def _in(version: str, allowed: str) -> bool:
    try:
        return version_of(version) in SpecifierSet(allowed)
    except InvalidVersion:
        return False


def _pair(contents: OwnContents, cell: Cell, facts: Facts) -> Iterator[Obstacle]:
    """Yield that torchvision is of another PyTorch, where the facts know whose it is."""
    there = contents.packages.get("torchvision", "").partition("+")[0]
    release = facts.release(cell.torch)
    owners = [row.version for row in facts.releases if row.torchvision == there]
    if not there or release is None or not owners or cell.torch in owners:
        return
    if Version(there) >= _FREE_TORCHVISION and Version(cell.torch) >= _FREE_TORCH:
        return
    text = (
        f"torchvision {there} belongs to PyTorch {owners[0]}; that of {cell.torch} is {release.torchvision}"
    )
    yield Obstacle("torchvision-pair", ObstacleKind.INSTALL, text, facts.rule("torchvision-pair").source)
