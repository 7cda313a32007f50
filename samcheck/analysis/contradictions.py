"""Where results contradict the facts (pure): each one is a fact to mend, or a cell to run again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from samcheck.cells import Cell
from samcheck.facts import Facts, compatibility
from samcheck.facts.compatibility import Obstacle
from samcheck.guest.record import CellOutcome, CellResult, CheckOutcome
from samcheck.storage.results import Stored


@dataclass(frozen=True)
class Contradiction:
    """What the facts say of a cell, with their sources, and what was seen instead.

    Attributes:
        driver: of the machine that the result is from; ``none`` without one.
        rule: id of the rule that does not hold; empty where the facts have nothing against the cell.
    """

    cell: str
    device: str
    driver: str
    rule: str
    fact: str
    source: tuple[str, ...]
    seen: str

    def __str__(self) -> str:
        origin = f" [{', '.join(self.source)}]" if self.source else ""
        return f"{self.cell} on {self.device}, driver {self.driver}: {self.fact}{origin}, but {self.seen}"


def contradictions(
    facts: Facts,
    stored: Sequence[Stored],
    obstacles: Callable[[Cell, Facts], tuple[Obstacle, ...]] = compatibility.obstacles,
) -> list[Contradiction]:
    """Every result that shows the facts to be wrong, in the order of `stored`.

    A cell that the facts call impossible, and that works; one that they have nothing against, and that
    cannot be made or imported; a build whose own list of GPU architectures is another than theirs. Results
    that failed for reasons outside of the cell (network, disk) say nothing.
    """
    found = []
    for row in stored:
        cell = Cell.of(row.result.cell)
        for rule, fact, source, seen in _of(cell, row.result, facts, obstacles(cell, facts)):
            found.append(Contradiction(cell.id, row.device, row.driver, rule, fact, source, seen))
    return found


_Finding = tuple[str, str, tuple[str, ...], str]


def _of(cell: Cell, result: CellResult, facts: Facts, against: tuple[Obstacle, ...]) -> Iterator[_Finding]:
    for obstacle in against:
        seen = _works(result, obstacle.kind)
        if seen:
            yield obstacle.rule, obstacle.text, obstacle.source, seen
    seen = "" if against else _fails(result)
    if seen:
        release = facts.release(cell.torch)
        build = release.build(cell.cuda) if release else None
        source = (*(release.source if release else ()), *(build.source if build else ()))
        yield "", "the facts have nothing against it", tuple(dict.fromkeys(source)), seen
    yield from _archs(cell, result, facts)


def _works(result: CellResult, kind: str) -> str:
    """What was seen, where it shows that an obstacle of `kind` is none; else empty."""
    if kind == "run" and result.outcome is CellOutcome.PASSED:
        return "it passed"
    if kind != "install" or not result.outcome.was_built:
        return ""
    outcomes = _imports(result)
    if CheckOutcome.PASSED not in outcomes or any(outcome.is_failure for outcome in outcomes):
        return ""
    return f"it was installed and imported (outcome: {result.outcome})"


def _fails(result: CellResult) -> str:
    """What was seen, where it shows that a cell cannot be made or imported; else empty."""
    if not result.outcome.was_built:
        silent = result.outcome is CellOutcome.NOT_RUN or (result.cause and result.cause.is_outside)
        return "" if silent else f"it was {result.outcome}: {result.reason}"
    bad = [check for check in result.checks if check.group == "imports" and check.outcome.is_failure]
    return f"{bad[0].check} {bad[0].outcome}: {bad[0].reason}" if bad else ""


def _imports(result: CellResult) -> list[CheckOutcome]:
    return [check.outcome for check in result.checks if check.group == "imports"]


def _archs(cell: Cell, result: CellResult, facts: Facts) -> Iterator[_Finding]:
    """The architectures that the installed build itself names, where the facts list others."""
    release = facts.release(cell.torch)
    build = release.build(cell.cuda) if release else None
    seen = result.observed
    if build is None or seen is None or not seen.arch_list or seen.torch_cuda != build.cuda:
        return
    code = {_capability(name) for name in seen.arch_list if name.startswith("sm_")}
    ptx = {_capability(name) for name in seen.arch_list if name.startswith("compute_")}
    if build.archs and (code != set(build.archs) or ptx != {each for each in (build.ptx,) if each}):
        said = ", ".join(build.archs) + (f" and PTX {build.ptx}" if build.ptx else "")
        what = f"the {build.tag} build of PyTorch {cell.torch} has code for {said}"
        yield "gpu-no-kernel", what, build.source, f"it names {', '.join(seen.arch_list)} itself"


def _capability(name: str) -> str:
    """``sm_120`` → 12.0; ``sm_90a`` → 9.0a."""
    return re.sub(r"^[a-z]+_(\d+)(\d)", r"\1.\2", name)
