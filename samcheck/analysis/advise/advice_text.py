"""An answer for people to read (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from samcheck import paths
from samcheck.analysis.advise import result_comparison
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.advise.summary import UpgradeAnswer
from samcheck.analysis.advise.verdict import VERDICTS, Advice
from samcheck.facts import Facts, gpu_support
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.gpu_support import GpuDevice
from samcheck.guest.record import CellOutcome, CheckOutcome
from samcheck.matrix.file import shown
from samcheck.report.escaping import escape
from samcheck.storage.results import Stored

#: More of one kind are only counted, unless everything was asked for.
SHOWN = 4
HEADS = {
    "measured": "MEASURED (by stored results)",
    "predicted": "PREDICTED FROM FACTS (not measured)",
    "unknown": "UNKNOWN (neither results nor facts say)",
}


def lines(
    answer: UpgradeAnswer, facts: Facts, commands: Sequence[str], everything: bool = False
) -> Iterator[str]:
    """The question, the answer in one line, and what it rests on."""
    most = 10**9 if everything else SHOWN
    yield answer.headline
    yield f"  {answer.question}"
    for basis, head in HEADS.items():
        groups = _groups(each for each in answer.advices if each.basis == basis)
        if groups:
            yield head
        for group in groups:
            yield from (f"  {line}" for line in _group(group, most))
    yield from _context(answer, facts, most)
    if commands:
        yield "TO BE SURE, riskiest first"
        yield from (f"  {command}" for command in commands)


def _groups(advices: Iterable[Advice]) -> list[list[Advice]]:
    """Measured ones each by itself, others with those of the same verdict for the same rules; worst first."""
    found: dict[tuple[object, ...], list[Advice]] = {}
    for each in advices:
        own = each.step if each.basis == "measured" else tuple(one.rule for one in _reasons(each))
        found.setdefault((each.verdict, own), []).append(each)
    return sorted(found.values(), key=lambda group: list(VERDICTS).index(group[0].verdict))


def _reasons(advice: Advice) -> tuple[Obstacle, ...]:
    """What a prediction rests on."""
    if advice.verdict == "works":
        return advice.grounds
    if advice.verdict == "starts to work":
        return gpu_support.hard(advice.facts_before)
    kinds = {"unknown": ("doubt",), "works, with limits": ("soft",)}.get(advice.verdict)
    return (
        tuple(each for each in advice.facts if each.kind in kinds)
        if kinds
        else gpu_support.hard(advice.facts)
    )


def _group(group: list[Advice], most: int) -> Iterator[str]:
    first = group[0]
    ids = [each.step.after.id for each in group]
    count = f" ({len(ids)} cells)" if len(ids) > 1 else ""
    # What has wheels and drivers may still fail: that nothing speaks against it is all that facts say.
    predicted = first.basis == "predicted" and first.verdict == "works"
    yield f"{'nothing against it' if predicted else first.verdict}{count}: {_some(ids, most)}"
    if first.basis == "measured":
        yield from (f"  {line}" for each in first.after for line in _evidence("after", each))
        if not first.before:
            yield "  now: not measured, so that nothing can be compared"
        yield from (f"  predicted beside it ({each.kind}): {each}" for each in first.facts)
    else:
        yield from (f"  {line}" for line in _said(group, most))
    for each in group[:most]:
        yield from (f"  {line}" for line in _results(each, len(group) > 1, most))
    remedies = dict.fromkeys(one.text for each in group for one in each.remedies)
    instead = dict.fromkeys(text for each in group for text in each.instead)
    if remedies:
        yield f"  put right by (predicted from facts): {' or '.join(remedies)}"
    if instead:
        yield f"  instead (predicted from facts): {' or '.join(instead)}"


def _said(group: list[Advice], most: int) -> Iterator[str]:
    """The facts that a group's verdict rests on: of each rule one, and how many more are like it."""
    label = {"works": "for it", "starts to work": "now"}.get(group[0].verdict, "because")
    by_rule: dict[str, dict[str, None]] = {}
    for one in (one for each in group for one in _reasons(each)):
        by_rule.setdefault(one.rule, {})[str(one)] = None
    for texts in by_rule.values():
        shown = list(texts) if most > SHOWN else list(texts)[:1]
        yield from (f"{label}: {text}" for text in shown)
        if len(texts) > len(shown):
            yield f"  and {len(texts) - len(shown)} like it, with --all"


def _results(advice: Advice, named: bool, most: int) -> Iterator[str]:
    """What is measured around a step: what is there now, the nearest result, and what changed."""
    name = f"{advice.step.after.id}: " if named else ""
    for each in advice.before:
        yield from _evidence(f"{name}now, measured", each)
    if advice.nearby is not None:
        differs = "; ".join(advice.nearby.differs)
        yield from _evidence(f"{name}nearest measured, decides nothing ({differs})", advice.nearby)
    for pair in advice.changed:
        yield from (f"  {line}" for line in result_comparison.lines(pair, most))


def _evidence(label: str, each: Evidence) -> Iterator[str]:
    result = each.result
    counts = {name: sum(check.outcome == name for check in result.checks) for name in KINDS_OF_CHECK}
    held = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    only = f", only {result.only}" if result.only else ""
    checks = f" ({held})" if held else ""
    told = result.reason and result.outcome is not CellOutcome.PASSED
    reason = f": {shown(result.reason, 160)}" if told else ""
    yield f"{label}: {result.outcome}{checks}{only}{reason}"
    yield f"  {_dated(each.stored)}"
    for older in each.overruled:
        word = "overruled by it" if older.result.outcome != result.outcome else "the same"
        yield f"  older, {word}: {older.result.outcome}, {_dated(older)}"


KINDS_OF_CHECK = tuple(outcome for outcome in CheckOutcome if outcome is not CheckOutcome.SKIPPED)


def _dated(row: Stored) -> str:
    day = row.result.finished[:10]
    return f"{row.device}, {day}, samcheck {row.result.samcheck}, {place(row.path)}"


def place(path: Path) -> str:
    """A file's name in the checkout, where it is in it."""
    whole = path.absolute()
    return whole.relative_to(paths.CHECKOUT).as_posix() if whole.is_relative_to(paths.CHECKOUT) else str(path)


def _context(answer: UpgradeAnswer, facts: Facts, most: int) -> Iterator[str]:
    along = list(dict.fromkeys(text for each in answer.advices for text in each.along))
    if along:
        yield "CHANGES ALONG (predicted from facts)"
        yield from (f"  {text}" for text in along[: 2 * most])
        if len(along) > 2 * most:
            yield f"  ... and {len(along) - 2 * most} more, with --all"
    question = answer.question
    if question.subject == "driver":
        yield "DRIVER BRANCHES (facts)"
        yield from (f"  {_branch(driver, facts)}" for driver in (question.old, question.new))
        yield from (f"  {text}" for gpu in question.after.gpus for text in _last(gpu, facts))
        if not question.after.gpus:
            yield "  whether the driver supports your GPU was not looked at: add --gpu NAME"


def _branch(driver: str, facts: Facts) -> str:
    row = facts.branch(driver)
    if row is None:
        return f"R{driver.partition('.')[0]}: not among those that the facts know"
    until = f", end of life {row.end_of_life}" if row.end_of_life else ""
    return f"R{row.number}: {row.kind}, {row.state}{until} (source: {', '.join(row.source)})"


def _last(gpu: GpuDevice, facts: Facts) -> Iterator[str]:
    row = facts.architecture(gpu.capability)
    if row is not None and row.last_branch:
        yield f"R{row.last_branch} is the last branch for {gpu.name} (source: {', '.join(row.source)})"


def _some(ids: Sequence[str], most: int) -> str:
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(ids[:most]) + more


def markdown(
    answer: UpgradeAnswer, facts: Facts, commands: Sequence[str], everything: bool = False
) -> Iterator[str]:
    """The same as Markdown: the answer in bold, then nested lists."""
    headline, question, *others = lines(answer, facts, commands, everything)
    yield f"**{escape(headline)}**"
    yield ""
    yield escape(question.strip())
    for line in others:
        text = line.lstrip()
        depth = (len(line) - len(text)) // 2
        if depth:
            yield f"{'  ' * (depth - 1)}- {f'`{text}`' if text.startswith('nox ') else escape(text)}"
        else:
            yield from ("", f"### {escape(text)}", "")
