"""The packages that differ between two environments, in groups that move together (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from samcheck.analysis import package_changes
from samcheck.analysis.bisect.confounders import OF_TORCH
from samcheck.analysis.package_changes import PackageChange


@dataclass(frozen=True)
class PackageGroup:
    """Packages that only make sense together: what PyTorch pins exactly moves with it."""

    changes: tuple[PackageChange, ...]

    @property
    def title(self) -> str:
        """Its first package, and how many move with that."""
        first, *others = self.changes
        return f"{first}{f' with {len(others)} that it pins' if others else ''}"


def groups(before: Mapping[str, str], after: Mapping[str, str]) -> list[PackageGroup]:
    """Return the packages that differ, least relevant to SAM first.

    A search adds them in this order, so that PyTorch, which others require, comes last.
    """
    changes = package_changes.package_changes(before, after)
    of_torch = [row for row in changes if row.name.startswith(OF_TORCH)]
    if not any(row.name == "torch" for row in of_torch):
        of_torch = []
    alone = [PackageGroup((row,)) for row in changes if row not in of_torch]
    return [*reversed(alone), *([PackageGroup(tuple(of_torch))] if of_torch else [])]


def mixed(before: Mapping[str, str], taken: Iterable[PackageGroup]) -> dict[str, str]:
    """Return the packages of an environment after some groups have moved."""
    moved = {row.name: row.new for group in taken for row in group.changes}
    return {name: version for name, version in {**before, **moved}.items() if version}
