"""Arguments that run the suite, or one check of it."""

from __future__ import annotations

from samcheck.cells import Cell
from samcheck.environments import LAUNCH, SOURCE
from samcheck.facts import sam_packages
from samcheck.guest.record import CellRecord

#: As the guest sees it.
SUITE = f"{SOURCE}/tests/suite"
TIERS = {"fast": "fast", "full": "fast or full"}


def family(cell: Cell | CellRecord, kind: str) -> str:
    """Return the package that is tested in an environment of this kind; empty for all that are installed.

    Beside it may be others for comparison only. In an interpreter of the user's own, all are the user's.
    """
    return "" if kind == "here" or cell.own else sam_packages.name_of(cell.sam)


def arguments(
    suite: str,
    tier: str,
    variants: tuple[str, ...],
    what: str,
    groups: tuple[str, ...] = (),
    family: str = "",
) -> tuple[str, ...]:
    """Return Python's arguments to run `what`: the folder `suite`, or a check in it; only some `groups`.

    `family` is the package under test; without it, all packages that are installed are tested.
    """
    return (
        *(LAUNCH, "pytest", "-c", f"{suite}/pytest.ini", "--rootdir", suite, what),
        # -s: output of a check that kills the interpreter must not be lost in pytest's capture.
        *("-q", "-s", "-m", TIERS.get(tier, TIERS["full"])),
        *((f"--samcheck-variants={','.join(variants)}",) if variants else ()),
        *((f"--samcheck-groups={','.join(groups)}",) if groups else ()),
        *((f"--samcheck-families={family}",) if family else ()),
    )
