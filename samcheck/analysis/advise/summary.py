"""All cell changes → one sentence, an exit code, and what to run to confirm it (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samcheck.analysis.advise.combinations import at_least
from samcheck.analysis.advise.question import UpgradeQuestion
from samcheck.analysis.advise.verdict import Advice, Basis, UpgradeVerdict
from samcheck.cells import Cell
from samcheck.errors import CELLS_FAILED, NOTHING_KNOWN
from samcheck.facts import Facts, beside_driver, gpu_support
from samcheck.facts.schema import ObstacleKind
from samcheck.matrix import ranking
from samcheck.matrix.file import shown
from samcheck.matrix.run_history import History
from samcheck.units import counted

#: Least known first, then riskiest first.
_ORDER = (
    UpgradeVerdict.UNKNOWN,
    UpgradeVerdict.CONDITIONAL,
    UpgradeVerdict.LIMITED,
    UpgradeVerdict.WORSE,
    UpgradeVerdict.WORKS,
    UpgradeVerdict.STARTS,
    UpgradeVerdict.BREAKS,
    UpgradeVerdict.FAILS_BOTH,
)


@dataclass(frozen=True)
class RecommendedRun:
    """A cell to run, and what it would show besides the change itself."""

    cell: Cell
    remark: str = ""


@dataclass(frozen=True)
class UpgradeAnswer:
    """The answer to a question.

    Attributes:
        headline: the answer in one sentence, beginning with YES, NO or NOT KNOWN.
        to_run: cells not measured after the change, riskiest first; those that cannot be installed or run
            on the machine are replaced by their remedies.
        to_compare: cells not measured before the change either.
        beside_driver: what moves along with the driver, if it changes.
    """

    question: UpgradeQuestion
    advices: tuple[Advice, ...]
    headline: str
    exit_code: int
    to_run: tuple[RecommendedRun, ...]
    to_compare: tuple[Cell, ...]
    beside_driver: tuple[str, ...] = ()


def answer(
    question: UpgradeQuestion, advices: Sequence[Advice], past: History, facts: Facts
) -> UpgradeAnswer:
    """Answer a question from the advice on its cell changes, of which there is at least one."""
    unmeasured = {advice.change.before: None for advice in advices if not advice.before and _can_run(advice)}
    if question.contents:  # both are environments to run, whatever cells they amount to
        unmeasured = {}
    to_run = () if question.contents else tuple(_to_run(advices, past, facts))
    step, gpus = question.driver, question.after.gpus
    return UpgradeAnswer(
        question,
        tuple(advices),
        _headline(question, advices, to_run),
        _exit_code(advices),
        to_run,
        tuple(unmeasured),
        tuple(beside_driver.moves(step.old, step.new, gpus, facts)) if step else (),
    )


def _can_run(advice: Advice) -> bool:
    """Return whether a run is possible."""
    return not any(obstacle.kind in (ObstacleKind.INSTALL, ObstacleKind.HOST) for obstacle in advice.facts)


def _to_run(advices: Sequence[Advice], past: History, facts: Facts) -> Iterator[RecommendedRun]:
    """Yield the least known first, riskiest first among these; then remedies for what breaks."""
    priority = {
        advice.change.after: _ORDER.index(advice.verdict)
        for advice in advices
        if advice.basis is not Basis.MEASURED and _can_run(advice)
    }
    ranked = [ranked.cell for ranked in ranking.rank(list(priority), past, facts)]
    remedies = {remedy.cell: remedy for advice in advices for remedy in advice.remedies}
    yield from (RecommendedRun(cell) for cell in sorted(ranked, key=priority.__getitem__))
    yield from (
        RecommendedRun(cell, f"with {remedy.text}")
        for cell, remedy in remedies.items()
        if cell not in priority
    )


def _exit_code(advices: Sequence[Advice]) -> int:
    if all(advice.basis is Basis.UNKNOWN for advice in advices):
        return NOTHING_KNOWN
    hopeless = all(advice.verdict is UpgradeVerdict.FAILS_BOTH for advice in advices)
    return CELLS_FAILED if hopeless or any(advice.speaks_against for advice in advices) else 0


def _headline(question: UpgradeQuestion, advices: Sequence[Advice], to_run: Sequence[RecommendedRun]) -> str:
    against = [advice for advice in advices if advice.verdict is UpgradeVerdict.BREAKS]
    if all(advice.basis is Basis.UNKNOWN for advice in advices):
        first = f": run {to_run[0].cell.id} first" if to_run else ""
        cells = f"neither results nor facts cover it ({counted(len(advices), 'cell')}){first}"
        return f"NOT KNOWN: {_doubts(advices) if question.contents else cells}"
    if all(advice.verdict is UpgradeVerdict.FAILS_BOTH for advice in advices):
        return f"NO: it fails before and after ({_basis_text(advices)}): {_reason(advices)}"
    measured = [advice for advice in advices if advice.basis is Basis.MEASURED]
    worse = dict.fromkeys(text for advice in measured for pair in advice.pairs for text in pair.worse)
    if not against and any(advice.speaks_against for advice in advices):
        return f"YES, BUT WORSE (measured): nothing breaks; {'; '.join(worse)}"
    if not against:
        return _on_conditions(_yes(advices), advices) + _required_driver(advices)
    share = "" if len(against) == len(advices) else f" for {len(against)} of {counted(len(advices), 'cell')}"
    why = f"({_basis_text(against)}): {_reason(against)}"
    remedies = _common_remedies(against)
    if remedies:
        return f"YES, WITH {' or '.join(remedies)} (only predicted); without it, it breaks{share} {why}"
    alternatives = list(dict.fromkeys(advice for pair in against for advice in pair.alternatives))
    hint = f"; try instead (predicted): {' or '.join(alternatives[:3])}" if alternatives else ""
    return f"NO{share}: it breaks {why}{hint}"


def _doubts(advices: Sequence[Advice]) -> str:
    """Return what would have to be known."""
    facts = (obstacle for advice in advices for obstacle in advice.facts)
    return "; ".join(dict.fromkeys(row.text for row in facts if row.kind is ObstacleKind.DOUBT))


def _reason(advices: Sequence[Advice]) -> str:
    """Return why it breaks, in short: a measured reason, else all predicted ones that every cell has."""
    measured = [advice for advice in advices if advice.basis is Basis.MEASURED]
    if not measured:
        texts = Counter(obstacle.text for advice in advices for obstacle in gpu_support.hard(advice.facts))
        everywhere = [text for text, times in texts.items() if times == len(advices)]
        return "; ".join(everywhere or [texts.most_common(1)[0][0]])
    bad = next(evidence for advice in measured for evidence in advice.after if not evidence.passed)
    return shown(f"{bad.result.outcome}: {bad.result.reason}", 160)


def _yes(advices: Sequence[Advice]) -> str:
    measured = sum(advice.basis is Basis.MEASURED for advice in advices)
    unknown = sum(advice.basis is Basis.UNKNOWN for advice in advices)
    predicted = len(advices) - measured - unknown
    if measured == len(advices):
        devices = sorted({evidence.stored.device for advice in advices for evidence in advice.after})
        text = f"YES, MEASURED: nothing breaks in {counted(len(advices), 'cell')} on {', '.join(devices)}"
    elif not measured:
        cells = counted(predicted, "cell")
        text = f"YES, BUT ONLY PREDICTED: no fact rules it out ({cells}, none measured)"
    else:
        more = f"{predicted} more {'is' if predicted == 1 else 'are'} only predicted to work"
        text = f"YES: nothing breaks in {counted(measured, 'cell')} measured, {more}"
    counts = {
        "not known": unknown,
        "with limits": sum(
            advice.verdict is UpgradeVerdict.LIMITED and not advice.losses for advice in advices
        ),
        "fails before and after": sum(advice.verdict is UpgradeVerdict.FAILS_BOTH for advice in advices),
    }
    return text + "".join(f"; {count} {what}" for what, count in counts.items() if count)


def _on_conditions(text: str, advices: Sequence[Advice]) -> str:
    """Return a text that begins with YES, with what must be installed as well and what is lost after it."""
    conditions = dict.fromkeys(condition for advice in advices for condition in advice.conditions)
    losses = dict.fromkeys(loss for advice in advices for loss in advice.losses)
    behind = f", WITH {' and '.join(conditions)}" if conditions else ""
    losing = sum(bool(advice.losses) for advice in advices)
    share = "" if losing == len(advices) else f" ({losing} of {counted(len(advices), 'cell')})"
    behind += f", WITHOUT {' and '.join(losses)}{share}" if losses else ""
    return text.replace("YES", f"YES{behind}", 1)


def _required_driver(advices: Sequence[Advice]) -> str:
    """Return the driver that all changes require, if the question names none."""
    floors = {advice.required_driver for advice in advices}
    floor = floors.pop() if len(floors) == 1 else None
    return f"; on a GPU WITH {at_least(floor)}" if floor else ""


def _basis_text(advices: Sequence[Advice]) -> str:
    """Return how many were measured and how many predicted, in words."""
    measured = sum(advice.basis is Basis.MEASURED for advice in advices)
    if measured == len(advices):
        return "measured"
    predicted = len(advices) - measured
    return f"{measured} measured, {predicted} predicted" if measured else "predicted from facts"


def _common_remedies(against: Sequence[Advice]) -> list[str]:
    """Return the remedies that help all of them."""
    first, *others = ([remedy.text for remedy in advice.remedies] for advice in against)
    return [text for text in first if all(text in texts for texts in others)]
