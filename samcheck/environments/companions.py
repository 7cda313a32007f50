"""Packages beside SAM that need another NumPy than is installed, by the facts (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.specifiers import SpecifierSet

from samcheck.facts import Facts, version_of
from samcheck.guest.installed.finding import Finding, FindingKind, active, installer, titled
from samcheck.guest.installed.inventory import Inventory


def findings(inventory: Inventory, facts: Facts) -> Iterator[Finding]:
    """Yield what the facts know to fail with this NumPy; what metadata exclude is found without them."""
    by_name = {package.name: package for package in active(inventory)}
    numpy, python = by_name.get("numpy"), inventory.markers.get("python_version", "")
    if numpy is None:
        return
    for row in facts.companions:
        fits = version_of(numpy.version) in SpecifierSet(row.numpy)
        if fits or not row.symptom or python not in SpecifierSet(row.python):
            continue
        for name in row.names:
            package = by_name.get(name)
            if package is not None and version_of(package.version) in SpecifierSet(row.versions):
                yield Finding(
                    FindingKind.PINS,
                    True,
                    f"{titled(package)} needs NumPy {row.numpy}, and {numpy.version} is installed: its "
                    f"import fails with {row.symptom}.",
                    f"upgrade it to {row.instead} or newer:",
                    [installer(inventory).install([f"{name}>={row.instead}"], "--upgrade")],
                )
