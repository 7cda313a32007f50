"""Checks grouped by cause: those that have the outcome in exactly the same cells (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from samcheck.analysis.attribute import conjunction_search
from samcheck.analysis.attribute.cases import CELL_AXES, CHECK_AXES, ENVIRONMENT, AttributionCase, sign
from samcheck.analysis.attribute.conjunction_search import Conjunction, Explanation
from samcheck.analysis.attribute.distinguishing_cell import DistinguishingCell, distinguishing_cell
from samcheck.analysis.attribute.literals import Literal, order
from samcheck.facts import Facts
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.matrix import axes


@dataclass(frozen=True)
class Cause:
    """A cause and the checks it explains.

    Attributes:
        checks: checks with the outcome in exactly the cells `inside`, of `tried` checks there.
        outside: cells where one of them was tried and did not have it.
        common_traits: what sets these checks apart from the others tried there; empty if nothing short does.
        nearest: how far each threshold of `explanation.exact` could be moved: to the nearest value on its
            other side that was run.
        distinguishing_cell: a cell that tells several exact explanations apart.
        bisections: options of bisects between two PyTorch or NumPy releases with others between them.
    """

    checks: tuple[str, ...]
    tried: int
    inside: tuple[AttributionCase, ...]
    outside: tuple[AttributionCase, ...]
    explanation: Explanation
    common_traits: tuple[Conjunction, ...]
    nearest: tuple[tuple[Literal, str], ...]
    distinguishing_cell: DistinguishingCell | None
    bisections: tuple[tuple[str, ...], ...]
    by_group: Mapping[str, int]
    defects: tuple[str, ...]

    @property
    def everywhere(self) -> bool:
        """Whether no cell is without the outcome, so that there is nothing to compare with."""
        return not self.outside


def attribute(
    cases: Sequence[AttributionCase], wanted: frozenset[CheckOutcome], chosen: frozenset[str], facts: Facts
) -> list[Cause]:
    """Return the causes of outcomes among the `chosen` checks, those with most checks first."""
    signs = {check: [sign(case.checks.get(check), wanted) for case in cases] for check in sorted(chosen)}
    patterns: dict[tuple[int, ...], list[str]] = {}
    for check, check_signs in signs.items():
        inside = tuple(at for at, has_outcome in enumerate(check_signs) if has_outcome)
        if inside:
            patterns.setdefault(inside, []).append(check)
    causes = [_cause(cases, signs, inside, checks, facts) for inside, checks in patterns.items()]
    return sorted(causes, key=lambda cause: (-len(cause.checks), cause.checks))


def _cause(
    cases: Sequence[AttributionCase],
    signs: Mapping[str, list[bool | None]],
    inside: tuple[int, ...],
    checks: Sequence[str],
    facts: Facts,
) -> Cause:
    outside = [at for at in range(len(cases)) if any(signs[check][at] is False for check in checks)]
    others = [
        check
        for check, check_signs in signs.items()
        if check != ENVIRONMENT.check and any(check_signs[at] is False for at in inside)
    ]
    with_outcome, without = [cases[at] for at in inside], [cases[at] for at in outside]
    explanation = conjunction_search.explain(
        [case.values for case in with_outcome], [case.values for case in without], CELL_AXES
    )
    nearest = _thresholds(explanation.exact, with_outcome, without)
    results = {name: check for case in cases for name, check in case.checks.items()}
    affected = [cases[at].checks[check] for at in inside for check in checks]
    return Cause(
        tuple(checks),
        len(checks) + len(others),
        tuple(with_outcome),
        tuple(without),
        explanation,
        _common_traits([results[check] for check in checks], [results[check] for check in others]),
        tuple(nearest.items()),
        distinguishing_cell(explanation.exact, cases, facts) if len(explanation.exact) > 1 else None,
        _bisections(explanation.exact, nearest, with_outcome, facts),
        dict(Counter(results[check].group for check in checks).most_common()),
        tuple(sorted({check.defect for check in affected if check.defect})),
    )


def _common_traits(affected: Sequence[CheckResult], others: Sequence[CheckResult]) -> tuple[Conjunction, ...]:
    """Describe the checks in terms of their own axes, if that is exact."""
    if not others:
        return ()
    return conjunction_search.explain(
        list(map(_fields, affected)), list(map(_fields, others)), CHECK_AXES
    ).exact


def _fields(check: CheckResult) -> dict[str, str]:
    return {axis: value for axis in CHECK_AXES if (value := getattr(check, axis)) is not None}


def _thresholds(
    conjunctions: Sequence[Conjunction],
    with_outcome: Sequence[AttributionCase],
    without: Sequence[AttributionCase],
) -> dict[Literal, str]:
    """Return the value next to each threshold, on its other side, among cases that nothing else decides."""
    nearest: dict[Literal, str] = {}
    for conjunction in conjunctions:
        for literal in conjunction:
            rest = tuple(part for part in conjunction if part != literal)
            kept_out = [case.values for case in without if conjunction_search.holds(rest, case.values)]
            beyond = [values[literal.axis] for values in kept_out if literal.axis in values]
            value = _nearest(literal, beyond, with_outcome)
            if value:
                nearest.setdefault(literal, value)
    return nearest


def _bisections(
    exact: Sequence[Conjunction],
    nearest: Mapping[Literal, str],
    with_outcome: Sequence[AttributionCase],
    facts: Facts,
) -> tuple[tuple[str, ...], ...]:
    """Return bisects for thresholds that can be narrowed, otherwise set up like a cell with the outcome."""
    bisections = []
    for literal, beyond in nearest.items():
        if literal.axis == "torch" or (literal.axis == "numpy" and len(exact) == 1):
            options = _bisection_options(literal, beyond, with_outcome, facts)
            bisections += [options] if options else []
    return tuple(bisections)


def _bisection_options(
    literal: Literal, beyond: str, with_outcome: Sequence[AttributionCase], facts: Facts
) -> tuple[str, ...]:
    """Return the bisect's options; empty if no value lies between the two that were run."""
    axis = literal.axis
    rank = partial(order, axis)
    between = [version for version in axes.known(axis, facts) if literal.below(version)]
    good, bad = (beyond, literal.value) if literal.relation == ">=" else (literal.value, beyond)
    cell = next((case.cell for case in with_outcome if case.values.get(axis) == bad), None)
    if cell is None or not any(rank(version) > rank(beyond) for version in between):
        return ()
    torch = ("--axis", axis, "--torch", cell.torch) if axis != "torch" else ()
    numpy = ("--numpy", cell.numpy) if cell.numpy and axis != "numpy" else ()
    return (*torch, "--good", good, "--bad", bad, "--python", cell.python, *numpy)


def _nearest(literal: Literal, values: Sequence[str], with_outcome: Sequence[AttributionCase]) -> str:
    """Return, for ``>=``, the highest value below it; for ``<``, the highest with the outcome."""
    if literal.relation == "=":
        return ""
    if literal.relation == "<":
        values = [case.values[literal.axis] for case in with_outcome if literal.axis in case.values]
    below = {value for value in values if literal.below(value)}
    return max(below, key=partial(order, literal.axis), default="")
