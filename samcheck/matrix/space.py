"""The combinations of a matrix: values per axis, and constraints that forbid some of them together (pure).

Nothing here enumerates the full product of the axes: combinations are built value by value, and abandoned as
soon as a constraint forbids the values so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from samcheck.facts.compatibility import Constraint, Obstacle
from samcheck.facts.schema import ObstacleKind

#: Two axes, each with a value: ``(("torch", "2.4.1"), ("python", "3.12"))``.
Pair = tuple[tuple[str, str], tuple[str, str]]


@dataclass(frozen=True)
class Space:
    """Values per axis, preferred ones first, and the constraints between them."""

    axes: Mapping[str, tuple[str, ...]]
    constraints: tuple[Constraint, ...]
    _completions: dict[Pair, dict[str, str] | None] = field(default_factory=dict, repr=False)

    @property
    def raw(self) -> int:
        """Number of combinations without any constraint."""
        count = 1
        for values in self.axes.values():
            count *= len(values)
        return count

    def obstacle(self, values: Mapping[str, str]) -> Obstacle | None:
        """Return the first obstacle to `values`, which may leave axes open."""
        return next(filter(None, (constraint.check(values) for constraint in self.constraints)), None)

    def pairs(self) -> Iterator[Pair]:
        """Yield every pair of values of two axes, possible or not."""
        for one, other in combinations(self.axes, 2):
            for first in self.axes[one]:
                for second in self.axes[other]:
                    yield ((one, first), (other, second))

    def completion(self, pair: Pair) -> dict[str, str] | None:
        """Return an allowed combination with `pair`; None if there is none."""
        if pair not in self._completions:
            self._completions[pair] = next(self.combinations(dict(pair)), None)
        return self._completions[pair]

    def combinations(self, start: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
        """Yield all allowed combinations, those with preferred values first."""
        given = dict(start or {})
        if self.obstacle(given) is None:
            yield from self._extend(given, [axis for axis in self.axes if axis not in given])

    def _extend(self, values: dict[str, str], free: list[str]) -> Iterator[dict[str, str]]:
        if not free:
            yield {axis: values[axis] for axis in self.axes}
            return
        axis = free[0]
        touching = [constraint for constraint in self.constraints if axis in constraint.axes]
        for value in self.axes[axis]:
            values[axis] = value
            if not any(constraint.check(values) for constraint in touching):
                yield from self._extend(values, free[1:])
        values.pop(axis, None)  # an axis may have no values

    def why_not(self, pair: Pair) -> Obstacle | None:
        """Return why no combination has a pair; None if one does."""
        if self.completion(pair) is not None:
            return None
        direct = self.obstacle(dict(pair))
        return direct or self._indirect(pair)

    def _indirect(self, pair: Pair) -> Obstacle:
        """Explain two values that are allowed together, but rule out every value of a third axis."""
        (one, first), (other, second) = pair
        reasons = []
        for axis in self.axes:
            if axis in (one, other):
                continue
            obstacles = [self.obstacle({**dict(pair), axis: value}) for value in self.axes[axis]]
            if all(obstacles):
                reasons = [obstacle for obstacle in obstacles if obstacle is not None]
                sources = tuple(sorted({source for obstacle in reasons for source in obstacle.source}))
                text = (
                    f"no {axis} of this matrix works with both {one} {first} and {other} {second or 'auto'}"
                )
                return Obstacle("no-third", ObstacleKind.INSTALL, text, sources)
        return Obstacle(
            "no-third", ObstacleKind.INSTALL, f"no combination has both {one} {first} and {other} {second}"
        )
