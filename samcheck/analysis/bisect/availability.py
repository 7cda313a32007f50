"""Builds that only PyTorch's own index has, where that cannot be reached (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.observations import Observation
from samcheck.cells import Cell
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts import Facts
from samcheck.facts.requirements import resolve


def index(cell: Cell, facts: Facts) -> str:
    """Where the cell's PyTorch comes from, if not from the index that is configured here."""
    try:
        return resolve(cell, facts).torch_index
    except BuildFailed:  # its own result says so
        return ""


def away(
    candidates: Sequence[Candidate], facts: Facts, ready: Callable[[Cell], bool]
) -> dict[int, list[Observation]]:
    """Of candidates that cannot be built here, and are not `ready`, it is known that they cannot be tried.

    Raises:
        BadInput: an end is among them.
    """
    reasons = {at: _why(each.cell, facts) for at, each in enumerate(candidates)}
    missing = {at: why for at, why in reasons.items() if why and not ready(candidates[at].cell)}
    for option, at in (("--good", 0), ("--bad", len(candidates) - 1)):
        if at in missing:
            value = candidates[at].value
            raise BadInput(
                f"{option} {value}: {missing[at]}: run this where that answers, or take another value"
            )
    return {at: [Observation(None, "", why, stored=False, samcheck="")] for at, why in missing.items()}


def _why(cell: Cell, facts: Facts) -> str:
    folder = index(cell, facts)
    if not folder:
        return ""
    release = facts.release(cell.torch)
    usual = release.default_build.tag if release else ""
    return (
        f"the {cell.cuda} build of PyTorch {cell.torch} (a plain installation takes {usual}) is only at "
        f"{folder}, which cannot be reached from here"
    )
