"""One step → what is known of it: measured, or predicted from facts, never both in one word (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from samcheck.analysis.advise import combinations, evidence
from samcheck.analysis.advise.cell_changes import CellChange
from samcheck.analysis.advise.combinations import Remedy
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.advise.question import UpgradeQuestion
from samcheck.analysis.advise.result_comparison import ResultComparison, compared
from samcheck.analysis.compare.comparison import NoiseLookup
from samcheck.analysis.compare.statistics import Noise
from samcheck.cells import Cell
from samcheck.facts import Facts, compatibility, gpu_support
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.gpu_support import Machine
from samcheck.guest.record import CellResult
from samcheck.storage.results import Stored

#: What becomes of a cell → whether that speaks against the change.
VERDICTS = {
    "breaks": True,
    "works, but worse": True,
    "unknown": False,
    "fails before and after": False,
    "works, with limits": False,
    "works": False,
    "starts to work": False,
}


def _no_noise(result: CellResult) -> Mapping[str, Noise]:
    return {}


@dataclass(frozen=True)
class Advice:
    """What is known of one step.

    Attributes:
        basis: ``measured`` (the verdict is by results alone), ``predicted`` (by facts alone) or ``unknown``.
        verdict: one of `VERDICTS`.
        before, after: results of just these cells on just this machine.
        nearby: where there is none after the change, the nearest one.
        facts: what the facts say against it after the change, also beside a measurement.
        facts_before: the same of what is there now.
        grounds: what the facts say for it, where the verdict is predicted.
        along: what changes with it; `driver` of that, which one it asks for where none was named.
        remedies, instead: what puts it right, all predicted; what else could be taken.
    """

    step: CellChange
    basis: str
    verdict: str
    before: tuple[Evidence, ...]
    after: tuple[Evidence, ...]
    nearby: Evidence | None
    facts: tuple[Obstacle, ...]
    facts_before: tuple[Obstacle, ...]
    grounds: tuple[Obstacle, ...]
    changed: tuple[ResultComparison, ...]
    along: tuple[str, ...]
    driver: str
    remedies: tuple[Remedy, ...]
    instead: tuple[str, ...]

    @property
    def against(self) -> bool:
        return VERDICTS[self.verdict]


def advise(
    step: CellChange,
    question: UpgradeQuestion,
    stored: Sequence[Stored],
    facts: Facts,
    known: NoiseLookup = _no_noise,
) -> Advice:
    """What is known of one step; results win over facts. `known` is what is known of a result's noise."""
    before = evidence.find(step.before, question.before, stored, facts)
    after = evidence.find(step.after, question.after, stored, facts)
    against = _against(step.after, question.after, facts)
    against_before = _against(step.before, question.before, facts)
    changed = tuple(compared(base, new, known) for new in after for base in before if _alike(base, new))
    if after:
        basis, verdict, near = "measured", _measured(after, changed), None
    else:
        verdict = _predicted(against_before, against)
        basis = "unknown" if verdict == "unknown" else "predicted"
        near = evidence.nearby(step.after, question, stored, facts)
        changed = tuple(
            compared(base, near, known, nearby=True) for base in before if near and _alike(base, near)
        )
    wrong = verdict in ("breaks", "fails before and after")
    remedies = tuple(_remedies(step, question, stored, facts)) if wrong else ()
    return Advice(
        step,
        basis,
        verdict,
        before,
        after,
        near,
        against,
        against_before,
        tuple(_grounds(step.after, question, facts)) if basis == "predicted" else (),
        changed,
        tuple(combinations.along(step, question, facts)),
        combinations.newer_driver(step, question, facts),
        remedies,
        tuple(combinations.instead(step, question, facts)) if wrong and not remedies else (),
    )


def _remedies(
    step: CellChange, question: UpgradeQuestion, stored: Sequence[Stored], facts: Facts
) -> Iterator[Remedy]:
    """Those that no result refutes."""
    for each in combinations.remedies(step, question, facts):
        tried = () if each.driver else evidence.find(each.cell, question.after, stored, facts)
        if all(one.passed for one in tried):
            yield each


def _alike(base: Evidence, new: Evidence) -> bool:
    """Whether two results can be compared: of one device, and of the same variants."""
    return base.stored.device == new.stored.device and base.result.variants == new.result.variants


def _measured(after: Sequence[Evidence], changed: Sequence[ResultComparison]) -> str:
    """By results alone. What fails and has nothing to be compared with counts as broken."""
    if any(each.breaks for each in changed):
        return "breaks"
    failed = [each for each in after if not each.passed]
    base = {id(each.new): each.base for each in changed}
    if any(id(each) not in base or base[id(each)].passed for each in failed):
        return "breaks"
    if failed:
        return "fails before and after"
    if any(each.worse for each in changed):
        return "works, but worse"
    mended = base and all(not each.passed for each in base.values())
    return "starts to work" if mended else "works"


def _predicted(before: Sequence[Obstacle], after: Sequence[Obstacle]) -> str:
    """By facts alone."""
    if gpu_support.hard(after):
        return "fails before and after" if gpu_support.hard(before) else "breaks"
    kinds = {obstacle.kind for obstacle in after}
    if "doubt" in kinds:
        return "unknown"
    if gpu_support.hard(before):
        return "starts to work"
    new = {each.text for each in after if each.kind == "soft"} - {each.text for each in before}
    return "works, with limits" if new else "works"


def _against(cell: Cell, host: Machine, facts: Facts) -> tuple[Obstacle, ...]:
    found = (*compatibility.obstacles(cell, facts), *gpu_support.obstacles(cell, host, facts))
    newest = max(facts.branches, key=lambda row: row.number)
    branch = Version(host.driver).major if host.driver else 0
    if branch <= newest.number:
        return found
    text = f"R{branch} is newer than every driver branch that the facts know (up to R{newest.number})"
    return (*found, Obstacle("driver-unknown", "doubt", text, newest.source))


def _grounds(cell: Cell, question: UpgradeQuestion, facts: Facts) -> Iterator[Obstacle]:
    """What the facts say for a cell that the rules have nothing against, rule by rule."""
    host, installed = question.after, question.subject == "driver"
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    if release is None:
        return
    if cell.python in release.pythons and not installed:
        text = (
            f"PyTorch {cell.torch} and torchvision {release.torchvision} have wheels for Python {cell.python}"
        )
        yield Obstacle("python-no-wheel", "for", text, release.source)
    if cell.numpy and release.numpy2 and not installed:
        text = f"PyTorch {cell.torch} works under NumPy 1 and 2"
        yield Obstacle("numpy2-old-torch", "for", text, release.source)
    if build is None:
        return
    floor = facts.floor(build.cuda)
    if host.driver and floor:
        text = f"CUDA {build.cuda} needs driver {floor.driver} or newer; {host.driver} is"
        yield Obstacle("driver-too-old", "for", text, floor.source)
    for gpu in host.gpus:
        if gpu_support.runs_on(build, gpu.capability):
            text = f"the {build.tag} build of PyTorch {cell.torch} has code for {gpu.name}"
            yield Obstacle("gpu-no-kernel", "for", text, build.source)
