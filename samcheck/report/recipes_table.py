"""What became of a deployment guide's recipes, recipe by environment, as Markdown.

Errors stand below their table. A verdict joins the two checks of a recipe: as it is written, and put right.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from samcheck.facts import Facts
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.measurable import CLAIMED, MOST_SPREAD, UNMEASURABLE, is_measurable, is_time, limits
from samcheck.report import version_claims
from samcheck.report.escaping import escape, grid, row_name
from samcheck.report.fields import UNRECORDED, Reason
from samcheck.report.footnotes import Footnotes
from samcheck.report.table_rows import ResultEntry, by_machine, without_checks
from samcheck.storage.results import Stored

GROUP = "recipes"

INTRODUCTION = f"""\
# Does what a deployment guide recommends work here?

One row per recipe and size of SAM, one column per environment that was really run. A recipe is tried
literally, and where that fails as it has to be done; an answer counts as right only if it agrees with
float32. Gains are ratios against the plain way in the same run: below 1 is faster, or smaller. They are
measured with samcheck's own small model unless a row names another one. Memory is what tensors take at the
peak, with the weights where a recipe is about the whole model.

Times are measured in turns. What is shown is the interval in which a time should lie when it is measured
again; results without an interval show none. Where it spans more than a factor of {MOST_SPREAD}, the machine
was too busy, and the time is "{UNMEASURABLE}".

| sign | verdict | meaning |
| --- | --- | --- |
| ✓ | works as written, holds | the literal recipe works; what is said of the world is not contradicted |
| ≈ | works when corrected | the literal recipe does not work, and what is described below does |
| ✗ | broken, contradicted | it does not work, or has no effect; this environment shows the opposite |
| ○ | not tried | cannot be tried here, for the reason given |
| – | not run | no check of it finished |

Written by `samcheck table`; do not edit.
"""
ON_CPU = "Measured on a CPU: the times and sizes below say nothing about GPUs, which the claims are about.\n"

SIGNS = {
    "works as written": "✓",
    "holds": "✓",
    "works when corrected": "≈",
    "broken": "✗",
    "contradicted": "✗",
    "not tried": "○",
    "not run": "–",
}
ORDER = tuple(SIGNS)
#: How a number is written, in this order; the names are those that the checks measure under.
FORMATS = {
    "time_ratio": "time {} ×",
    "memory_ratio": "memory {} ×",
    "miou_change": "mIoU {}",
    "iou": "IoU {}",
    "encoder_share": "encoder {} of the time",
    "memory_gb": "{} GB",
    "time_ms": "{} ms",
    "load_s": "loaded in {} s",
}
DIGITS = {
    "miou_change": "+.2f",
    "iou": ".3f",
    "encoder_share": ".0%",
    "memory_gb": ".1f",
    "time_ms": ".0f",
    "load_s": ".1f",
}
TIMED = frozenset(filter(is_time, FORMATS))

#: Variants of a row without a name: of none, and samcheck's own.
SMALL = ("", "tiny")

Key = tuple[str, str]  # recipe and variant


@dataclass(frozen=True, slots=True)
class RecipeOutcome:
    """What became of one recipe in one environment.

    Attributes:
        notes: what went wrong, what was not tried, and what was put right.
        measured: the gains, of the check that the verdict rests on.
        about: the recipe's title and what is claimed of it; None where no check came to write it down.
    """

    verdict: str
    notes: tuple[Reason, ...]
    measured: tuple[str, ...]
    about: tuple[str, str] | None


@dataclass(frozen=True)
class RecipeResults(ResultEntry):
    """The recipes of one result."""

    outcomes: Mapping[Key, RecipeOutcome]


def _recipe_outcome(written: CheckResult | None, corrected: CheckResult | None) -> RecipeOutcome:
    """The two checks of a recipe, of which each may be missing, joined."""
    verdicts = [_verdict(written), _verdict(corrected)]
    verdict = min(verdicts, key=ORDER.index)
    decided_by = (written, corrected)[verdicts.index(verdict)]
    notes = [
        _note(name, check)
        for name, check, said in zip(("as written", "corrected"), (written, corrected), verdicts, strict=True)
        if check is not None and said not in ("works as written", "holds")
    ]
    about = next(
        (_about(check) for check in (written, corrected) if check and "title" in check.settings), None
    )
    # Thousands of results have often the same gains: each is kept once.
    return RecipeOutcome(verdict, tuple(notes), _interned(_gains(decided_by)), about)


#: As are their notes.
_reason = cache(Reason)


def _interned(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(sys.intern, texts))


def _about(check: CheckResult) -> tuple[str, str]:
    claimed = ", ".join(_claimed(check.metrics)) or escape(check.settings.get("claim", ""))
    return sys.intern(check.settings["title"]), sys.intern(claimed)


def _verdict(check: CheckResult | None) -> str:
    """The words of `SIGNS`, by what the check stored; a check that did not pass never works."""
    if check is None:
        return "not run"
    if check.outcome.is_failure:
        return "broken"
    verdict = check.settings.get("verdict", "")
    return verdict if verdict in SIGNS else "not run"


def _note(name: str, check: CheckResult) -> Reason:
    if check.outcome is CheckOutcome.PASSED:
        return _reason(name, None, check.settings.get("correction") or "works", "")
    outcome = "not tried" if check.outcome is CheckOutcome.SKIPPED else str(check.outcome)
    error = check.settings.get("error")
    text, evidence = (error, "") if error else (check.reason or UNRECORDED, check.evidence)
    return _reason(f"{name}, {outcome}", check.defect, text, evidence)


def recipes(stored: Stored) -> list[RecipeResults]:
    """Those of one result; none where it has tried none."""
    outcomes = recipe_outcomes(stored.result)
    return (
        [RecipeResults(stored.device, stored.driver, without_checks(stored.result), outcomes)]
        if outcomes
        else []
    )


def document(every: Iterable[RecipeResults], facts: Facts) -> str:
    """The whole document; empty where no recipe was tried."""
    sections = [_section(*machine) for machine in by_machine(every)]
    return "\n".join([INTRODUCTION, *sections, *version_claims.lines(facts)]) if sections else ""


def _checks(result: CellResult) -> list[CheckResult]:
    return [check for check in result.checks if check.group == GROUP]


def _key(check: CheckResult) -> Key:
    """Recipe and variant, also of a check that never came to write down which recipe it is of."""
    variant = check.variant or ""
    recipe = check.settings.get("recipe") or check.parameters.removeprefix(f"{variant}-")
    return sys.intern(recipe), sys.intern(variant)


def recipe_outcomes(result: CellResult) -> dict[Key, RecipeOutcome]:
    """The recipes of one environment."""
    forms: dict[Key, dict[bool, CheckResult]] = {}
    for check in _checks(result):
        forms.setdefault(_key(check), {})["corrected" in check.function] = check
    return {key: _recipe_outcome(pair.get(False), pair.get(True)) for key, pair in forms.items()}


def _section(device: str, driver: str, rows: list[RecipeResults]) -> str:
    notes = Footnotes()
    # In the order of the newest environment: older pytests put checks into another order.
    every = dict.fromkeys(key for row in reversed(rows) for key in row.outcomes)
    keys = [key for key in every if _has_row(key, rows)]
    heads = ["recipe", "claimed", *(_head(row.result) for row in rows)]
    body = [_row(key, [row.outcomes.get(key) for row in rows], notes) for key in keys]
    on_gpu = any(row.result.observed and row.result.observed.device == "cuda" for row in rows)
    label = "GPU" if on_gpu else "CPU"
    return "\n".join(
        [
            f"## {escape(device)}, driver {escape(driver)} ({label})",
            "",
            *([] if on_gpu else [ON_CPU]),
            *grid(heads, body),
            "",
            *notes.lines(),
            "",
        ]
    )


def _has_row(key: Key, rows: list[RecipeResults]) -> bool:
    """Not a size of SAM that was nowhere tried, beside a row of the small one."""
    tried_with = {row.outcomes[key].verdict for row in rows if key in row.outcomes}
    return key[1] in SMALL or not tried_with <= {"not tried", "not run"}


def _head(result: CellResult) -> str:
    observed = result.observed
    device = (observed.gpu or "GPU") if observed is not None and observed.device == "cuda" else "CPU"
    return f"{row_name(result)}, {escape(device)}"


def _row(key: Key, outcomes: list[RecipeOutcome | None], notes: Footnotes) -> list[str]:
    recipe, variant = key
    title, claimed = next((outcome.about for outcome in outcomes if outcome and outcome.about), ("", ""))
    size = f" ({escape(variant)})" if variant not in SMALL else ""
    return [
        f"{escape(title or recipe)}{size}",
        claimed or "–",
        *(_field(outcome, notes) for outcome in outcomes),
    ]


def _claimed(metrics: Mapping[str, float]) -> Iterator[str]:
    for name, text in FORMATS.items():
        if CLAIMED + name in metrics:
            yield text.format(_number(name, metrics[CLAIMED + name]))


def _field(outcome: RecipeOutcome | None, notes: Footnotes) -> str:
    if outcome is None:
        return f"{SIGNS['not run']} not run"
    return "<br>".join(
        [f"{SIGNS[outcome.verdict]} {outcome.verdict}{notes.mark(outcome.notes)}", *outcome.measured]
    )


def _number(name: str, value: float) -> str:
    return format(value, DIGITS.get(name, ".2f"))


def _gains(check: CheckResult | None) -> Iterator[str]:
    """Of a check that works; times as intervals, and only those that this machine could measure."""
    if check is None or not check.outcome.is_expected:  # known: right, and no gain
        return
    for name, text in FORMATS.items():
        if name in TIMED:
            ends = limits(check.metrics, name)
            if ends and is_measurable(*ends):
                yield text.format(" to ".join(_number(name, end) for end in ends))
            elif ends:
                yield f"{text.split()[0]} {UNMEASURABLE}"
        elif name in check.metrics:
            yield text.format(_number(name, check.metrics[name]))
