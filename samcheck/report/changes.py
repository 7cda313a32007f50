"""What differs between the environments of one machine, and where on which axis it begins or ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise

from samcheck.guest.outcomes import CheckOutcome
from samcheck.report import check_codes
from samcheck.report.environment_rows import AXES, EnvironmentRow, order
from samcheck.report.fields import Column
from samcheck.report.marks import Mark

#: The axes that tell most environments apart.
MAIN = ("torch", "python", "numpy")
#: Symptoms of a kind that are looked at: more than samcheck's own results have.
MOST = 200


class SymptomKind(StrEnum):
    """What can be so in one environment and not in the next."""

    FAILURE = "failure"  # checks fail by one cause
    DEFECT = "defect"  # a known defect shows
    CANNOT_RUN = "cannot run"  # a variant has no way to run in a precision


@dataclass(frozen=True)
class Symptom:
    """Something that is so in some environments.

    Attributes:
        name: the cause, the id of the defect, or variant and precision.
        states: for each environment whether it is so there; None where no check that would show it ran.
    """

    kind: SymptomKind
    name: str
    states: tuple[bool | None, ...]

    @property
    def differs(self) -> bool:
        return True in self.states and False in self.states


@dataclass(frozen=True)
class AxisStep:
    """Two neighbours on an axis between which something changes.

    Attributes:
        beside: what both have in common, where other environments with the same two values do not show it.
    """

    axis: str
    before: str
    after: str
    beside: str = ""

    @property
    def order(self) -> tuple[object, ...]:
        ends = (order(self.axis, self.after), order(self.axis, self.before))
        return list(AXES).index(self.axis), *ends, self.beside


@dataclass(frozen=True)
class Change:
    """A symptom that begins or ends at a step; at none, it is so in some environments without a rule."""

    symptom: Symptom
    step: AxisStep | None
    begins: bool = True


def symptoms(environments: Sequence[EnvironmentRow], columns: Iterable[Column]) -> list[Symptom]:
    """Everything that is so in some environment, whether or not it differs."""
    return [
        *_failures(environments),
        *_defects(environments),
        *_precisions(environments, columns),
    ]


def _failures(environments: Sequence[EnvironmentRow]) -> Iterator[Symptom]:
    met = [_causes(environment) for environment in environments]
    counts = Counter(cause for causes in met for cause in causes)
    for cause, _ in counts.most_common(MOST):
        states = tuple(
            True if cause in causes else False if environment.works else None
            for environment, causes in zip(environments, met, strict=True)
        )
        yield Symptom(SymptomKind.FAILURE, cause, states)


def _causes(environment: EnvironmentRow) -> list[str]:
    """Why its checks failed; where none could run, why not."""
    causes = [cause.text for row in environment.rows for cause in row.causes]
    intermittent = any(row.counts.get(CheckOutcome.INTERMITTENT) for row in environment.rows)
    if not causes and environment.latest.reason and not environment.works and not intermittent:
        causes = [environment.latest.reason]
    return list(dict.fromkeys(causes))


def _defects(environments: Sequence[EnvironmentRow]) -> Iterator[Symptom]:
    shown: dict[str, set[int]] = {}
    for row in (row for environment in environments for row in environment.rows):
        for place, defect in row.known:
            shown.setdefault(defect, set()).add(place)
    counts = Counter({defect: len(places) for defect, places in shown.items()})
    shown = {defect: shown[defect] for defect, _ in counts.most_common(MOST)}
    carriers = tuple((defect, tuple(sorted(places))) for defect, places in shown.items())
    states = [_defect_states(environment, carriers) for environment in environments]
    for defect in sorted(shown):
        yield Symptom(SymptomKind.DEFECT, defect, tuple(found[defect] for found in states))


def _defect_states(
    environment: EnvironmentRow, carriers: tuple[tuple[str, tuple[int, ...]], ...]
) -> dict[str, bool | None]:
    found: dict[str, bool | None] = {}
    for row in environment.rows:  # oldest first: the newest that knows is right
        known = _states_in(row.encoded, row.known, carriers)
        found.update(
            {defect: state for defect, state in known.items() if state is not None or defect not in found}
        )
    return found


@lru_cache(maxsize=1000)  # of thousands of results, most are alike
def _states_in(
    encoded: bytes, known: tuple[tuple[int, str], ...], carriers: tuple[tuple[str, tuple[int, ...]], ...]
) -> Mapping[str, bool | None]:
    met = {defect for _, defect in known}
    states: dict[str, bool | None] = {}
    for defect, places in carriers:
        outcomes = {check_codes.outcome(encoded, place) for place in places}
        free = bool(outcomes & {CheckOutcome.PASSED, CheckOutcome.FIXED})
        states[defect] = True if defect in met else False if free else None
    return states


def _precisions(environments: Sequence[EnvironmentRow], columns: Iterable[Column]) -> Iterator[Symptom]:
    """Those that cannot run; of variants that are alike in this, one symptom."""
    alike: dict[tuple[str, tuple[bool | None, ...]], list[str]] = {}
    for column in columns:
        marks = [environment.mark(column, ()) for environment in environments]
        states = tuple(_cannot_run(mark) for mark in marks)
        alike.setdefault((column.precision, states), []).append(column.variant)
    for (precision, states), variants in alike.items():
        if True in states:
            yield Symptom(SymptomKind.CANNOT_RUN, f"{precision} ({', '.join(variants)})", states)


def _cannot_run(mark: Mark) -> bool | None:
    if mark is Mark.CANNOT_RUN:
        return True
    return False if mark in (Mark.WORKS, Mark.DIFFERS) else None


def changes(environments: Sequence[EnvironmentRow], found: Iterable[Symptom]) -> list[Change]:
    """Where each symptom that differs begins and ends, in the order of the axes and their values."""
    values = [environment.values for environment in environments]
    twins = {axis: _twins(axis, values) for axis in AXES}
    located = [change for symptom in found if symptom.differs for change in _located(symptom, values, twins)]
    return sorted(
        located,
        key=lambda change: (
            change.step is None,
            change.step.order if change.step else (),
            not change.begins,
            list(SymptomKind).index(change.symptom.kind),
            change.symptom.name,
        ),
    )


def _located(
    symptom: Symptom, values: Sequence[Mapping[str, str]], twins: Mapping[str, Sequence[Sequence[int]]]
) -> list[Change]:
    for axis in AXES:
        steps = _steps(axis, symptom.states, [each[axis] for each in values])
        # Along the releases of PyTorch something may come and go; elsewhere that is a coincidence.
        if steps and (axis == "torch" or len(steps) == 1):
            return [Change(symptom, AxisStep(axis, old, new), begins) for old, new, begins in steps]
    return list(_between_twins(symptom, values, twins)) or [Change(symptom, None)]


def _steps(axis: str, states: Sequence[bool | None], values: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Between which values of an axis the state changes, and to what; none where more than that decides."""
    seen: dict[str, set[bool]] = {}
    for value, state in zip(values, states, strict=True):
        if state is not None:
            seen.setdefault(value, set()).add(state)
    if any(len(both) > 1 for both in seen.values()):
        return []
    ordered = sorted(seen, key=lambda value: order(axis, value))
    return [(old, new, True in seen[new]) for old, new in pairwise(ordered) if seen[old] != seen[new]]


def _twins(axis: str, values: Sequence[Mapping[str, str]]) -> list[list[int]]:
    """Environments that differ on an axis only, by their indices, each group in the order of the axis."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, each in enumerate(values):
        groups.setdefault(tuple(value for name, value in each.items() if name != axis), []).append(index)
    return [
        sorted(members, key=lambda index: order(axis, values[index][axis]))
        for members in groups.values()
        if len(members) > 1
    ]


def _between_twins(
    symptom: Symptom, values: Sequence[Mapping[str, str]], twins: Mapping[str, Sequence[Sequence[int]]]
) -> Iterator[Change]:
    """Changes between two environments that differ on one axis only, next to each other there."""
    states = symptom.states
    for axis, groups in twins.items():
        for members in groups:
            known = [index for index in members if states[index] is not None]
            for old, new in pairwise(known):
                if states[old] != states[new]:
                    beside = ", ".join(f"{AXES[name]} {values[new][name]}" for name in MAIN if name != axis)
                    step = AxisStep(axis, values[old][axis], values[new][axis], beside)
                    yield Change(symptom, step, bool(states[new]))


def without_exception(found: Iterable[Symptom]) -> list[Symptom]:
    """The defects that show wherever they can be tried."""
    return [symptom for symptom in found if symptom.kind is SymptomKind.DEFECT and not symptom.differs]
