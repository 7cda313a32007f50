"""What ``samcheck bisect`` is asked: the check, its outcomes, and the results that may answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from samcheck import paths
from samcheck.environments import machine, own_variant
from samcheck.environments.own_variant import OwnVariant
from samcheck.errors import BadInput
from samcheck.guest.node_ids import parameters_of
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult
from samcheck.storage import results
from samcheck.suggestions import similar


def check_of(given: str) -> str:
    """Return the check's id as results write it.

    Raises:
        BadInput: there is no such module of the suite.
    """
    path, separator, rest = given.partition("::")
    module = Path(path).name
    suite = paths.SUITE
    if not separator or not (suite / module).is_file():
        known = ", ".join(path.name for path in sorted(suite.glob("test_*.py")))
        raise BadInput(
            f"--check: {given!r} is not like test_dtype.py::test_naive_cast[tiny]; modules: {known}"
        )
    return f"{module}::{rest}"


def warning_of_unknown(check: str, past: list[CellResult]) -> str:
    """Return a warning if no stored result has such a check, which may be new or mistyped; else nothing."""
    known = {record.check for result in past for record in result.checks}
    if not known or check in known:
        return ""
    near = similar(check, sorted(known), most=3, cutoff=0)
    return f"--check: none of {len(past)} stored results has {check}; similar: {', '.join(near)}"


def outcomes_of(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of outcomes.

    Raises:
        BadInput: there is no such outcome.
    """
    for name in given:
        if name.partition(":")[0] not in (*CheckOutcome, "bad"):
            raise BadInput(f"--bad-outcome: {name!r} is not one of {', '.join(CheckOutcome)}, bad")
    return given


def of_this_device(store: Path, check: str, declared: Sequence[OwnVariant]) -> list[CellResult]:
    """Return the stored results of this machine's device and driver: others would compare devices.

    Where the check is of a variant of the user's own, they are of that variant with the same contents.
    """
    device, driver = results.slug(machine.device_name()), results.slug(machine.look().driver or "none")
    loaded, _ = results.load(store)
    said = own_variant.details(
        [variant for variant in declared if variant.name in parameters_of(check).split("-")]
    )
    return [
        row.result
        for row in loaded
        if (row.device, row.driver) == (device, driver)
        and said.items() <= row.result.environment.details.items()
    ]


def require_held(axis: str, held: Mapping[str, str], any_python: bool) -> None:
    """Check that the axis is not held fixed, and that PyTorch is given if it is not the axis.

    Raises:
        BadInput: otherwise.
    """
    if held.get(axis):
        raise BadInput(f"--{axis}: that is the axis to bisect; --good and --bad give its ends")
    if axis == "python" and any_python:
        raise BadInput("--any-python: Python is the axis to bisect; results of every Python are used anyway")
    if axis != "torch" and not held["torch"]:
        raise BadInput(f"--torch is missing: give the PyTorch with which to bisect {axis}")


def require_only_ends(axis: str, held: Mapping[str, str], values: str, any_python: bool) -> None:
    """Check that nothing is given that two environments say already.

    Raises:
        BadInput: something is.
    """
    given = [name for name, value in held.items() if value and name != "python"]
    given += [name for name, value in {"values": values, "any-python": any_python}.items() if value]
    if given:
        raise BadInput(f"--{given[0]}: has no meaning for --axis {axis}: leave it out")
