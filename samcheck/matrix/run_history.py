"""What a planner learns from stored results: what failed, what was tried, how long it took (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from samcheck.cells import Cell
from samcheck.facts.compatibility import AXES
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.matrix.pair_coverage import pairs_of
from samcheck.matrix.space import Pair

#: Default minutes without measurements: to build an environment from a wheel cache, and to run a tier in
#: it, as measured on two cores without a GPU.
PREPARE_MINUTES = 2.0
RUN_MINUTES = {"fast": 1.5, "full": 45.0}


@dataclass(frozen=True)
class History:
    """Attributes:

    failed: ids of cells whose stored result is anything but ``passed``.
    tried: pairs of values that a stored result has.
    run_minutes: duration of the checks, by cell id and tier.
    """

    failed: frozenset[str] = frozenset()
    tried: frozenset[Pair] = frozenset()
    run_minutes: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def minutes(self, cell: Cell, tier: str) -> float:
        """Estimate how long a cell takes: from its own result, else others of the tier, else a default."""
        own = self.run_minutes.get((cell.id, tier))
        others = [minutes for (_, of), minutes in self.run_minutes.items() if of == tier]
        guess = median(others) if others else RUN_MINUTES[tier]
        return round(PREPARE_MINUTES + (guess if own is None else own), 1)


NONE = History()


def of(stored: Iterable[CellResult]) -> History:
    """Summarize results; a run of only some variants or groups does not show how long a cell takes."""
    failed: set[str] = set()
    tried: set[Pair] = set()
    minutes: dict[tuple[str, str], float] = {}
    for result in stored:
        if result.outcome is not CellOutcome.PASSED:
            failed.add(result.cell.id)
        if not result.groups and not result.cell.own:
            tried |= pairs_of({axis: str(getattr(result.cell, axis)) for axis in AXES}, AXES)
        if not result.only and "run" in result.phases:
            key = (result.cell.id, result.tier)
            minutes[key] = max(minutes.get(key, 0.0), result.phases["run"] / 60)
    return History(frozenset(failed), frozenset(tried), minutes)
