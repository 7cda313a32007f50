"""What stored results tell a planner: what failed, what was tried, how long it took (pure)."""

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

#: Minutes where nothing was measured: to make an environment from a wheel cache, and to run a tier in it,
#: as seen on two cores without a GPU.
PREPARE_MINUTES = 2.0
RUN_MINUTES = {"fast": 1.5, "full": 45.0}


@dataclass(frozen=True)
class History:
    """Attributes:

    failed: ids of cells whose stored result is anything but ``passed``.
    tried: pairs of values that stand together in a stored result.
    run_minutes: by cell id and tier, how long its checks took.
    """

    failed: frozenset[str] = frozenset()
    tried: frozenset[Pair] = frozenset()
    run_minutes: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def minutes(self, cell: Cell, tier: str) -> float:
        """How long a cell will take: as it did, else as others of the tier did, else a guess."""
        own = self.run_minutes.get((cell.id, tier))
        others = [minutes for (_, of), minutes in self.run_minutes.items() if of == tier]
        guess = median(others) if others else RUN_MINUTES[tier]
        return round(PREPARE_MINUTES + (guess if own is None else own), 1)


NONE = History()


def of(stored: Iterable[CellResult]) -> History:
    """What these results tell; a run of some variants or groups only does not tell how long a cell takes."""
    failed: set[str] = set()
    tried: set[Pair] = set()
    minutes: dict[tuple[str, str], float] = {}
    for result in stored:
        if result.outcome is not CellOutcome.PASSED:
            failed.add(result.cell.id)
        if not result.groups:
            tried |= pairs_of({axis: str(getattr(result.cell, axis)) for axis in AXES}, AXES)
        if not result.only and "run" in result.phases:
            key = (result.cell.id, result.tier)
            minutes[key] = max(minutes.get(key, 0.0), result.phases["run"] / 60)
    return History(frozenset(failed), frozenset(tried), minutes)
