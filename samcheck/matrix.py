"""matrices/*.toml → a plan: the cells to run and those left out, each with its reason (pure).

Reading and validation come first: all problems of a file are reported together, each with its path,
before anything runs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from packaging.version import Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from samcheck.cells import DEFAULT_SAM, Cell, matches
from samcheck.errors import BadInput, EmptySelection
from samcheck.facts import Build, Facts, Release
from samcheck.machine import Machine

MAXIMUM_BYTES = 1_000_000

Tier = Literal["fast", "full"]
Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CellTable(_Table):
    """One ``[[cell]]``."""

    torch: Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$")]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$")]
    cuda: Annotated[str, Field(pattern=r"^(auto|cpu|cu[0-9]{2,4})$")] = "auto"
    numpy: Annotated[str, Field(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){1,2})?$")] = ""
    sam: Annotated[str, Field(pattern=r"^segment-anything==[0-9]{1,3}(\.[0-9]{1,3}){1,2}$")] = DEFAULT_SAM
    tags: list[Tag] = []
    spare: bool = False


class ExcludeTable(_Table):
    """One ``[[exclude]]``: a pattern on ids, and why."""

    match: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=3, max_length=500)]


class MatrixFile(_Table):
    """A whole matrix file."""

    description: Annotated[str, Field(max_length=500)] = ""
    tier: Tier = "fast"
    wanted: Annotated[int, Field(ge=0, le=10_000)] = 0
    cell: Annotated[list[CellTable], Field(min_length=1)]
    exclude: list[ExcludeTable] = []


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
    raw = _parse(path)
    problems = [*_malformed(raw), *_impossible_cells(raw, facts), *_unmet_spares(raw)]
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


def _parse(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAXIMUM_BYTES:
        raise BadInput(f"{path.name}: {len(raw)} bytes; a matrix file has at most {MAXIMUM_BYTES}")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{path.name}: not TOML: {error}") from None


def _malformed(raw: dict[str, Any]) -> Iterator[str]:
    try:
        MatrixFile.model_validate(raw)
    except ValidationError as error:
        yield from (_problem(entry) for entry in error.errors())


def _impossible_cells(raw: dict[str, Any], facts: Facts) -> Iterator[str]:
    """What the facts say of each cell that is well formed, also beside others that are not."""
    rows = raw.get("cell")
    for index, entry in enumerate(rows if isinstance(rows, list) else []):
        try:
            row = CellTable.model_validate(entry)
        except ValidationError:
            continue
        yield from (f"cell[{index}].{problem}" for problem in _impossible(row, facts))


def _unmet_spares(raw: dict[str, Any]) -> Iterator[str]:
    rows = raw.get("cell")
    spare = (
        any(isinstance(row, dict) and row.get("spare") for row in rows) if isinstance(rows, list) else False
    )
    if spare and not raw.get("wanted"):
        yield "wanted: is missing, and spare cells run only when fewer cells than it could be built"


def _problem(entry: Any) -> str:
    """One line for one validation error: path, what is wrong, and a guess."""
    path = ""
    for step in entry["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{_shown(str(step))}"
    return f"{path.lstrip('.')}: {_message(entry)}"


def _message(entry: Any) -> str:
    if entry["type"] == "extra_forbidden":
        return "unknown key" + _hint(entry["loc"])
    if entry["type"] == "missing":
        return "is missing"
    value = _shown(repr(entry["input"]))
    if entry["type"] == "string_pattern_mismatch":
        return f"{value} is not of the form {_form(entry)}"
    return f"{entry['msg']}, not {value}"


def _form(entry: Any) -> str:
    forms = {
        "torch": "1.2.3",
        "python": "3.12",
        "cuda": "auto, cpu or cu130",
        "numpy": "1.26.4",
        "sam": "segment-anything==1.0",
        "tags": "lower-case letters, digits and dashes",
    }
    field = next((step for step in reversed(entry["loc"]) if isinstance(step, str)), "")
    return forms.get(field) or str(entry["ctx"]["pattern"])


def _hint(location: tuple[Any, ...]) -> str:
    tables: dict[str, type[BaseModel]] = {"cell": CellTable, "exclude": ExcludeTable}
    table = tables.get(str(location[0]), MatrixFile)
    near = get_close_matches(str(location[-1]), list(table.model_fields), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _shown(text: str) -> str:
    """Foreign text made harmless for a terminal and short."""
    clean = text.encode("unicode_escape").decode("ascii")
    return clean if len(clean) <= 60 else clean[:57] + "..."


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
