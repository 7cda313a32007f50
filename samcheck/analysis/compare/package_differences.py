"""What differs between the packages of two environments, at least one of them the user's own (pure).

What an upgrade in place leaves behind is installed, required by nothing that is there, and was not installed
for its own sake before. Whether it breaks anything is what `samcheck doctor` finds; each cell checks that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from samcheck.analysis import package_changes
from samcheck.analysis.compare.result_pairs import ResultPair
from samcheck.analysis.package_changes import PackageChange
from samcheck.environments.own.declaration import ANEW
from samcheck.guest.node_ids import module_of
from samcheck.guest.record import CellResult

#: Where the suite looks for what `samcheck doctor` finds, and the settings that it notes there.
_MODULE, _FINDING, _ROOTS = "test_installed_packages.py", "finding_", "required_by_nothing"


@dataclass(frozen=True)
class PackageDifferences:
    """The packages of two results.

    Attributes:
        left_behind: packages of the base that are still there for nothing; None if that was not recorded.
        anew: id of what the same upgrade leads to if it is installed anew; empty if there is no result of it.
        unlike_anew: from that to the new result.
        found, gone: what `samcheck doctor` finds in the new one only, and in the base only.
    """

    row: str
    changes: tuple[PackageChange, ...]
    left_behind: tuple[str, ...] | None = None
    anew: str = ""
    unlike_anew: tuple[PackageChange, ...] = ()
    found: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def package_differences(pair: ResultPair, others: Iterable[CellResult]) -> PackageDifferences | None:
    """Return the differences of a pair with an environment of the user's own; None for any other.

    Args:
        others: all results, among which may be one of the same upgrade installed anew.
    """
    base, new = pair.base, pair.new
    if base is None or new is None or not (base.cell.own or new.cell.own):
        return None
    if not base.observed or not new.observed:
        return None
    before, after = packages_of(base), packages_of(new)
    fresh = _anew(new, others)
    changes = package_changes.package_changes(packages_of(fresh), after) if fresh else []
    old, now = findings(base), findings(new)
    return PackageDifferences(
        pair.name,
        tuple(package_changes.package_changes(before, after)),
        _left_behind(base, new),
        fresh.cell.id if fresh else "",
        tuple(changes),
        tuple(text for text in now if text not in old),
        tuple(text for text in old if text not in now),
    )


def packages_of(result: CellResult) -> dict[str, str]:
    """Return what was observed in a cell, by normalised name."""
    seen = result.observed.packages if result.observed else {}
    return {str(canonicalize_name(name)): version for name, version in seen.items()}


def findings(result: CellResult) -> list[str]:
    """Return what the suite found of what `samcheck doctor` looks for."""
    return [text for name, text in _noted(result) if name.startswith(_FINDING)]


def _noted(result: CellResult) -> Iterator[tuple[str, str]]:
    for check in result.checks:
        if module_of(check.check) == _MODULE:
            yield from check.settings.items()


def _roots(result: CellResult) -> set[str] | None:
    """Return the packages that nothing requires; None if the result does not say."""
    noted = dict(_noted(result)).get(_ROOTS)
    return None if noted is None else {name for name in noted.split(", ") if name}


def _left_behind(base: CellResult, new: CellResult) -> tuple[str, ...] | None:
    old, now = _roots(base), _roots(new)
    if old is None or now is None:
        return None
    before, after = packages_of(base), packages_of(new)
    return tuple(f"{name} {after[name]}" for name in sorted(now - old) if name in before and name in after)


def _anew(result: CellResult, others: Iterable[CellResult]) -> CellResult | None:
    """Return the newest result of the same upgrade installed anew."""
    wanted = result.environment.details.get("declared", "") + ANEW
    same = [row for row in others if row.cell.own and row.environment.details.get("declared") == wanted]
    return max(same, key=lambda row: row.finished, default=None)


def lines(differences: PackageDifferences, most: int) -> Iterator[str]:
    """Yield a sentence that counts, then each kind of difference, of which `most` are named."""
    rows = list(package_changes.by_way(differences.changes))
    left = differences.left_behind
    counts = [f"{len(changes)} {way}" for way, changes in rows]
    counts += [f"{len(left)} left behind"] if left else []
    yield f"packages of {differences.row}: {', '.join(counts) or 'all as before'}"
    yield from (f"{way}: {package_changes.listed(changes, most, '→')}" for way, changes in rows)
    if left:
        yield f"left behind, for nothing that is there requires them: {_some(left, most)}"
    if differences.anew:
        yield from _unlike(differences, most)
    yield from (f"doctor finds now: {text}" for text in differences.found)
    yield from (f"doctor found before, and no longer: {text}" for text in differences.gone)


def _unlike(differences: PackageDifferences, most: int) -> Iterator[str]:
    """Yield how an upgrade in place differs from the same installed anew."""
    yield f"installed anew ({differences.anew}), {_and_else(differences.unlike_anew, most)}"


def _and_else(changes: Sequence[PackageChange], most: int) -> str:
    only = [f"{row.name} {row.new}" for row in changes if not row.old]
    lacking = [f"{row.name} {row.old}" for row in changes if not row.new]
    other = [f"{row.name} {row.old} instead of {row.new}" for row in changes if row.old and row.new]
    parts = {"it has": other, "it is without": only, "it has besides": lacking}
    texts = [f"{what} {_some(names, most)}" for what, names in parts.items() if names]
    return "; ".join(texts) or "it has the same packages"


def _some(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
