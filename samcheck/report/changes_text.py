"""Changes and known defects as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from samcheck.report.changes import AxisStep, Change, Symptom, SymptomKind
from samcheck.report.environment_rows import AXES, EnvironmentRow
from samcheck.report.escaping import escape

#: What a change is called, by its kind and whether it begins.
WORDS = {
    (SymptomKind.FAILURE, True): "breaks:",
    (SymptomKind.FAILURE, False): "works, no longer fails with:",
    (SymptomKind.CANNOT_RUN, True): "no longer runs:",
    (SymptomKind.CANNOT_RUN, False): "runs from here on:",
    (SymptomKind.DEFECT, True): "new defect",
    (SymptomKind.DEFECT, False): "defect gone:",
}
#: Environments that are named where a change follows no axis.
NAMED = 3
_ID = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True)
class DefectNames:
    """Names of known defects.

    Attributes:
        page: the page that describes them, to which their names lead; empty for none.
        titles: what results say of each.
    """

    page: str
    titles: Mapping[str, str]

    def name(self, defect: str) -> str:
        if not _ID.fullmatch(defect):
            return escape(defect)
        return f"[`{defect}`]({self.page}#{defect})" if self.page else f"`{defect}`"

    def explained(self, defect: str) -> str:
        title = self.titles.get(defect)
        return f"{self.name(defect)}: {escape(title)}" if title else self.name(defect)


def lines(changes: Iterable[Change], names: Sequence[str], defects: DefectNames) -> Iterator[str]:
    """A heading for each step, and below it a line for each change there.

    Args:
        names: of the environments, in the order of the symptoms' states.
    """
    for step, members in groupby(changes, key=lambda change: change.step):
        yield f"- {_heading(step)}"
        for change in members:
            word = WORDS[change.symptom.kind, change.begins]
            yield f"  - {word} {_what(change.symptom, defects)}{_where(change, names)}"


def _heading(step: AxisStep | None) -> str:
    if step is None:
        return "In some environments, by no rule that one axis would explain"
    beside = f", beside {escape(step.beside)}" if step.beside else ""
    values = " → ".join(escape(value or "none") for value in (step.before, step.after))
    return f"{AXES[step.axis]} {values}{beside}"


def _what(symptom: Symptom, defects: DefectNames) -> str:
    return defects.explained(symptom.name) if symptom.kind is SymptomKind.DEFECT else escape(symptom.name)


def _where(change: Change, names: Sequence[str]) -> str:
    if change.step is not None:
        return ""
    having = [name for name, state in zip(names, change.symptom.states, strict=True) if state]
    more = f" and {len(having) - NAMED} more" if len(having) > NAMED else ""
    return f" (in {', '.join(having[:NAMED])}{more})"


def alike(
    found: Sequence[Symptom], environments: Sequence[EnvironmentRow], defects: DefectNames
) -> Iterator[str]:
    """The defects that show in every environment, and those that show wherever they can be tried."""
    able = [environment.works for environment in environments]
    every: list[str] = []
    some: list[str] = []
    for symptom in found:
        untried = any(works and state is None for works, state in zip(able, symptom.states, strict=True))
        (some if untried else every).append(defects.name(symptom.name))
    if every:
        yield f"In every environment: {', '.join(every)}."
    if some:
        yield from ([""] if every else [])
        yield f"Wherever it can be tried: {', '.join(some)}."
