"""What a change of PyTorch asks of the system and of packages compiled against it (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from samcheck.analysis.advise.cell_changes import CellChange
from samcheck.facts import Facts


def changes(change: CellChange, installed: Mapping[str, str], facts: Facts) -> Iterator[str]:
    """Yield what has to change around a cell; `installed` are the packages that there are now, if known."""
    if change.before.torch != change.after.torch:
        yield from _platform(change, facts)
        yield from _extensions(change, installed, facts)


def _platform(change: CellChange, facts: Facts) -> Iterator[str]:
    """Yield the C library that the new wheels need, if the old ones ran with an older one."""
    old, new = facts.release(change.before.torch), facts.release(change.after.torch)
    glibc = new.glibc if new else ""
    if old is None or new is None or not glibc or glibc == old.glibc:
        return
    source = ", ".join(facts.rule("platform-glibc").source)
    yield (
        f"wheels {old.platform} -> {new.platform}: glibc {glibc} or newer, which Ubuntu 18.04 and CentOS 7 "
        f"lack, and pip 20.3 (platform-glibc; source: {source})"
    )


def _extensions(change: CellChange, installed: Mapping[str, str], facts: Facts) -> Iterator[str]:
    """Yield the packages that are compiled for the old PyTorch."""
    old, new = change.before.torch, change.after.torch
    if not installed and facts.extensions:
        names = ", ".join(name for row in facts.extensions for name in row.names)
        source = ", ".join(dict.fromkeys(source for row in facts.extensions for source in row.source))
        yield (
            f"packages compiled for PyTorch {old}, if you use any ({names}): install them again for {new} "
            f"(torch-extension; source: {source})"
        )
    for row in facts.extensions:
        for name in row.names:
            if name in installed:
                yield (
                    f"{name} {installed[name]} is compiled for PyTorch {old}: {row.cure} for {new} "
                    f"(torch-extension; source: {', '.join(row.source)})"
                )
