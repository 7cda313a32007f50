"""The change a user asks about, parsed from the command line (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import Facts, compatibility, gpu_support
from samcheck.facts.requirements import numpy_of
from samcheck.facts.target_machine import Machine
from samcheck.matrix import axes
from samcheck.matrix.file import shown
from samcheck.suggestions import did_you_mean

SUBJECTS = ("driver", "torch", "python", "numpy")
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
class UpgradeQuestion:
    """One change on one machine.

    Attributes:
        subject: one of `SUBJECTS`.
        old, new: its current and its wanted value.
        at: values of other axes; only cells with these are asked about.
        before, after: the machine; they differ if the driver is the subject.
    """

    subject: str
    old: str
    new: str
    before: Machine
    after: Machine
    at: Mapping[str, str]

    def __str__(self) -> str:
        fixed = "".join(f", {TITLES[axis]} {value}" for axis, value in self.at.items())
        where = self.after if self.subject != "driver" else replace(self.after, driver="")
        on = f" on {where if where.driver else ', '.join(gpu.name for gpu in where.gpus)}" if where else ""
        return f"{TITLES[self.subject]} {self.old} -> {self.new}{on}{fixed}"


def ask(
    subject: str, old: str, new: str, machine: Machine, at: Mapping[str, str], facts: Facts
) -> UpgradeQuestion:
    """Return the question if its values are valid.

    Raises:
        BadInput: a value is unknown, or nothing would change.
    """
    if subject in at:
        raise BadInput(f"--at-{subject}: already given by --{subject} and --from: leave it out")
    for axis, value in at.items():
        _known(f"--at-{axis}", axis, value, facts)
    before = after = machine
    if not (old and new):
        raise BadInput(f"--{subject}, --from: must not be empty; give versions: --{subject} NEW --from OLD")
    if subject == "driver":
        new = gpu_support.driver_version(f"--{subject}", new)
        old = gpu_support.driver_version("--from", old)
        before, after = replace(machine, driver=old), replace(machine, driver=new)
    else:
        _known(f"--{subject}", subject, new, facts)
        _known("--from", subject, old, facts)
    if old == new:
        raise BadInput(f"--from: {old} -> {new} changes nothing: --from takes the version you have now")
    return UpgradeQuestion(subject, old, new, before, after, at)


def _known(option: str, axis: str, text: str, facts: Facts) -> None:
    """Raise BadInput if the facts lack a value; not all NumPy patch releases are listed."""
    values = axes.known(axis, facts) + (["cpu"] if axis == "cuda" else [])
    if text in values or (axis == "numpy" and _NUMPY.fullmatch(text) and facts.series(text)):
        return
    hint = did_you_mean(text, values, lead="; ") or "."
    listed = ", ".join(values) if len(values) <= 15 else f"{values[-1]} to {values[0]}"
    raise BadInput(
        f"{option}: unknown {TITLES[axis]} {shown(repr(text))}{hint} Known: {listed} "
        "(samcheck/facts; `samcheck facts --refresh` proposes newer ones)"
    )


def values(cell: Cell, facts: Facts) -> dict[str, str]:
    """Return a cell's value on each axis, with the NumPy that it gets."""
    return {**compatibility.fields(cell), "numpy": numpy_of(cell, facts)}
