"""Builds that are only on PyTorch's own index, for when that cannot be reached (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from samcheck.analysis.bisect.candidate_values import Candidate
from samcheck.analysis.bisect.observations import Observation
from samcheck.cells import Cell
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts import Facts
from samcheck.facts.requirements import resolve


def pytorch_index(cell: Cell, facts: Facts) -> str:
    """Return the index of the cell's PyTorch, if it is not the one configured here."""
    try:
        return resolve(cell, facts).torch_index
    except BuildFailed:  # its own result says so
        return ""


def unreachable(
    candidates: Sequence[Candidate], facts: Facts, ready: Callable[[Cell], bool]
) -> dict[int, list[Observation]]:
    """Return observations for the candidates that are neither buildable here nor `ready`: untestable.

    Raises:
        BadInput: an end is among them.
    """
    reasons = {at: _reason(candidate.cell, facts) for at, candidate in enumerate(candidates)}
    missing = {at: reason for at, reason in reasons.items() if reason and not ready(candidates[at].cell)}
    for option, at in (("--good", 0), ("--bad", len(candidates) - 1)):
        if at in missing:
            value = candidates[at].value
            raise BadInput(
                f"{option} {value}: {missing[at]}: run this where that is reachable, or choose another value"
            )
    return {at: [Observation(None, "", reason, stored=False, samcheck="")] for at, reason in missing.items()}


def _reason(cell: Cell, facts: Facts) -> str:
    index = pytorch_index(cell, facts)
    if not index:
        return ""
    release = facts.release(cell.torch)
    usual = release.default_build.tag if release else ""
    return (
        f"the {cell.cuda} build of PyTorch {cell.torch} (the default is {usual}) is only at "
        f"{index}, which cannot be reached from here"
    )
