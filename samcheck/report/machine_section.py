"""The part of the table about one machine and driver: what works there, what not, and what decides it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from samcheck.guest.outcomes import CheckOutcome
from samcheck.report import changes, changes_text
from samcheck.report.changes_text import DefectNames
from samcheck.report.environment_rows import (
    EnvironmentRow,
    age_of,
    columns_of,
    environment_rows,
    untried_share,
    variants_of,
)
from samcheck.report.escaping import code, escape, grid, row_name
from samcheck.report.fields import Column
from samcheck.report.marks import Mark, mark
from samcheck.report.table_rows import TableRow
from samcheck.units import counted

#: Causes that are named of an environment that does not work.
CAUSES = 10
#: Heads of columns in place of longer names, so that a row takes one line on GitHub.
HEADS = {"autocast-fp16": "amp-fp16", "autocast-bf16": "amp-bf16", "int8-dynamic": "int8"}
#: What a precision that runs somewhere has there.
USABLE = {Mark.WORKS, Mark.DIFFERS}
#: Such environments that are named.
NAMED = 20


def section(heading: str, rows: Sequence[TableRow], defects_page: str) -> Iterator[str]:
    """The lines of the section about one package."""
    environments = environment_rows(rows)
    columns = columns_of(environments)
    defects = DefectNames(defects_page, _titles(rows))
    found = changes.symptoms(environments, columns)
    alike = changes.without_exception(found)
    everywhere = frozenset(symptom.name for symptom in alike)
    yield from (f"## {escape(heading)}", "")
    yield from (_headline(environments, columns), "")
    yield from _broken(environments)
    yield from _precisions(environments, columns, everywhere)
    yield from _backends(environments, everywhere)
    names = [_name(environment) for environment in environments]
    changed = list(changes_text.lines(changes.changes(environments, found), names, defects))
    if changed:
        yield from ("### What changes", "")
        yield from ("Between the nearest versions that were tried; versions between them were not.", "")
        yield from (*changed, "")
    if alike:
        yield from ("### Known defects that every environment has", "")
        yield from (*changes_text.alike(alike, environments, defects), "")


def between_drivers(
    machines: Sequence[tuple[str, str, Sequence[TableRow]]], defects_page: str
) -> Iterator[str]:
    """What differs between the drivers that one device had."""
    every = [row for _, _, rows in machines for row in rows]
    environments, defects = environment_rows(every), DefectNames(defects_page, _titles(every))
    found = changes.symptoms(environments, columns_of(environments))
    mine = [
        change
        for change in changes.changes(environments, found)
        if change.step is not None and change.step.axis == "driver"
    ]
    names = [_name(environment) for environment in environments]
    lines = list(changes_text.lines(mine, names, defects))
    yield from (f"## {escape(machines[0][0])}, between drivers", "")
    yield from (*(lines or ["Nothing that was tried differs between these drivers."]), "")


def _titles(rows: Iterable[TableRow]) -> dict[str, str]:
    """What each known defect is, as the results say it."""
    return {
        reason.defect: reason.text
        for row in rows
        for field in row.groups.values()
        for reason in field.reasons
        if reason.defect and reason.outcome == CheckOutcome.KNOWN
    }


def _headline(environments: Sequence[EnvironmentRow], columns: Sequence[Column]) -> str:
    age = escape(age_of(environments))
    verdict = _verdict(environments)
    return f"{verdict} Results of {age}. {_untried(environments, columns)}{_machine(environments)}"


def _verdict(environments: Sequence[EnvironmentRow]) -> str:
    """How many work of those that were run whole, and how many were not."""
    whole = sum(environment.is_whole for environment in environments)
    if not whole:
        return f"Of {counted(len(environments), 'environment')}, none was run whole."
    verb = "works" if whole == 1 else "work"
    rest = len(environments) - whole
    others = f"; {rest} more {'was' if rest == 1 else 'were'} not run whole" if rest else ""
    good = sum(environment.works for environment in environments)
    return f"{good} of {counted(whole, 'environment')} {verb}{others}."


def _untried(environments: Sequence[EnvironmentRow], columns: Sequence[Column]) -> str:
    share = untried_share(environments, columns)
    if share == 1:
        return "No variant was tried in any precision. "
    variants = ", ".join(map(escape, variants_of(environments, columns)))
    precisions = counted(len({column.precision for column in columns}), "precision")
    return f"Of all fields ({variants}; each in {precisions}), {100 * share:.0f} % were never tried. "


def _machine(environments: Sequence[EnvironmentRow]) -> str:
    """What was computed on, and in which kinds of environments."""
    seen = [environment.latest.observed for environment in environments]
    devices = {
        str(observed.gpu if observed.device == "cuda" else observed.cpu) for observed in seen if observed
    }
    kinds = {environment.latest.environment.kind for environment in environments}
    packages = {environment.values["sam"].replace("==", " ") for environment in environments}
    return f"({escape('; '.join([*sorted(devices), *sorted(packages), *sorted(kinds)]))})"


def _name(environment: EnvironmentRow) -> str:
    """The cell's id, and what its only run was restricted to; several runs are told apart elsewhere."""
    return row_name(environment.latest) if len(environment.rows) == 1 else code(environment.latest.cell.id)


def _broken(environments: Sequence[EnvironmentRow]) -> Iterator[str]:
    """A line for each environment that does not work, with the causes."""
    broken = [environment for environment in environments if any(_reason(row) for row in environment.rows)]
    for environment in broken[:NAMED]:
        for row in environment.rows:
            if _reason(row):
                name, why = row_name(row.result), escape(_reason(row))
                yield f"- {_sign(row)} {name} {escape(row.result.outcome)}: {why}"
    if len(broken) > NAMED:
        yield f"- and {len(broken) - NAMED} more"
    if broken:
        yield ""


def _sign(row: TableRow) -> Mark:
    """The sign of a run that did not pass."""
    if not row.result.is_conclusive:
        return Mark.UNTRIED
    return Mark.INTERMITTENT if row.counts.get(CheckOutcome.INTERMITTENT) and not row.causes else Mark.FAILS


def _without_fields(environments: Sequence[EnvironmentRow]) -> Iterator[str]:
    """A line for each run that passed, where none tried SAM in a precision."""
    passed = [row for environment in environments for row in environment.rows if not _reason(row)]
    for row in passed[:NAMED]:
        checks = counted(sum(row.counts.values()), "check")
        yield f"- {row_name(row.result)} {escape(row.result.outcome)}: {checks}"
    if len(passed) > NAMED:
        yield f"- and {len(passed) - NAMED} more"
    if passed:
        yield ""


def _reason(row: TableRow) -> str:
    """Why a run did not pass: the causes, with how many checks failed by each; empty where it passed."""
    if not row.causes:
        return row.result.reason
    total = sum(row.counts.values())
    named = [f"{cause.text} ({cause.checks} of {total} checks)" for cause in row.causes[:CAUSES]]
    more = [f"and {len(row.causes) - CAUSES} more causes"] if len(row.causes) > CAUSES else []
    return "; ".join([*named, *more])


def _precisions(
    environments: Sequence[EnvironmentRow], columns: Sequence[Column], everywhere: Collection[str]
) -> Iterator[str]:
    """A row for each environment with a field for each precision; what cannot run in any is said once."""
    variants = list(dict.fromkeys(column.variant for column in columns))
    precisions = list(dict.fromkeys(column.precision for column in columns))
    marks = {
        (index, column): environment.mark(column, everywhere)
        for index, environment in enumerate(environments)
        for column in columns
    }

    def of(precision: str) -> list[Mark]:
        return [mark for (_, column), mark in marks.items() if column.precision == precision]

    never = [name for name in precisions if Mark.CANNOT_RUN in of(name) and not set(of(name)) & USABLE]
    shown = [name for name in precisions if name not in never]
    body = []
    for index, environment in enumerate(environments):
        mine = {column: marks[index, column] for column in columns}
        tried = [
            name
            for name in variants
            if any(mark is not Mark.UNTRIED for column, mark in mine.items() if column.variant == name)
        ]
        fields = [
            _field({column.variant: mark for column, mark in mine.items() if column.precision == precision})
            for precision in shown
        ]
        body.append([_name(environment), *fields, escape(", ".join(tried)) or "–"])
    nothing_tried = set(marks.values()) <= {Mark.UNTRIED}
    if not columns or (nothing_tried and not any(environment.is_whole for environment in environments)):
        yield from _without_fields(environments)
        return
    heads = ["environment", *(escape(HEADS.get(name, name)) for name in shown), "variants"]
    yield from (*grid(heads, body), "")
    if never:
        yield from (f"No environment here can run {', '.join(map(escape, never))}.", "")


def _field(marks: dict[str, Mark]) -> str:
    """One sign where all variants that were tried have the same, else a sign for each group of variants."""
    tried = {variant: mark for variant, mark in marks.items() if mark is not Mark.UNTRIED}
    signs = [sign for sign in Mark if sign in tried.values()]
    if len(signs) <= 1:
        return _text(signs[0]) if signs else Mark.UNTRIED
    return ", ".join(
        f"{sign} {escape(' '.join(name for name, mark in tried.items() if mark is sign))}" for sign in signs
    )


def _text(sign: Mark) -> str:
    return str(sign) if sign in (Mark.WORKS, Mark.UNTRIED) else f"{sign} {sign.word}"


def _backends(environments: Sequence[EnvironmentRow], everywhere: Collection[str]) -> Iterator[str]:
    """A table of the backends that are not alike where SAM works, and a sentence of the others."""
    columns = sorted(
        {column for environment in environments for row in environment.rows for column in row.backends}
    )
    marks = {
        column: [environment.mark_of_backend(column, everywhere) for environment in environments]
        for column in columns
    }
    alike, apart = {}, []
    for column, of in marks.items():
        signs = {sign for environment, sign in zip(environments, of, strict=True) if environment.works} - {
            Mark.UNTRIED
        }
        if len(signs) == 1:
            alike[column] = signs.pop()
        elif signs:
            apart.append(column)
    if apart:
        body = [
            [
                _name(environment),
                *(_text(marks[column][index]) + _why_not_on_gpu([environment], column) for column in apart),
            ]
            for index, environment in enumerate(environments)
        ]
        yield from (*grid(["environment", *(escape(column.group) for column in apart)], body), "")
    if alike:
        good = [environment for environment in environments if environment.works]
        said = "; ".join(
            f"{escape(column.group)} {sign.word}{_why_not_on_gpu(good, column)}"
            for column, sign in alike.items()
        )
        yield from (f"In every environment that works: {said}.", "")


def _why_not_on_gpu(environments: Iterable[EnvironmentRow], column: Column) -> str:
    """The reasons why a backend cannot run beside a GPU, where it should, in parentheses."""
    reasons = {
        reason.text: None
        for environment in environments
        for row in environment.rows
        if row.result.observed is not None and row.result.observed.device == "cuda"
        if column in row.backends and mark(row.backends[column]) is Mark.CANNOT_RUN
        for reason in row.backends[column].reasons
    }
    return f" ({escape('; '.join(reasons))})" if reasons else ""
