"""All steps → one sentence, an exit code, and what to run to be sure (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samcheck.analysis.advise.question import UpgradeQuestion
from samcheck.analysis.advise.verdict import Advice
from samcheck.cells import Cell
from samcheck.errors import CELLS_FAILED, NOTHING_KNOWN
from samcheck.facts import Facts, gpu_support
from samcheck.matrix import ranking
from samcheck.matrix.file import shown
from samcheck.matrix.run_history import History

#: What is least known first; of these the riskiest first.
_ORDER = (
    "unknown",
    "works, with limits",
    "works, but worse",
    "works",
    "starts to work",
    "breaks",
    "fails before and after",
)


@dataclass(frozen=True)
class RecommendedRun:
    """A cell to run, and what it would show beside the change itself."""

    cell: Cell
    remark: str = ""


@dataclass(frozen=True)
class UpgradeAnswer:
    """What is known of a question.

    Attributes:
        headline: the answer in one sentence, beginning with YES, NO or NOT KNOWN.
        to_run: what was not measured after the change, riskiest first; not what cannot be installed or
            does not run on the machine, but what would put it right.
        to_compare: cells that were not measured before it either.
    """

    question: UpgradeQuestion
    advices: tuple[Advice, ...]
    headline: str
    exit_code: int
    to_run: tuple[RecommendedRun, ...]
    to_compare: tuple[Cell, ...]


def answer(
    question: UpgradeQuestion, advices: Sequence[Advice], past: History, facts: Facts
) -> UpgradeAnswer:
    """The answer to a question from what is known of its steps, of which there is at least one."""
    unmeasured = {each.step.before: None for each in advices if not each.before and _runs(each)}
    to_run = tuple(_to_run(advices, past, facts))
    return UpgradeAnswer(
        question, tuple(advices), _headline(advices, to_run), _exit_code(advices), to_run, tuple(unmeasured)
    )


def _runs(advice: Advice) -> bool:
    """Whether a run can be tried at all."""
    return not any(obstacle.kind in ("install", "host") for obstacle in advice.facts)


def _to_run(advices: Sequence[Advice], past: History, facts: Facts) -> Iterator[RecommendedRun]:
    """What is least known first; of these the riskiest first; then what would put right what breaks."""
    place = {
        each.step.after: _ORDER.index(each.verdict)
        for each in advices
        if each.basis != "measured" and _runs(each)
    }
    ranked = [each.cell for each in ranking.rank(list(place), past, facts)]
    remedies = {one.cell: one for each in advices for one in each.remedies}
    yield from (RecommendedRun(cell) for cell in sorted(ranked, key=lambda cell: place[cell]))
    yield from (
        RecommendedRun(cell, f"with {one.text}") for cell, one in remedies.items() if cell not in place
    )


def _exit_code(advices: Sequence[Advice]) -> int:
    if all(each.basis == "unknown" for each in advices):
        return NOTHING_KNOWN
    hopeless = all(each.verdict == "fails before and after" for each in advices)
    return CELLS_FAILED if hopeless or any(each.against for each in advices) else 0


def _headline(advices: Sequence[Advice], to_run: Sequence[RecommendedRun]) -> str:
    against = [each for each in advices if each.verdict == "breaks"]
    if all(each.basis == "unknown" for each in advices):
        first = f": run {to_run[0].cell.id} first" if to_run else ""
        return f"NOT KNOWN: neither results nor facts say it ({_count(len(advices))}){first}"
    if all(each.verdict == "fails before and after" for each in advices):
        return f"NO: it fails before and after ({_bases(advices)}): {_reason(advices)}"
    measured = [each for each in advices if each.basis == "measured"]
    worse = dict.fromkeys(text for each in measured for one in each.changed for text in one.worse)
    if not against and any(each.against for each in advices):
        return f"YES, BUT WORSE (measured): nothing breaks; {'; '.join(worse)}"
    if not against:
        return _yes(advices) + _driver(advices)
    share = "" if len(against) == len(advices) else f" for {len(against)} of {_count(len(advices))}"
    breaks = f"it breaks{share} ({_bases(against)}): {_reason(against)}"
    remedies = _common(against)
    if remedies:
        return f"YES, WITH {' or '.join(remedies)} (only predicted); as it is, {breaks}"
    instead = list(dict.fromkeys(each for one in against for each in one.instead))
    hint = f"; could be (predicted): {' or '.join(instead[:3])}" if instead else ""
    return f"NO{share}: {breaks.replace(share, '', 1)}{hint}"


def _reason(advices: Sequence[Advice]) -> str:
    """Why it breaks, in short: what was measured, else the commonest of what was predicted."""
    measured = [each for each in advices if each.basis == "measured"]
    if not measured:
        texts = Counter(obstacle.text for each in advices for obstacle in gpu_support.hard(each.facts))
        return texts.most_common(1)[0][0]
    bad = next(one for each in measured for one in each.after if not one.passed)
    return shown(f"{bad.result.outcome}: {bad.result.reason}", 160)


def _yes(advices: Sequence[Advice]) -> str:
    measured = sum(each.basis == "measured" for each in advices)
    unknown = sum(each.basis == "unknown" for each in advices)
    predicted = len(advices) - measured - unknown
    if measured == len(advices):
        devices = sorted({one.stored.device for each in advices for one in each.after})
        text = f"YES, MEASURED: nothing breaks in {_count(len(advices))} on {', '.join(devices)}"
    elif not measured:
        text = (
            f"YES, BUT ONLY PREDICTED: the facts have nothing against it ({_count(predicted)}, none measured)"
        )
    else:
        more = f"{predicted} more {'is' if predicted == 1 else 'are'} only predicted to work"
        text = f"YES: nothing breaks in {_count(measured)} measured, {more}"
    counts = {
        "not known": unknown,
        "with limits": sum(each.verdict == "works, with limits" for each in advices),
        "fails before and after": sum(each.verdict == "fails before and after" for each in advices),
    }
    return text + "".join(f"; {count} {what}" for what, count in counts.items() if count)


def _driver(advices: Sequence[Advice]) -> str:
    """The driver that all of it asks for, where the question names none."""
    wanted = {each.driver.partition(" (")[0] for each in advices}
    return f"; on a GPU WITH {wanted.pop()}" if len(wanted) == 1 and wanted != {""} else ""


def _bases(advices: Sequence[Advice]) -> str:
    """Which of it was measured and which not, in words."""
    measured = sum(each.basis == "measured" for each in advices)
    if measured == len(advices):
        return "measured"
    predicted = len(advices) - measured
    return f"{measured} measured, {predicted} predicted" if measured else "predicted from facts"


def _common(against: Sequence[Advice]) -> list[str]:
    """Remedies that help all of them."""
    first, *others = ([one.text for one in each.remedies] for each in against)
    return [each for each in first if all(each in other for other in others)]


def _count(number: int, noun: str = "cell") -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
