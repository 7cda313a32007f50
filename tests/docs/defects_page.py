"""docs/reference/defects.md: what the catalogue knows, and where stored results saw it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from packaging.version import Version

from samcheck import paths
from samcheck.guest.defects.catalogue import DEFECTS
from samcheck.guest.defects.defect import Defect
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.plugin.check_groups import group_of
from samcheck.guest.record import GROUP_NAMES, CheckResult
from samcheck.storage import results
from samcheck.storage.results import Stored

SUITE = paths.SUITE
_RECIPE = re.compile(r"test_(?:as_written|corrected|loading_as_written|loading_corrected|claim)\[(.+)\]")

INTRODUCTION = """\
# The defects that the catalogue knows

This page is for looking up an error message or a wrong result: is it a known defect of Segment Anything,
PyTorch or a neighbour, which releases have it, and what puts it right? A check that meets one of these is
`known`, not `failed`; where a defect no longer shows itself, the check is `fixed`.

- **Symptom** is a regular expression that matches the type and the message of the error. Types such as
  `SilentlyWrong` are the suite's own: SAM raises nothing, and the suite names what is wrong.
- **Seen** and **absent** are the releases in which checks met the defect, and those in which the same checks
  got by without it, as far as the {count} results stored in this repository say. All of them were measured on
  CPUs. A release under both differs by machine, Python or NumPy; under neither, it was not measured, or
  another defect is in the way. [Bisecting](../guides/before-you-upgrade.md#since-when-samcheck-bisect) finds
  the release that brought a defect or removed it.
- **Put right by** is what worked instead, where a recipe of a deployment guide meets the defect.

Written by `python -m tests.docs --update` from
[the catalogue](../../samcheck/guest/defects/catalogue.py) and `results/`; do not edit.
"""


@dataclass
class _Sightings:
    """The results in which a defect was seen, and those in which the same checks did not meet it."""

    seen: list[Stored] = field(default_factory=list)
    absent: list[Stored] = field(default_factory=list)


def render() -> str:
    stored, problems = results.load(paths.RESULTS)
    assert not problems
    sightings, corrections = _sightings(stored), _corrections(stored)
    parts = [
        INTRODUCTION.format(
            count=len(stored), bisect="../guides/before-you-upgrade.md#since-when-samcheck-bisect"
        )
    ]
    by_group = defaultdict(list)
    for defect in DEFECTS.values():
        by_group[_group(defect.id)].append(defect)
    for group in (name for name in GROUP_NAMES if name in by_group):
        parts.append(f"## Met by the checks of {group}\n")
        parts += [
            "\n".join(_entry(defect, sightings[defect.id], corrections.get(defect.id, ())))
            for defect in by_group[group]
        ]
    return "\n".join(parts)


def _entry(defect: Defect, sightings: _Sightings, corrections: Iterable[str]) -> Iterator[str]:
    yield f"### {defect.id}\n"
    yield f"{defect.title[0].upper()}{defect.title[1:]}. [Report]({defect.link})\n"
    yield from (f"- Symptom: `{symptom}`" for symptom in defect.symptoms)
    if sightings.seen:
        yield f"- Seen: {_releases(sightings.seen)}"
    else:
        yield "- Seen: in no stored result"
    if sightings.absent:
        yield f"- Absent: {_releases(sightings.absent)}"
    yield from (f"- Put right by: {correction}" for correction in corrections)
    yield ""


def _releases(stored: list[Stored]) -> str:
    releases = sorted({each.result.cell.torch for each in stored}, key=Version)
    return f"PyTorch {', '.join(releases)}"


def _sightings(stored: list[Stored]) -> dict[str, _Sightings]:
    """By defect: where it showed itself, and where the same checks did without it."""
    meeting = defaultdict(set)
    for each in stored:
        for check in each.result.checks:
            if check.outcome is CheckOutcome.KNOWN:
                meeting[check.defect].add(check.check)
    every: dict[str, _Sightings] = defaultdict(_Sightings)
    for each in stored:
        for id in DEFECTS:
            if any(
                check.outcome is CheckOutcome.KNOWN and check.defect == id for check in each.result.checks
            ):
                every[id].seen.append(each)
            elif any(_went_without(check, id, meeting[id]) for check in each.result.checks):
                every[id].absent.append(each)
    return every


def _met(check: CheckResult, id: str) -> bool:
    return check.outcome is CheckOutcome.KNOWN and check.defect == id


def _went_without(check: CheckResult, id: str, meeting: set[str]) -> bool:
    if check.outcome is CheckOutcome.FIXED:
        return check.defect == id
    return check.outcome is CheckOutcome.PASSED and check.check in meeting


def _corrections(stored: list[Stored]) -> dict[str, list[str]]:
    """Defect → what made the recipe that meets it work, in the same environment."""
    every = defaultdict(set)
    for each in stored:
        checks = [(found[1], check) for check in each.result.checks if (found := _RECIPE.search(check.check))]
        worked = {
            recipe: check.settings["correction"]
            for recipe, check in checks
            if check.outcome is CheckOutcome.PASSED and check.settings.get("correction")
        }
        for recipe, check in checks:
            if check.outcome is CheckOutcome.KNOWN and recipe in worked:
                every[check.defect].add(worked[recipe])
    return {str(id): sorted(corrections) for id, corrections in every.items()}


@cache
def _suite() -> dict[str, str]:
    """The text of each module of the suite, by its group."""
    texts: dict[str, str] = defaultdict(str)
    for path in sorted(SUITE.glob("test_*.py")):
        texts[group_of(str(path))] += path.read_text(encoding="utf-8")
    return texts


def _group(id: str) -> str:
    """The group whose checks name a defect, in the order of the table."""
    for prefix, group in (("recipe-", "recipes"), ("input-", "inputs")):  # named outside of the suite
        if id.startswith(prefix):
            return group
    return next(group for group in GROUP_NAMES if f'"{id}"' in _suite().get(group, ""))
