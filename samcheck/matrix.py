"""A matrix file → a plan: the cells to run and those left out, each with its reason (pure).

All problems of a file, of its form and of what it declares, are reported together, each with its path,
before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from packaging.version import Version
from pydantic import ValidationError

from samcheck import matrix_file
from samcheck.cells import Cell, matches
from samcheck.errors import BadInput, EmptySelection
from samcheck.facts import Build, Facts, Release
from samcheck.machine import Machine
from samcheck.matrix_file import CellTable, MatrixFile, Tier


@dataclass(frozen=True)
class PlannedCell:
    """A cell to run, the tags that its row carries, and whether it only stands in for others."""

    cell: Cell
    tags: tuple[str, ...] = ()
    spare: bool = False


@dataclass(frozen=True)
class LeftOut:
    """A declared cell that is not run, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a matrix file means on one machine.

    `wanted` is the number of cells that must have been built for the spare ones not to be needed.
    """

    name: str
    tier: Tier
    cells: tuple[PlannedCell, ...]
    left_out: tuple[LeftOut, ...] = ()
    wanted: int = 0


def plan(path: Path, facts: Facts, machine: Machine) -> Plan:
    """What the matrix at `path` means on `machine`.

    Raises:
        BadInput: the file is malformed, or declares what cannot exist; every problem of the file, each
            with its path in it.
    """
    raw = matrix_file.parse(path)
    problems = [*matrix_file.malformed(raw), *_impossible_cells(raw, facts)]
    if problems:
        raise BadInput("\n".join(f"{path.name}: {problem}" for problem in problems))
    declared = MatrixFile.model_validate(raw)
    planned = [
        PlannedCell(_cell(row, facts, machine), tuple(sorted(row.tags)), row.spare) for row in declared.cell
    ]
    _refuse_duplicates(path.name, [row.cell.id for row in planned])
    return _exclude(path.stem, declared, planned)


def shipped(folder: Path, facts: Facts, machine: Machine) -> list[Plan]:
    """The plans of all matrix files in `folder`, ``default`` first."""
    paths = sorted(folder.glob("*.toml"), key=lambda path: (path.stem != "default", path.stem))
    return [plan(path, facts, machine) for path in paths]


def select(whole: Plan, patterns: Sequence[str]) -> Plan:
    """The part of a plan whose ids fit one of the patterns; all of it when there are none.

    Raises:
        EmptySelection: nothing is left.
    """
    if not patterns:
        chosen = whole.cells
    else:  # who names a spare cell wants it
        chosen = tuple(
            replace(row, spare=False)
            for row in whole.cells
            if any(matches(row.cell, each) for each in patterns)
        )
    if not chosen:
        raise EmptySelection(_nothing_selected(whole, patterns))
    return replace(whole, cells=chosen)


def _nothing_selected(whole: Plan, patterns: Sequence[str]) -> str:
    ids = [row.cell.id for row in whole.cells]
    near = [close for each in patterns for close in get_close_matches(each, ids, cutoff=0.5)]
    hint = f" Did you mean {near[0]}?" if near else ""
    wanted = ", ".join(patterns) or "(all)"
    return f"matrix {whole.name}: no cell fits {wanted}.{hint} Its cells: {', '.join(ids) or 'none'}"


def _impossible_cells(raw: dict[str, Any], facts: Facts) -> Iterator[str]:
    """What the facts say of each cell that is well formed, also beside others that are not."""
    rows = raw.get("cell")
    for index, entry in enumerate(rows if isinstance(rows, list) else []):
        try:
            row = CellTable.model_validate(entry)
        except ValidationError:
            continue
        yield from (f"cell[{index}].{problem}" for problem in _impossible(row, facts))


def _impossible(row: CellTable, facts: Facts) -> Iterator[str]:
    """Why a declared cell cannot exist, by the facts."""
    release = facts.release(row.torch)
    if release is None:
        known = [each.version for each in facts.releases]
        near = get_close_matches(row.torch, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        yield f"torch: no PyTorch {row.torch} is known, {known[0]} to {known[-1]} are{hint}"
        return
    if row.python not in release.pythons:
        yield (
            f"python: PyTorch {row.torch} with torchvision {release.torchvision} has wheels for "
            f"Python {', '.join(release.pythons)}, not {row.python}"
        )
    if row.cuda not in ("auto", "cpu") and release.build(row.cuda) is None:
        builds = ", ".join(build.tag for build in release.builds)
        yield f"cuda: PyTorch {row.torch} was built for {builds}, not {row.cuda}"
    if not row.numpy and not release.numpy2 and not facts.pin("numpy1", row.python):
        yield f"python: PyTorch {row.torch} needs NumPy 1, which has no wheel for {row.python}"


def _cell(row: CellTable, facts: Facts, machine: Machine) -> Cell:
    release = facts.release(row.torch)
    assert release is not None  # `_impossible` has refused the others
    cuda = _auto_build(release, facts, machine) if row.cuda == "auto" else row.cuda
    return Cell(row.torch, cuda, row.python, row.numpy, row.sam)


def _auto_build(release: Release, facts: Facts, machine: Machine) -> str:
    """The build for ``cuda = "auto"``.

    With a GPU: the default build where this driver and GPU run it, else the newest that they do run.
    Without one: the CPU build where PyTorch's index answers, else the default build, which runs on
    the CPU too.
    """
    default = release.default_build
    if not machine.gpus:
        return "cpu" if machine.pytorch_index else default.tag
    others = sorted(release.builds, key=lambda build: Version(build.cuda), reverse=True)
    fitting = (build for build in (default, *others) if _runs(build, facts, machine))
    return next(fitting, default).tag


def _runs(build: Build, facts: Facts, machine: Machine) -> bool:
    floor = facts.floor(build.cuda)
    driver_fits = floor is None or Version(machine.driver) >= Version(floor.driver)
    return driver_fits and all(has_code_for(build.archs, gpu.capability) for gpu in machine.gpus)


def has_code_for(archs: Sequence[str], capability: str) -> bool:
    """Whether machine code for one of `archs` runs on a GPU: same major, minor not above the GPU's."""
    major, minor = (int(part) for part in capability.split("."))
    pairs = [tuple(int(part) for part in arch.split(".")) for arch in archs]
    return any(pair[0] == major and pair[1] <= minor for pair in pairs)


def _refuse_duplicates(name: str, ids: list[str]) -> None:
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        raise BadInput(f"{name}: declared more than once: {', '.join(twice)}")


def _exclude(name: str, declared: MatrixFile, planned: list[PlannedCell]) -> Plan:
    kept, left_out = [], []
    for row in planned:
        rule = next((rule for rule in declared.exclude if matches(row.cell, rule.match)), None)
        if rule is None:
            kept.append(row)
        else:
            left_out.append(LeftOut(row.cell.id, rule.reason))
    return Plan(name, declared.tier, tuple(kept), tuple(left_out), declared.wanted)
