"""An answer for people to read (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from samcheck import paths
from samcheck.analysis.advise import result_comparison
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.advise.outline import OutlineLine, indented
from samcheck.analysis.advise.question import UpgradeQuestion
from samcheck.analysis.advise.summary import UpgradeAnswer
from samcheck.analysis.advise.verdict import Advice, Basis, UpgradeVerdict
from samcheck.facts import Facts, gpu_support
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.matrix.file import shown
from samcheck.report.escaping import escape
from samcheck.storage.results import Stored

#: More of one kind are only counted, unless everything was asked for.
SHOWN = 4
HEADS = {
    Basis.MEASURED: "MEASURED (by stored results)",
    Basis.PREDICTED: "PREDICTED FROM FACTS (not measured)",
    Basis.UNKNOWN: "UNKNOWN (neither results nor facts say)",
}


def lines(
    answer: UpgradeAnswer, facts: Facts, commands: Sequence[OutlineLine], everything: bool = False
) -> Iterator[str]:
    """The question, the answer in one line, and what it rests on."""
    yield answer.headline
    yield f"  {answer.question}"
    for line in _body(answer, facts, commands, everything):
        yield f"{'  ' * line.depth}{line.text}"


def markdown(
    answer: UpgradeAnswer, facts: Facts, commands: Sequence[OutlineLine], everything: bool = False
) -> Iterator[str]:
    """The same as Markdown: the answer in bold, then nested lists."""
    yield f"**{escape(answer.headline)}**"
    yield ""
    yield escape(str(answer.question))
    for line in _body(answer, facts, commands, everything):
        if line.depth:
            yield f"{'  ' * (line.depth - 1)}- {f'`{line.text}`' if line.is_command else escape(line.text)}"
        else:
            yield from ("", f"### {escape(line.text)}", "")


def _body(
    answer: UpgradeAnswer, facts: Facts, commands: Sequence[OutlineLine], everything: bool
) -> Iterator[OutlineLine]:
    """What the answer rests on: heads without depth, what stands below them with it."""
    most = 10**9 if everything else SHOWN
    for basis, head in HEADS.items():
        groups = _groups(advice for advice in answer.advices if advice.basis == basis)
        if groups:
            yield OutlineLine(head)
        for group in groups:
            yield from indented(_group(group, most))
    yield from _implied_changes(answer, most)
    if answer.question.subject == "driver":
        yield OutlineLine("DRIVER BRANCHES (facts)")
        yield from indented(_driver_branches(answer.question, facts))
    if commands:
        yield OutlineLine("TO BE SURE, riskiest first")
        yield from indented(commands)


def _groups(advices: Iterable[Advice]) -> list[list[Advice]]:
    """Measured ones each by itself, others with those of the same verdict for the same rules; worst first."""
    groups: dict[tuple[object, ...], list[Advice]] = {}
    for advice in advices:
        rules = tuple(obstacle.rule for obstacle in _reasons(advice))
        own = advice.change if advice.basis is Basis.MEASURED else rules
        groups.setdefault((advice.verdict, own), []).append(advice)
    return sorted(groups.values(), key=lambda group: list(UpgradeVerdict).index(group[0].verdict))


def _reasons(advice: Advice) -> tuple[Obstacle, ...]:
    """What a prediction rests on."""
    if advice.verdict is UpgradeVerdict.WORKS:
        return advice.grounds
    if advice.verdict is UpgradeVerdict.STARTS:
        return gpu_support.hard(advice.facts_before)
    kind = {UpgradeVerdict.UNKNOWN: ObstacleKind.DOUBT, UpgradeVerdict.LIMITED: ObstacleKind.SOFT}.get(
        advice.verdict
    )
    if kind is None:
        return gpu_support.hard(advice.facts)
    return tuple(obstacle for obstacle in advice.facts if obstacle.kind == kind)


def _group(group: list[Advice], most: int) -> Iterator[OutlineLine]:
    first = group[0]
    ids = [advice.change.after.id for advice in group]
    count = f" ({len(ids)} cells)" if len(ids) > 1 else ""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    # What has wheels and drivers may still fail: that nothing speaks against it is all that facts say.
    predicted = first.basis is Basis.PREDICTED and first.verdict is UpgradeVerdict.WORKS
    verdict = "nothing against it" if predicted else first.verdict
    yield OutlineLine(f"{verdict}{count}: {', '.join(ids[:most])}{more}")
    if first.basis is Basis.MEASURED:
        for evidence in first.after:
            yield from indented(_evidence("after", evidence))
        if not first.before:
            yield OutlineLine("now: not measured, so that nothing can be compared", 1)
        for obstacle in first.facts:
            yield OutlineLine(f"predicted beside it ({obstacle.kind}): {obstacle}", 1)
    else:
        yield from indented(_group_reasons(group, most))
    for advice in group[:most]:
        yield from indented(_results(advice, len(group) > 1, most))
    remedies = dict.fromkeys(remedy.text for advice in group for remedy in advice.remedies)
    alternatives = dict.fromkeys(text for advice in group for text in advice.alternatives)
    if remedies:
        yield OutlineLine(f"put right by (predicted from facts): {' or '.join(remedies)}", 1)
    if alternatives:
        yield OutlineLine(f"instead (predicted from facts): {' or '.join(alternatives)}", 1)


def _group_reasons(group: list[Advice], most: int) -> Iterator[OutlineLine]:
    """The facts that a group's verdict rests on: of each rule one, and how many more are like it."""
    label = {UpgradeVerdict.WORKS: "for it", UpgradeVerdict.STARTS: "now"}.get(group[0].verdict, "because")
    by_rule: dict[str, dict[str, None]] = {}
    for advice in group:
        for obstacle in _reasons(advice):
            by_rule.setdefault(obstacle.rule, {})[str(obstacle)] = None
    for texts in by_rule.values():
        some = list(texts) if most > SHOWN else list(texts)[:1]
        yield from (OutlineLine(f"{label}: {text}") for text in some)
        if len(texts) > len(some):
            yield OutlineLine(f"and {len(texts) - len(some)} like it, with --all", 1)


def _results(advice: Advice, named: bool, most: int) -> Iterator[OutlineLine]:
    """What is measured around a change: what is there now, the nearest result, and what changed."""
    name = f"{advice.change.after.id}: " if named else ""
    for evidence in advice.before:
        yield from _evidence(f"{name}now, measured", evidence)
    if advice.nearby is not None:
        differs = "; ".join(advice.nearby.differs)
        yield from _evidence(f"{name}nearest measured, decides nothing ({differs})", advice.nearby)
    for pair in advice.pairs:
        yield from indented(result_comparison.lines(pair, most))


def _evidence(label: str, evidence: Evidence) -> Iterator[OutlineLine]:
    result = evidence.result
    counts = {outcome: sum(check.outcome == outcome for check in result.checks) for outcome in COUNTED}
    counted = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    checks = f" ({counted})" if counted else ""
    only = f", only {result.only}" if result.only else ""
    explained = result.reason and result.outcome is not CellOutcome.PASSED
    reason = f": {shown(result.reason, 160)}" if explained else ""
    yield OutlineLine(f"{label}: {result.outcome}{checks}{only}{reason}")
    yield OutlineLine(_origin(evidence.stored), 1)
    for older in evidence.overruled:
        relation = "overruled by it" if older.result.outcome != result.outcome else "the same"
        yield OutlineLine(f"older, {relation}: {older.result.outcome}, {_origin(older)}", 1)


COUNTED = tuple(outcome for outcome in CheckOutcome if outcome is not CheckOutcome.SKIPPED)


def _origin(stored: Stored) -> str:
    """Where a result is from, and when."""
    day = stored.result.finished[:10]
    return f"{stored.device}, {day}, samcheck {stored.result.samcheck}, {place(stored.path)}"


def place(path: Path) -> str:
    """A file's name in the folder of the call, or among what samcheck brings with it, where it is there."""
    whole = path.absolute()
    for folder in (paths.PROJECT, paths.PUBLISHED_RESULTS.parent):
        if whole.is_relative_to(folder):
            return whole.relative_to(folder).as_posix()
    return str(path)


def _implied_changes(answer: UpgradeAnswer, most: int) -> Iterator[OutlineLine]:
    changes = list(dict.fromkeys(text for advice in answer.advices for text in advice.implied_changes))
    if changes:
        yield OutlineLine("CHANGES ALONG (predicted from facts)")
        yield from (OutlineLine(text, 1) for text in changes[: 2 * most])
        if len(changes) > 2 * most:
            yield OutlineLine(f"... and {len(changes) - 2 * most} more, with --all", 1)


def _driver_branches(question: UpgradeQuestion, facts: Facts) -> Iterator[OutlineLine]:
    for driver in (question.old, question.new):
        yield OutlineLine(_branch(driver, facts))
    for gpu in question.after.gpus:
        architecture = facts.architecture(gpu.capability)
        if architecture is not None and architecture.last_branch:
            source = ", ".join(architecture.source)
            last = f"R{architecture.last_branch} is the last branch for {gpu.name}"
            yield OutlineLine(f"{last} (source: {source})")
    if not question.after.gpus:
        yield OutlineLine("whether the driver supports your GPU was not looked at: add --gpu NAME")


def _branch(driver: str, facts: Facts) -> str:
    branch = facts.branch(driver)
    if branch is None:
        return f"R{driver.partition('.')[0]}: not among those that the facts know"
    until = f", end of life {branch.end_of_life}" if branch.end_of_life else ""
    return f"R{branch.number}: {branch.kind}, {branch.state}{until} (source: {', '.join(branch.source)})"
