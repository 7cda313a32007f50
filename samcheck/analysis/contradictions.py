"""Contradictions between results and facts (pure): each is a fact to fix, or a cell to run again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from samcheck.cells import Cell
from samcheck.facts import Facts, compatibility
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.schema import ObstacleKind
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult
from samcheck.storage.results import Stored


@dataclass(frozen=True)
class Contradiction:
    """What the facts say about a cell, with their sources, and what was observed instead.

    Attributes:
        driver: of the machine that the result is from; ``none`` without one.
        rule: id of the rule that does not hold; empty if no fact speaks against the cell.
    """

    cell: str
    device: str
    driver: str
    rule: str
    fact: str
    source: tuple[str, ...]
    observed: str

    def __str__(self) -> str:
        origin = f" [{', '.join(self.source)}]" if self.source else ""
        return f"{self.cell} on {self.device}, driver {self.driver}: {self.fact}{origin}, but {self.observed}"


def contradictions(
    facts: Facts,
    results: Sequence[Stored],
    obstacles: Callable[[Cell, Facts], tuple[Obstacle, ...]] = compatibility.obstacles,
) -> list[Contradiction]:
    """Return every contradiction, in the order of `results`.

    That is a cell that the facts call impossible but that works; one that no fact speaks against but that
    cannot be built or imported; a build whose own list of GPU architectures differs from the facts. Results
    that failed for reasons outside the cell (network, disk) are ignored.
    """
    contradictions = []
    for stored in results:
        cell = Cell.of(stored.result.cell)
        if cell.own:  # what fails there may be what an upgrade left behind
            continue
        for rule, fact, source, observed in _findings(cell, stored.result, facts, obstacles(cell, facts)):
            contradictions.append(
                Contradiction(cell.id, stored.device, stored.driver, rule, fact, source, observed)
            )
    return contradictions


_Finding = tuple[str, str, tuple[str, ...], str]


def _findings(
    cell: Cell, result: CellResult, facts: Facts, against: tuple[Obstacle, ...]
) -> Iterator[_Finding]:
    for obstacle in against:
        observed = _proof_that_it_works(result, obstacle.kind)
        if observed:
            yield obstacle.rule, obstacle.text, obstacle.source, observed
    observed = "" if against else _proof_that_it_fails(result)
    if observed:
        release = facts.release(cell.torch)
        build = release.build(cell.cuda) if release else None
        source = (*(release.source if release else ()), *(build.source if build else ()))
        yield "", "no fact speaks against it", tuple(dict.fromkeys(source)), observed
    yield from _architectures(cell, result, facts)


def _proof_that_it_works(result: CellResult, kind: ObstacleKind) -> str:
    """Return what was observed if it disproves an obstacle of `kind`; else empty."""
    if kind is ObstacleKind.RUN and result.outcome is CellOutcome.PASSED:
        return "it passed"
    if kind is not ObstacleKind.INSTALL or not result.outcome.was_built:
        return ""
    outcomes = _imports(result)
    if CheckOutcome.PASSED not in outcomes or any(outcome.is_failure for outcome in outcomes):
        return ""
    return f"it was installed and imported (outcome: {result.outcome})"


def _proof_that_it_fails(result: CellResult) -> str:
    """Return what was observed if it shows that a cell cannot be built or imported; else empty."""
    if not result.outcome.was_built:
        silent = result.outcome is CellOutcome.NOT_RUN or (result.cause and result.cause.is_outside)
        return "" if silent else f"it was {result.outcome}: {result.reason}"
    bad = [check for check in result.checks if check.group == "imports" and check.outcome.is_failure]
    return f"{bad[0].check} {bad[0].outcome}: {bad[0].reason}" if bad else ""


def _imports(result: CellResult) -> list[CheckOutcome]:
    return [check.outcome for check in result.checks if check.group == "imports"]


def _architectures(cell: Cell, result: CellResult, facts: Facts) -> Iterator[_Finding]:
    """Yield the architectures that the installed build reports, if the facts list others."""
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    fingerprint = result.observed
    if (
        build is None
        or fingerprint is None
        or not fingerprint.arch_list
        or fingerprint.torch_cuda != build.cuda
    ):
        return
    code = {_capability(name) for name in fingerprint.arch_list if name.startswith("sm_")}
    ptx = {_capability(name) for name in fingerprint.arch_list if name.startswith("compute_")}
    if build.archs and (code != set(build.archs) or ptx != ({build.ptx} if build.ptx else set())):
        declared = ", ".join(build.archs) + (f" and PTX {build.ptx}" if build.ptx else "")
        fact = f"the {build.tag} build of PyTorch {cell.torch} has code for {declared}"
        yield "gpu-no-kernel", fact, build.source, f"it reports {', '.join(fingerprint.arch_list)}"


def _capability(name: str) -> str:
    """``sm_120`` → 12.0; ``sm_90a`` → 9.0a."""
    return re.sub(r"^[a-z]+_(\d+)(\d)", r"\1.\2", name)
