"""Strategies: which of the possible combinations of a matrix to run (pure, and the same on every machine).

The covering arrays come from covertable: of the libraries tried, only it covers every valid pair under
constraints (of a matrix of a million combinations allpairspy 2.5.1 left out 17 %, covertable 3.2.0 none, with
347 rows, where the lower bound is 304, in 0.8 s).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, Literal

from samcheck.errors import BadInput
from samcheck.facts.compatibility import Constraint
from samcheck.matrix.space import Pair, Space

Strategy = Literal["all", "pairwise", "each-once", "ends", "listed"]
#: More cells than anyone would run; a file that asks for more is a mistake.
MOST_CELLS = 2_000


def choose(space: Space, strategy: Strategy, given: Sequence[Mapping[str, str]] = ()) -> list[dict[str, str]]:
    """Return the combinations that `strategy` chooses from `space`, each once.

    What `given` covers, which runs anyway, need not be covered again.

    Raises:
        BadInput: ``all`` would be more than `MOST_CELLS`.
    """
    if not space.axes or any(not values for values in space.axes.values()):
        return []
    inside = [row for row in given if all(row[axis] in space.axes[axis] for axis in space.axes)]
    return CHOICES[strategy](space, inside)


def _all(space: Space, given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    rows = list(islice(space.combinations(), MOST_CELLS + 1))
    if len(rows) > MOST_CELLS:
        raise BadInput(
            f"strategy: all would be more than {MOST_CELLS} cells; use pairwise, or name fewer values"
        )
    return rows


def _cover(space: Space, given: Sequence[Mapping[str, str]], strength: int) -> list[dict[str, str]]:
    """Return rows that contain every possible group of `strength` values at least once."""
    import covertable  # only planning needs it

    several = {axis: list(values) for axis, values in space.axes.items()}
    controller = covertable.Controller(
        several,
        strength=min(strength, len(several)),
        presets=[dict(row) for row in given if space.obstacle(row) is None],
        constraints=[_condition(constraint) for constraint in space.constraints],
    )
    rows: Sequence[Mapping[str, str]] = controller.make()
    return [{axis: row[axis] for axis in space.axes} for row in rows]


def _ends(space: Space, given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the oldest and the newest PyTorch of each CUDA build: what a new driver may break."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for cuda in space.axes["cuda"]:
        for torch in (space.axes["torch"], space.axes["torch"][::-1]):
            pairs: list[Pair] = [(("torch", version), ("cuda", cuda)) for version in torch]
            row = next(filter(None, map(space.completion, pairs)), None)
            if row is not None:
                rows.setdefault(tuple(row.values()), row)
    return list(rows.values())


def _condition(constraint: Constraint) -> dict[str, Any]:
    """Convert a constraint to covertable's form."""
    return {
        "operator": "fn",
        "requires": list(constraint.axes),
        "evaluate": lambda row: constraint.check(row) is None,
    }


CHOICES: dict[str, Callable[[Space, Sequence[Mapping[str, str]]], list[dict[str, str]]]] = {
    "all": _all,
    "pairwise": partial(_cover, strength=2),
    "each-once": partial(_cover, strength=1),
    "ends": _ends,
    "listed": lambda space, given: [],
}
