"""What ``samcheck bisect`` is asked: the check, its outcomes, and the results that may answer."""

from __future__ import annotations

from collections.abc import Sequence
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
