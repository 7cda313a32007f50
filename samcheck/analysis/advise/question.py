"""The change a user asks about, parsed from the command line (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from samcheck.analysis.advise.contents_change import ContentsChange, cell_of
from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Facts, compatibility, gpu_support, unlisted
from samcheck.facts.requirements import numpy_of
from samcheck.facts.target_machine import Machine
from samcheck.matrix import axes
from samcheck.matrix.file import shown
from samcheck.suggestions import did_you_mean

SUBJECTS = ("driver", "torch", "python", "numpy", "sam")
TITLES = {
    "driver": "driver",
    "torch": "PyTorch",
    "python": "Python",
    "numpy": "NumPy",
    "cuda": "CUDA build",
    "sam": "SAM package",
}
_NUMPY = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){2}")


@dataclass(frozen=True)
class Step:
    """A change of one of `SUBJECTS`: its current and its wanted value."""

    old: str
    new: str


@dataclass(frozen=True)
class UpgradeQuestion:
    """What is to change, on one machine.

    Attributes:
        steps: by subject, in the order of `SUBJECTS`.
        at: values of other axes; only cells with these are asked about.
        before, after: the machine; they differ if the driver changes.
        installed: the packages that there are now, with their versions, if they are known.
        contents: both environments, if it is two of them that are asked about.
    """

    steps: Mapping[str, Step]
    before: Machine
    after: Machine
    at: Mapping[str, str]
    installed: Mapping[str, str] = field(default_factory=dict)
    contents: ContentsChange | None = None

    @property
    def driver(self) -> Step | None:
        return self.steps.get("driver")

    @property
    def of_cells(self) -> dict[str, Step]:
        """What changes in a cell: all but the driver."""
        return {axis: step for axis, step in self.steps.items() if axis != "driver"}

    @property
    def changes(self) -> str:
        steps = ", ".join(f"{TITLES[axis]} {step.old} -> {step.new}" for axis, step in self.steps.items())
        return f"{self.contents.title}: {steps or 'other packages only'}" if self.contents else steps

    def __str__(self) -> str:
        fixed = "".join(f", {TITLES[axis]} {value}" for axis, value in self.at.items())
        where = replace(self.after, driver="") if self.driver else self.after
        on = f" on {where if where.driver else ', '.join(gpu.name for gpu in where.gpus)}" if where else ""
        return f"{self.changes}{on}{fixed}"


def ask(
    steps: Mapping[str, Step],
    machine: Machine,
    at: Mapping[str, str],
    facts: Facts,
    installed: Mapping[str, str] | None = None,
) -> UpgradeQuestion:
    """Return the question if its values are valid.

    Raises:
        BadInput: a value is unknown, or nothing would change.
    """
    if "sam" in at:
        at = {**at, "sam": _package("--at-sam", at["sam"], facts)}
    for axis, value in at.items():
        if axis in steps:
            raise BadInput(f"--at-{axis}: already given by --{axis} and --from: leave it out")
        _known(f"--at-{axis}", axis, value, facts)
    valid = {axis: _valid(axis, steps[axis], facts) for axis in SUBJECTS if axis in steps}
    before = after = machine
    if "driver" in valid:
        before, after = (replace(machine, driver=text) for text in (valid["driver"].old, valid["driver"].new))
    return UpgradeQuestion(valid, before, after, at, installed or {})


def ask_about(change: ContentsChange, machine: Machine, facts: Facts) -> UpgradeQuestion:
    """Return the question about two environments, which may differ in nothing that is an axis."""
    before, after = (values(cell_of(contents, facts), facts) for contents in (change.before, change.after))
    steps = {
        axis: Step(before[axis] or "unknown", after[axis] or "unknown")
        for axis in SUBJECTS
        if axis in before and before[axis] != after[axis]
    }
    return UpgradeQuestion(steps, machine, machine, {}, change.kept, change)


def _valid(axis: str, step: Step, facts: Facts) -> Step:
    """Return a step with versions that are known.

    Raises:
        BadInput: one is not, or they are the same.
    """
    if not (step.old and step.new):
        raise BadInput(f"--{axis}, --from: must not be empty; give versions: --{axis} NEW --from OLD")
    if axis == "driver":
        step = Step(
            gpu_support.driver_version("--from", step.old), gpu_support.driver_version(f"--{axis}", step.new)
        )
    elif axis == "sam":
        step = Step(_package("--from", step.old, facts), _package("--sam", step.new, facts))
    else:
        _known(f"--{axis}", axis, step.new, facts)
        _known("--from", axis, step.old, facts)
    if step.old == step.new:
        raise BadInput(
            f"--from: {step.old} -> {step.new} changes nothing: --from takes the version you have now"
        )
    return step


def _package(option: str, text: str, facts: Facts) -> str:
    """Return the release of a package that provides SAM; of a name alone, the newest known one.

    Raises:
        BadInput: the facts do not know it.
    """
    try:
        return axes.package(text, facts)
    except axes.BadSpec as problem:
        raise BadInput(f"{option}: {shown(str(problem), 300)}") from None


def _known(option: str, axis: str, text: str, facts: Facts) -> None:
    """Raise BadInput if the facts lack a value; not all NumPy patch releases are listed."""
    values = axes.known(axis, facts) + (["cpu"] if axis == "cuda" else [])
    if text in values or (axis == "numpy" and _NUMPY.fullmatch(text) and facts.series(text)):
        return
    if other := unlisted.what_is(axis, text, values, facts):
        more = "; `samcheck facts --refresh` proposes newer ones" if other.startswith("is newer") else ""
        raise BadInput(f"{option}: {TITLES[axis]} {shown(text)} {other}{more}")
    hint = did_you_mean(text, values, lead="; ") or "."
    listed = ", ".join(values) if len(values) <= 15 else f"{values[-1]} to {values[0]}"
    raise BadInput(
        f"{option}: unknown {TITLES[axis]} {shown(repr(text))}{hint} Known: {listed} "
        "(samcheck/facts; `samcheck facts --refresh` proposes newer ones)"
    )


def values(cell: Cell, facts: Facts) -> dict[str, str]:
    """Return a cell's value on each axis, with the NumPy that it gets."""
    return {**compatibility.fields(cell), "numpy": numpy_of(cell, facts)}
