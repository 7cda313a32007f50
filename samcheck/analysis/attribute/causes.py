"""Checks with the same cause stand together: those that have the outcome in the very same cells (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from samcheck.analysis.attribute import conjunction_search
from samcheck.analysis.attribute.cases import CELL_AXES, CHECK_AXES, ENVIRONMENT, AttributionCase, sign
from samcheck.analysis.attribute.conjunction_search import Conjunction, Explanation
from samcheck.analysis.attribute.distinguishing_cell import DistinguishingCell, telling
from samcheck.analysis.attribute.literals import Literal, order
from samcheck.facts import Facts
from samcheck.guest.record import CheckOutcome, CheckResult
from samcheck.matrix import axes


@dataclass(frozen=True)
class Cause:
    """One cause.

    Attributes:
        checks: that have the outcome in exactly the cells `inside`, of `tried` checks there.
        outside: cells where one of them was tried and did not have it.
        which: what these checks are, among those tried there; empty where nothing short says it.
        nearest: how far each threshold of `explanation.exact` could be moved: to the nearest value on its
            other side that was run.
        telling: a cell that would tell several exact explanations apart.
        narrow: options of bisects between two releases of PyTorch or NumPy that have others between them.
    """

    checks: tuple[str, ...]
    tried: int
    inside: tuple[AttributionCase, ...]
    outside: tuple[AttributionCase, ...]
    explanation: Explanation
    which: tuple[Conjunction, ...]
    nearest: tuple[tuple[Literal, str], ...]
    telling: DistinguishingCell | None
    narrow: tuple[tuple[str, ...], ...]
    by_group: Mapping[str, int]
    defects: tuple[str, ...]

    @property
    def everywhere(self) -> bool:
        """Whether there is no cell without it to compare with."""
        return not self.outside


def attribute(
    cases: Sequence[AttributionCase], wanted: frozenset[CheckOutcome], chosen: frozenset[str], facts: Facts
) -> list[Cause]:
    """The causes of outcomes among the `chosen` checks, those of most checks first."""
    signs = {check: [sign(case.checks.get(check), wanted) for case in cases] for check in sorted(chosen)}
    patterns: dict[tuple[int, ...], list[str]] = {}
    for check, each in signs.items():
        inside = tuple(at for at, one in enumerate(each) if one)
        if inside:
            patterns.setdefault(inside, []).append(check)
    groups = [_group(cases, signs, inside, checks, facts) for inside, checks in patterns.items()]
    return sorted(groups, key=lambda group: (-len(group.checks), group.checks))


def _group(
    cases: Sequence[AttributionCase],
    signs: Mapping[str, list[bool | None]],
    inside: tuple[int, ...],
    checks: Sequence[str],
    facts: Facts,
) -> Cause:
    outside = [at for at in range(len(cases)) if any(signs[check][at] is False for check in checks)]
    others = [
        check
        for check, each in signs.items()
        if check != ENVIRONMENT.check and any(each[at] is False for at in inside)
    ]
    yes, no = [cases[at] for at in inside], [cases[at] for at in outside]
    explanation = conjunction_search.explain(
        [each.values for each in yes], [each.values for each in no], CELL_AXES
    )
    nearest = _thresholds(explanation.exact, yes, no)
    results = {name: check for case in cases for name, check in case.checks.items()}
    mine = [cases[at].checks[check] for at in inside for check in checks]
    return Cause(
        tuple(checks),
        len(checks) + len(others),
        tuple(yes),
        tuple(no),
        explanation,
        _which([results[check] for check in checks], [results[check] for check in others]),
        tuple(nearest.items()),
        telling(explanation.exact, cases, facts) if len(explanation.exact) > 1 else None,
        _narrow(explanation.exact, nearest, yes, facts),
        dict(Counter(results[check].group for check in checks).most_common()),
        tuple(sorted({each.defect for each in mine if each.defect})),
    )


def _which(mine: Sequence[CheckResult], others: Sequence[CheckResult]) -> tuple[Conjunction, ...]:
    """What the checks are, in terms of their own axes, where that is exact."""
    if not others:
        return ()
    return conjunction_search.explain(
        [_fields(each) for each in mine], [_fields(each) for each in others], CHECK_AXES
    ).exact


def _fields(check: CheckResult) -> dict[str, str]:
    return {axis: value for axis in CHECK_AXES if (value := getattr(check, axis)) is not None}


def _thresholds(
    found: Sequence[Conjunction], yes: Sequence[AttributionCase], no: Sequence[AttributionCase]
) -> dict[Literal, str]:
    """The value nearest to each threshold, on its other side, among the rows that nothing else decides."""
    nearest: dict[Literal, str] = {}
    for conjunction in found:
        for literal in conjunction:
            rest = tuple(each for each in conjunction if each != literal)
            kept_out = [case.values for case in no if conjunction_search.holds(rest, case.values)]
            value = _nearest(literal, [row[literal.axis] for row in kept_out if literal.axis in row], yes)
            if value:
                nearest.setdefault(literal, value)
    return nearest


def _narrow(
    exact: Sequence[Conjunction], nearest: Mapping[Literal, str], yes: Sequence[AttributionCase], facts: Facts
) -> tuple[tuple[str, ...], ...]:
    """Bisects where a threshold is not the only one there can be; else as in a cell with the outcome."""
    found = []
    for literal, other in nearest.items():
        if literal.axis == "torch" or (literal.axis == "numpy" and len(exact) == 1):
            options = _bisect(literal, other, yes, facts)
            found += [options] if options else []
    return tuple(found)


def _bisect(literal: Literal, other: str, yes: Sequence[AttributionCase], facts: Facts) -> tuple[str, ...]:
    """Its options; empty where no value lies between the two that were run."""
    axis = literal.axis
    above = partial(order, axis)
    between = [each for each in axes.known(axis, facts) if literal.below(each)]
    good, bad = (other, literal.value) if literal.relation == ">=" else (literal.value, other)
    cell = next((case.cell for case in yes if case.values.get(axis) == bad), None)
    if cell is None or not any(above(each) > above(other) for each in between):
        return ()
    torch = ("--axis", axis, "--torch", cell.torch) if axis != "torch" else ()
    numpy = ("--numpy", cell.numpy) if cell.numpy and axis != "numpy" else ()
    return (*torch, "--good", good, "--bad", bad, "--python", cell.python, *numpy)


def _nearest(literal: Literal, values: Sequence[str], yes: Sequence[AttributionCase]) -> str:
    """For ``>=`` the highest value below it; for ``<`` the highest that has the outcome."""
    if literal.relation == "=":
        return ""
    if literal.relation == "<":
        values = [case.values[literal.axis] for case in yes if literal.axis in case.values]
    below = {value for value in values if literal.below(value)}
    return max(below, key=partial(order, literal.axis), default="")
