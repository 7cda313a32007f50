"""Human-readable text of an answer (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from samcheck import paths
from samcheck.analysis import screen
from samcheck.analysis.advise import contents_text, order_of_steps, result_comparison
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.advise.outline import OutlineLine, indented
from samcheck.analysis.advise.question import Step
from samcheck.analysis.advise.summary import UpgradeAnswer
from samcheck.analysis.advise.verdict import Advice, Basis, UpgradeVerdict
from samcheck.facts import Facts, gpu_support
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import Machine
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.matrix.file import shown
from samcheck.report.escaping import escape
from samcheck.storage.results import Stored

#: Maximum number of items of one kind to list; the rest are counted, except with --all.
SHOWN = 4
HEADS = {
    Basis.MEASURED: "MEASURED (by stored results)",
    Basis.PREDICTED: "PREDICTED FROM FACTS (not measured)",
    Basis.UNKNOWN: "UNKNOWN (covered by neither results nor facts)",
}


def lines(
    answer: UpgradeAnswer, facts: Facts, commands: Sequence[OutlineLine], everything: bool = False
) -> Iterator[str]:
    """Yield the answer, the question, and the evidence; as much as fits a screen, or `everything`."""
    evidence = list(_evidence_lines(answer, everything))
    rest = list(_consequences(answer, facts, commands, everything))
    if everything:
        yield from (answer.headline, f"  {answer.question}")
        yield from (_text(line) for line in (*evidence, *rest))
        return
    head = [*screen.wrapped(answer.headline, "  "), *screen.wrapped(f"  {answer.question}", "  ")]
    yield from head
    yield from screen.fitted(map(_on_screen, evidence), len(head) + len(rest))
    yield from map(_on_screen, rest)


def _text(line: OutlineLine) -> str:
    return f"{'  ' * line.depth}{line.text}"


def _on_screen(line: OutlineLine) -> str:
    return _text(line) if line.is_command else screen.cut(_text(line))


def markdown(
    answer: UpgradeAnswer, facts: Facts, commands: Sequence[OutlineLine], everything: bool = False
) -> Iterator[str]:
    """Yield the same as Markdown: the answer in bold, then nested lists."""
    yield f"**{escape(answer.headline)}**"
    yield ""
    yield escape(str(answer.question))
    body = (*_evidence_lines(answer, everything), *_consequences(answer, facts, commands, everything))
    for line in body:
        if line.depth:
            yield f"{'  ' * (line.depth - 1)}- {f'`{line.text}`' if line.is_command else escape(line.text)}"
        else:
            yield from ("", f"### {escape(line.text)}", "")


def per_gpu(answers: Sequence[UpgradeAnswer], as_markdown: bool = False) -> Iterator[str]:
    """Yield the answer for each of several GPUs, in its first line; GPUs with the same answer share it."""
    by_headline: dict[str, list[str]] = {}
    for answer in answers:
        by_headline.setdefault(answer.headline, []).append(answer.question.after.gpus[0].name)
    question = answers[0].question
    yield f"{question.changes}:"
    for headline, names in by_headline.items():
        where = ", ".join(names)
        if as_markdown:
            yield f"- **{escape(where)}**: {escape(headline)}"
        else:
            yield from screen.wrapped(f"  {where}: {headline}", "    ")
    yield "why, and what to run to be sure: ask about one GPU"


def _evidence_lines(answer: UpgradeAnswer, everything: bool) -> Iterator[OutlineLine]:
    """Yield what the answer rests on: headings at depth 0, their items below."""
    most = _most(everything)
    for basis, head in HEADS.items():
        groups = _groups(advice for advice in answer.advices if advice.basis == basis)
        if groups:
            yield OutlineLine(head)
        for group in groups:
            yield from indented(_group(group, most))


def _consequences(
    answer: UpgradeAnswer, facts: Facts, commands: Sequence[OutlineLine], everything: bool
) -> Iterator[OutlineLine]:
    """Yield what else changes, and what to run."""
    contents = answer.question.contents
    if contents:
        change = answer.advices[0].change
        yield from contents_text.lines(contents, (change.before, change.after), _most(everything))
        if any(not run.result.cell.own for run in answer.advices[0].after):
            text = "measured: a cell with the same PyTorch, build, Python, NumPy and package of SAM"
            yield OutlineLine(f"{text}; the other packages may differ", 1)
    yield from _implied_changes(answer, _most(everything))
    if not contents:  # a whole environment is installed at once
        yield from _order(answer, facts)
    if answer.question.driver:
        yield OutlineLine("DRIVER BRANCHES (facts)")
        yield from indented(_driver_branches(answer.question.driver, answer.question.after, facts))
        yield OutlineLine("MOVES ALONG WITH THE DRIVER, if you use it (facts)")
        yield from (OutlineLine(text, 1) for text in answer.beside_driver)
    if commands:
        yield OutlineLine("RUN TO BE SURE, riskiest first")
        yield from indented(commands)


def _most(everything: bool) -> int:
    """Return how many items of one kind are listed."""
    return 10**9 if everything else SHOWN


def _groups(advices: Iterable[Advice]) -> list[list[Advice]]:
    """Group advices, worst first: measured ones alone, others by verdict and rules."""
    groups: dict[tuple[object, ...], list[Advice]] = {}
    for advice in advices:
        rules = tuple(obstacle.rule for obstacle in _reasons(advice))
        own = advice.change if advice.basis is Basis.MEASURED else rules
        groups.setdefault((advice.verdict, own), []).append(advice)
    return sorted(groups.values(), key=lambda group: list(UpgradeVerdict).index(group[0].verdict))


def _reasons(advice: Advice) -> tuple[Obstacle, ...]:
    """Return the obstacles that a prediction is based on."""
    if advice.verdict is UpgradeVerdict.WORKS:
        return advice.grounds
    if advice.verdict is UpgradeVerdict.STARTS:
        return gpu_support.hard(advice.facts_before)
    kinds = {
        UpgradeVerdict.UNKNOWN: (ObstacleKind.DOUBT,),
        UpgradeVerdict.CONDITIONAL: (ObstacleKind.CONDITION, ObstacleKind.SOFT),
        UpgradeVerdict.LIMITED: (ObstacleKind.SOFT,),
    }.get(advice.verdict)
    if kinds is None:
        return gpu_support.hard(advice.facts)
    rows = advice.facts if advice.verdict is UpgradeVerdict.UNKNOWN else advice.new_facts
    return tuple(row for row in rows if row.kind in kinds)


def _group(group: list[Advice], most: int) -> Iterator[OutlineLine]:
    first = group[0]
    ids = [advice.change.after.id for advice in group]
    count = f" ({len(ids)} cells)" if len(ids) > 1 else ""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    # Wheels and drivers may exist and it may still fail: facts can only say that nothing rules it out.
    predicted = first.basis is Basis.PREDICTED and first.verdict is UpgradeVerdict.WORKS
    verdict = "nothing against it" if predicted else first.verdict
    yield OutlineLine(f"{verdict}{count}: {', '.join(ids[:most])}{more}")
    if first.basis is Basis.MEASURED:
        for evidence in first.after:
            yield from indented(_evidence("after", evidence))
        if not first.before:
            yield OutlineLine("now: not measured, so there is nothing to compare", 1)
        for obstacle in first.facts:
            yield OutlineLine(f"also predicted ({obstacle.kind}): {obstacle}", 1)
    else:
        yield from indented(_group_reasons(group, most))
    for advice in group[:most]:
        yield from indented(_results(advice, len(group) > 1, most))
    remedies = dict.fromkeys(remedy.text for advice in group for remedy in advice.remedies)
    alternatives = dict.fromkeys(text for advice in group for text in advice.alternatives)
    if remedies:
        yield OutlineLine(f"fixed by (predicted from facts): {' or '.join(remedies)}", 1)
    if alternatives:
        yield OutlineLine(f"instead (predicted from facts): {' or '.join(alternatives)}", 1)


def _group_reasons(group: list[Advice], most: int) -> Iterator[OutlineLine]:
    """Yield the facts behind a group's verdict: one for each rule, and the number of similar ones."""
    label = {UpgradeVerdict.WORKS: "supported by", UpgradeVerdict.STARTS: "now"}.get(
        group[0].verdict, "because"
    )
    by_rule: dict[str, dict[str, None]] = {}
    for advice in group:
        for obstacle in _reasons(advice):
            by_rule.setdefault(obstacle.rule, {})[str(obstacle)] = None
    for texts in by_rule.values():
        some = list(texts) if most > SHOWN else list(texts)[:1]
        yield from (OutlineLine(f"{label}: {text}") for text in some)
        if len(texts) > len(some):
            yield OutlineLine(f"and {len(texts) - len(some)} similar (--all)", 1)


def _results(advice: Advice, named: bool, most: int) -> Iterator[OutlineLine]:
    """Yield the measurements around a change: the current state, the nearest result, what changed."""
    name = f"{advice.change.after.id}: " if named else ""
    for evidence in advice.before:
        yield from _evidence(f"{name}now, measured", evidence)
    if advice.nearby is not None:
        differs = "; ".join(advice.nearby.differs)
        yield from _evidence(f"{name}nearest measurement, not conclusive ({differs})", advice.nearby)
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
        relation = "overruled" if older.result.outcome != result.outcome else "same outcome"
        yield OutlineLine(f"older, {relation}: {older.result.outcome}, {_origin(older)}", 1)


COUNTED = tuple(outcome for outcome in CheckOutcome if outcome is not CheckOutcome.SKIPPED)


def _origin(stored: Stored) -> str:
    """Return when a result was measured, its file, which names the machine, and by which samcheck."""
    return f"{stored.result.finished[:10]}, {place(stored.path)}, samcheck {stored.result.samcheck}"


def place(path: Path) -> str:
    """Return a path relative to the current project or to samcheck's own data if it is inside, else as is."""
    whole = path.absolute()
    for folder in (paths.PROJECT, paths.PUBLISHED_RESULTS.parent):
        if whole.is_relative_to(folder):
            return whole.relative_to(folder).as_posix()
    return str(path)


def _implied_changes(answer: UpgradeAnswer, most: int) -> Iterator[OutlineLine]:
    changes = list(dict.fromkeys(text for advice in answer.advices for text in advice.implied_changes))
    if changes:
        yield OutlineLine("ALSO CHANGES (predicted from facts)")
        yield from (OutlineLine(text, 1) for text in changes[: 2 * most])
        if len(changes) > 2 * most:
            yield OutlineLine(f"... and {len(changes) - 2 * most} more (--all)", 1)


def _order(answer: UpgradeAnswer, facts: Facts) -> Iterator[OutlineLine]:
    """Yield the order of several changes, by the first cell for which there is one."""
    orders = (order_of_steps.stages(advice.change, answer.question, facts) for advice in answer.advices)
    order = next(filter(None, orders), ())
    if order:
        yield OutlineLine("ORDER, so that every state between works (predicted from facts)")
    for number, stage in enumerate(order, 1):
        yield OutlineLine(f"{number}. {stage}", 1)
        yield from (OutlineLine(f"one alone cannot: {reason}", 2) for reason in stage.apart)


def _driver_branches(step: Step, machine: Machine, facts: Facts) -> Iterator[OutlineLine]:
    for driver in (step.old, step.new):
        yield OutlineLine(_branch(driver, facts))
    for gpu in machine.gpus:
        architecture = facts.architecture(gpu.capability)
        if architecture is not None and architecture.last_branch:
            source = ", ".join(architecture.source)
            last = f"R{architecture.last_branch} is the last branch for {gpu.name}"
            yield OutlineLine(f"{last} (source: {source})")
    if not machine.gpus:
        yield OutlineLine("driver support for your GPU was not checked: add --gpu NAME")


def _branch(driver: str, facts: Facts) -> str:
    branch = facts.branch(driver)
    if branch is None:
        return f"R{driver.partition('.')[0]}: not in the facts"
    until = f", end of life {branch.end_of_life}" if branch.end_of_life else ""
    return f"R{branch.number}: {branch.kind}, {branch.state}{until} (source: {', '.join(branch.source)})"
