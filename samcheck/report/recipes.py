"""What became of a deployment guide's recipes, recipe by environment, as Markdown.

Errors stand below their table. A verdict joins the two checks of a recipe: as it is written, and put right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from samcheck.facts import Facts
from samcheck.guest.record import CellResult, CheckResult
from samcheck.report.escaping import escape, grid, row_name
from samcheck.report.footnotes import Footnotes
from samcheck.report.rows import Row, by_machine, row
from samcheck.results import Stored

GROUP = "recipes"
#: Newer than every GPU that CUDA 11.7 has machine code for: Hopper.
HOPPER = (9, 0)

INTRODUCTION = """\
# Does what a deployment guide recommends work here?

One row per recipe and size of SAM, one column per environment that was really run. A recipe is tried
literally, and where that fails as it has to be done; an answer counts as right only if it agrees with
float32. Gains are ratios against the plain way in the same run: below 1 is faster, or smaller. They are
measured with samcheck's own small model unless a row names another one. Memory is what tensors take at the
peak, with the weights where a recipe is about the whole model.

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
#: How a number is written, in this order; the names are those that the checks measure under.
FORMATS = {
    "time_ratio": "time {:.2f} ×",
    "memory_ratio": "memory {:.2f} ×",
    "miou_change": "mIoU {:+.2f}",
    "iou": "IoU {:.3f}",
    "encoder_share": "encoder {:.0%} of the time",
    "memory_gb": "{:.1f} GB",
    "time_ms": "{:.0f} ms",
    "load_s": "loaded in {:.1f} s",
}
CLAIMED = "claimed_"

#: Variants of a row without a name: of none, and samcheck's own.
SMALL = ("", "tiny")

Key = tuple[str, str]  # recipe and variant


@dataclass(frozen=True)
class Tried:
    """The checks of one recipe in one environment; each may be missing."""

    written: CheckResult | None
    corrected: CheckResult | None

    @property
    def verdict(self) -> str:
        said = [_verdict(check) for check in (self.written, self.corrected)]
        return min(said, key=list(SIGNS).index)

    @property
    def decided_by(self) -> CheckResult | None:
        """The check whose numbers belong to the verdict."""
        found = (check for check in (self.written, self.corrected) if _verdict(check) == self.verdict)
        return next(found, None)

    @property
    def notes(self) -> Iterator[str]:
        """What went wrong, what was not tried, and what was put right."""
        for name, check in (("as written", self.written), ("corrected", self.corrected)):
            if check is not None and _verdict(check) not in ("works as written", "holds"):
                yield from _notes(name, check)


def _verdict(check: CheckResult | None) -> str:
    """The words of `SIGNS`, by what the check stored; a check that did not pass never works."""
    if check is None:
        return "not run"
    said = check.settings.get("verdict", "not run").partition(":")[0]
    if check.outcome in ("failed", "crashed", "timed-out"):
        return "broken"
    return said if said in SIGNS else "not run"


def _notes(name: str, check: CheckResult) -> Iterator[str]:
    if check.outcome == "passed":
        yield f"{name}: {check.settings.get('correction') or 'works'}"
        return
    what = check.settings.get("error") or check.reason or "no reason was recorded"
    defect = f" [{check.defect}]" if check.defect else ""
    outcome = "not tried" if check.outcome == "skipped" else check.outcome
    yield f"{name}, {outcome}{defect}: {what}"


def document(found: Sequence[Stored], facts: Facts) -> str:
    """The whole document; empty where no result has tried a recipe."""
    return of_rows(map(row, found), facts)


def of_rows(every: Iterable[Row], facts: Facts) -> str:
    """As `document`."""
    with_recipes = [each for each in every if _checks(each.result)]
    if not with_recipes:
        return ""
    parts = [INTRODUCTION]
    for device, driver, rows in by_machine(with_recipes):
        parts.append(_section(device, driver, [each.result for each in rows]))
    return "\n".join([*parts, *by_facts(facts)])


def _checks(result: CellResult) -> list[CheckResult]:
    return [check for check in result.checks if check.group == GROUP]


def _key(check: CheckResult) -> Key:
    """Recipe and variant, also of a check that never came to write down which recipe it is of."""
    variant = check.variant or ""
    inside = check.check.partition("[")[2].rstrip("]")
    return check.settings.get("recipe") or inside.removeprefix(f"{variant}-"), variant


def tried(result: CellResult) -> dict[Key, Tried]:
    """The recipes of one environment."""
    forms: dict[Key, dict[bool, CheckResult]] = {}
    for check in _checks(result):
        forms.setdefault(_key(check), {})["corrected" in check.check.partition("[")[0]] = check
    return {key: Tried(pair.get(False), pair.get(True)) for key, pair in forms.items()}


def _section(device: str, driver: str, rows: list[CellResult]) -> str:
    notes, by_cell = Footnotes(), [tried(row) for row in rows]
    # In the order of the newest environment: older pytests put checks into another order.
    every = dict.fromkeys(key for found in reversed(by_cell) for key in found)
    keys = [key for key in every if _shown(key, by_cell)]
    heads = ["recipe", "claimed", *(_head(row) for row in rows)]
    body = [_row(key, [found.get(key) for found in by_cell], notes) for key in keys]
    on_gpu = any(row.observed is not None and row.observed.device == "cuda" for row in rows)
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


def _shown(key: Key, by_cell: list[dict[Key, Tried]]) -> bool:
    """Not a size of SAM that was nowhere tried, beside a row of the small one."""
    tried_with = {found[key].verdict for found in by_cell if key in found}
    return key[1] in SMALL or not tried_with <= {"not tried", "not run"}


def _head(row: CellResult) -> str:
    seen = row.observed
    device = (seen.gpu or "GPU") if seen is not None and seen.device == "cuda" else "CPU"
    return f"{row_name(row)}, {escape(device)}"


def _row(key: Key, found: list[Tried | None], notes: Footnotes) -> list[str]:
    told = [check for each in found if each for check in (each.written, each.corrected) if check]
    settings: Mapping[str, str] = next((check.settings for check in told if "title" in check.settings), {})
    metrics: Mapping[str, float] = next((check.metrics for check in told if "title" in check.settings), {})
    recipe, variant = key
    title = escape(settings.get("title") or recipe)
    figures = ", ".join(_claimed(metrics)) or escape(settings.get("claim", ""))
    size = f" ({escape(variant)})" if variant not in SMALL else ""
    return [f"{title}{size}", figures or "–", *(_field(each, notes) for each in found)]


def _claimed(metrics: Mapping[str, float]) -> Iterator[str]:
    for name, text in FORMATS.items():
        if CLAIMED + name in metrics:
            yield text.format(metrics[CLAIMED + name])


def _field(each: Tried | None, notes: Footnotes) -> str:
    if each is None:
        return f"{SIGNS['not run']} not run"
    parts = [f"{SIGNS[each.verdict]} {each.verdict}{notes.mark(each.notes)}"]
    check = each.decided_by
    if check is not None and check.outcome in ("passed", "fixed", "known"):  # known: right, and no gain
        parts += _measured(check.metrics)
    return "<br>".join(parts)


def _measured(metrics: Mapping[str, float]) -> Iterator[str]:
    """The gains; milliseconds only where there is a claim of them."""
    for name, text in FORMATS.items():
        if name in metrics and (name != "time_ms" or CLAIMED + name in metrics):
            yield text.format(metrics[name])


def by_facts(facts: Facts) -> Iterator[str]:
    """What samcheck's facts say of the guide's claims about versions."""
    newest = facts.releases[-1]
    of_11_7 = [row for row in facts.releases if row.build("cu117")]
    yield "## What samcheck's facts say of the guide's claims\n"
    yield (
        f"- Python 3.8 to 3.10 only: PyTorch {newest.version} has wheels for Python "
        f"{', '.join(newest.pythons)}; the last release for Python 3.8 is {_last(facts, '3.8')}."
    )
    yield (
        f"- CUDA 11.7: the releases with such a build are {', '.join(row.version for row in of_11_7)}, "
        f"and {_hopper(facts)} of these builds has machine code for Hopper or newer GPUs."
    )


def _last(facts: Facts, python: str) -> str:
    return [row.version for row in facts.releases if python in row.pythons][-1]


def _hopper(facts: Facts) -> str:
    archs = (_archs(row.build("cu117")) for row in facts.releases)
    with_it = sum(any(arch >= HOPPER for arch in each) for each in archs)
    return str(with_it) if with_it else "none"


def _archs(build: object) -> Iterable[tuple[int, ...]]:
    return [tuple(map(int, arch.split("."))) for arch in getattr(build, "archs", ())]
