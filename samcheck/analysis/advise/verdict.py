"""One cell change → its verdict, either measured or predicted from facts, never a mix (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from samcheck.analysis.advise import combinations, contents_change, evidence
from samcheck.analysis.advise.cell_changes import CellChange
from samcheck.analysis.advise.combinations import Remedy
from samcheck.analysis.advise.evidence import Evidence
from samcheck.analysis.advise.question import UpgradeQuestion
from samcheck.analysis.advise.result_comparison import EvidencePair, compare_results
from samcheck.analysis.compare.comparison import NoiseLookup
from samcheck.cells import Cell
from samcheck.environments.own.contents import OwnContents
from samcheck.facts import Facts, compatibility, driver_support, gpu_support, sam_packages
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.hardware_schema import DriverFloor
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import Machine
from samcheck.storage.results import Stored


class Basis(StrEnum):
    """The basis of a verdict."""

    MEASURED = "measured"  # results alone
    PREDICTED = "predicted"  # facts alone
    UNKNOWN = "unknown"


class UpgradeVerdict(StrEnum):
    """What happens to a cell, worst first."""

    BREAKS = "breaks"
    WORSE = "works, but worse"
    UNKNOWN = "unknown"
    FAILS_BOTH = "fails before and after"
    CONDITIONAL = "works, on a condition"
    LIMITED = "works, with limits"
    WORKS = "works"
    STARTS = "starts to work"

    @property
    def speaks_against(self) -> bool:
        """Whether it speaks against the change."""
        return self in (UpgradeVerdict.BREAKS, UpgradeVerdict.WORSE)

    @property
    def is_failure(self) -> bool:
        """Whether the cell fails once the change is made."""
        return self in (UpgradeVerdict.BREAKS, UpgradeVerdict.FAILS_BOTH)


@dataclass(frozen=True)
class Advice:
    """The advice on one cell change.

    Attributes:
        before, after: results of exactly these cells on exactly this machine.
        nearby: the nearest result, if there is none after the change.
        facts: facts against the cell after the change, even if it was measured.
        facts_before: the same for the current cell.
        grounds: facts in favour, if the verdict is predicted.
        implied_changes: what else changes.
        required_driver: the driver it requires, if none was named.
        remedies, alternatives: what fixes it, and what could be used instead; all predicted.
    """

    change: CellChange
    basis: Basis
    verdict: UpgradeVerdict
    before: tuple[Evidence, ...]
    after: tuple[Evidence, ...]
    nearby: Evidence | None
    facts: tuple[Obstacle, ...]
    facts_before: tuple[Obstacle, ...]
    grounds: tuple[Obstacle, ...]
    pairs: tuple[EvidencePair, ...]
    implied_changes: tuple[str, ...]
    required_driver: DriverFloor | None
    remedies: tuple[Remedy, ...]
    alternatives: tuple[str, ...]

    @property
    def speaks_against(self) -> bool:
        return self.verdict.speaks_against

    @property
    def conditions(self) -> tuple[str, ...]:
        """What a prediction takes for granted that was not needed before, in a few words each."""
        return self._new(ObstacleKind.CONDITION)

    @property
    def losses(self) -> tuple[str, ...]:
        """What is predicted to work no more, though SAM does, in a few words each."""
        return self._new(ObstacleKind.SOFT)

    def _new(self, kind: ObstacleKind) -> tuple[str, ...]:
        if self.basis is not Basis.PREDICTED:
            return ()
        return tuple(row.condition for row in self.new_facts if row.kind is kind and row.condition)

    @property
    def new_facts(self) -> tuple[Obstacle, ...]:
        """Facts against the cell that did not hold before the change."""
        return new_obstacles(self.facts_before, self.facts)


def advise(
    change: CellChange,
    question: UpgradeQuestion,
    stored: Sequence[Stored],
    facts: Facts,
    noise_of: NoiseLookup = lambda _: {},
) -> Advice:
    """Judge one cell change; results take precedence over facts. `noise_of` gives a result's noise."""
    contents = question.contents
    old, new = (contents.before, contents.after) if contents else (None, None)
    digests = contents.digests if contents else ("", "")
    before = evidence.find(change.before, question.before, stored, facts, digests[0])
    after = evidence.find(change.after, question.after, stored, facts, digests[1])
    if new and not any(run.result.cell.own for run in after):
        # A result of the cell says nothing of what these contents have besides it.
        after = () if contents_change.beside(new, change.after, facts) else after
    choice = _choice_of_build(change, question, facts)
    obstacles = (*_obstacles(change.after, question.after, facts, new), *choice)
    obstacles_before = _obstacles(change.before, question.before, facts, old)
    pairs = _pairs(before, after, noise_of)
    if after:
        basis, verdict, nearest = Basis.MEASURED, _measured_verdict(after, pairs), None
    else:
        verdict = _predicted_verdict(obstacles_before, obstacles)
        basis = Basis.UNKNOWN if verdict is UpgradeVerdict.UNKNOWN else Basis.PREDICTED
        nearest = evidence.nearby(change.after, question, stored, facts)
        pairs = _pairs(before, (nearest,) if nearest else (), noise_of, nearby=True)
    remedies, alternatives = _ways_out(change, question, stored, facts) if verdict.is_failure else ((), ())
    return Advice(
        change,
        basis,
        verdict,
        before,
        after,
        nearest,
        obstacles,
        obstacles_before,
        tuple(_grounds(change.after, question, facts)) if basis is Basis.PREDICTED else (),
        pairs,
        tuple(combinations.implied_changes(change, question, facts)),
        combinations.required_driver(change, question, facts),
        remedies,
        alternatives,
    )


def _pairs(
    before: Sequence[Evidence], after: Sequence[Evidence], noise_of: NoiseLookup, nearby: bool = False
) -> tuple[EvidencePair, ...]:
    """Return a comparison of each current result with each new one that it can be compared with."""
    return tuple(
        compare_results(base, new, noise_of, nearby)
        for new in after
        for base in before
        if _comparable(base, new)
    )


def _ways_out(
    change: CellChange, question: UpgradeQuestion, stored: Sequence[Stored], facts: Facts
) -> tuple[tuple[Remedy, ...], tuple[str, ...]]:
    """Return what fixes a cell that fails, and what could be used instead if nothing does."""
    remedies = tuple(_remedies(change, question, stored, facts))
    return remedies, () if remedies else tuple(combinations.alternatives(change, question, facts))


def _remedies(
    change: CellChange, question: UpgradeQuestion, stored: Sequence[Stored], facts: Facts
) -> Iterator[Remedy]:
    """Yield the remedies that no result refutes."""
    for remedy in combinations.remedies(change, question, facts):
        measured = () if remedy.driver else evidence.find(remedy.cell, question.after, stored, facts)
        if all(run.passed for run in measured):
            yield remedy


def _comparable(base: Evidence, new: Evidence) -> bool:
    """Return whether two results are comparable: from one device, for the same variants."""
    return base.stored.device == new.stored.device and base.result.variants == new.result.variants


def _measured_verdict(after: Sequence[Evidence], pairs: Sequence[EvidencePair]) -> UpgradeVerdict:
    """Judge by results alone. A failure without a base to compare with counts as broken."""
    if any(pair.breaks for pair in pairs):
        return UpgradeVerdict.BREAKS
    failed = [run for run in after if not run.passed]
    bases = {id(pair.new): pair.base for pair in pairs}
    if any(id(run) not in bases or bases[id(run)].passed for run in failed):
        return UpgradeVerdict.BREAKS
    if failed:
        return UpgradeVerdict.FAILS_BOTH
    if any(pair.worse for pair in pairs):
        return UpgradeVerdict.WORSE
    mended = bases and all(not base.passed for base in bases.values())
    return UpgradeVerdict.STARTS if mended else UpgradeVerdict.WORKS


def new_obstacles(before: Sequence[Obstacle], after: Sequence[Obstacle]) -> tuple[Obstacle, ...]:
    """Return the obstacles after a change that were not there before it."""
    known = {obstacle.key for obstacle in before}
    return tuple(obstacle for obstacle in after if obstacle.key not in known)


def _predicted_verdict(before: Sequence[Obstacle], after: Sequence[Obstacle]) -> UpgradeVerdict:
    """Judge by facts alone."""
    if gpu_support.hard(after):
        return UpgradeVerdict.FAILS_BOTH if gpu_support.hard(before) else UpgradeVerdict.BREAKS
    kinds = {obstacle.kind for obstacle in after}
    if ObstacleKind.DOUBT in kinds:
        return UpgradeVerdict.UNKNOWN
    if gpu_support.hard(before):
        return UpgradeVerdict.STARTS
    new = {obstacle.kind for obstacle in new_obstacles(before, after)}
    if ObstacleKind.CONDITION in new:
        return UpgradeVerdict.CONDITIONAL
    return UpgradeVerdict.LIMITED if ObstacleKind.SOFT in new else UpgradeVerdict.WORKS


def _obstacles(
    cell: Cell, machine: Machine, facts: Facts, contents: OwnContents | None = None
) -> tuple[Obstacle, ...]:
    """Return what the facts have against a cell on a machine, or against contents that amount to it."""
    if contents is None:
        return _of_cell(cell, machine, facts)
    of_cell = _of_cell(cell, machine, facts) if cell.torch else ()
    return contents_change.against(contents, cell, of_cell, facts)


def _of_cell(cell: Cell, machine: Machine, facts: Facts) -> tuple[Obstacle, ...]:
    obstacles = (
        *compatibility.obstacles(cell, facts),
        *compatibility.limits(cell, facts),
        *gpu_support.obstacles(cell, machine, facts),
    )
    if cell.needs_gpu_build:
        return (*obstacles, *driver_support.conditions(machine, facts))
    return obstacles


def _choice_of_build(change: CellChange, question: UpgradeQuestion, facts: Facts) -> Iterator[Obstacle]:
    """Yield which build to install, where an upgrade without a word about it takes another one."""
    if question.contents:  # which say their build
        return
    release = facts.release(change.after.torch)
    if release is not None and "torch" in question.steps and "cuda" not in question.at:
        yield from gpu_support.choice_of_build(release, change.after.cuda, question.after)


def _grounds(cell: Cell, question: UpgradeQuestion, facts: Facts) -> Iterator[Obstacle]:
    """Yield the facts in favour of a cell that no rule is against, rule by rule."""
    machine, is_driver = question.after, not question.of_cells
    release = facts.release(cell.torch)
    if release is None:
        return
    if cell.python in release.pythons and not is_driver:
        text = (
            f"PyTorch {cell.torch} and torchvision {release.torchvision} have wheels for Python {cell.python}"
        )
        yield Obstacle("python-no-wheel", ObstacleKind.FOR, text, release.source)
    package = sam_packages.find(cell.sam, facts)
    if package is not None and package.torch and "sam" in question.steps:
        text = f"{cell.sam} works with PyTorch {package.torch}; {cell.torch} is"
        yield Obstacle("sam-torch", ObstacleKind.FOR, text, package.source)
    if cell.numpy and release.numpy2 and not is_driver:
        text = f"PyTorch {cell.torch} works under NumPy 1 and 2"
        yield Obstacle("numpy2-old-torch", ObstacleKind.FOR, text, release.source)
    build = release.build(cell.cuda)
    if build is None:
        return
    floor = facts.floor(build.cuda)
    if machine.driver and floor:
        text = f"CUDA {build.cuda} needs driver {floor.driver} or newer; {machine.driver} is"
        yield Obstacle("driver-too-old", ObstacleKind.FOR, text, floor.source)
    for gpu in machine.gpus:
        if gpu_support.runs_on(build, gpu.capability):
            text = f"the {build.tag} build of PyTorch {cell.torch} has code for {gpu.name}"
            yield Obstacle("gpu-no-kernel", ObstacleKind.FOR, text, build.source)
