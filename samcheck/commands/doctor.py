"""``samcheck doctor``: what is wrong with the packages and libraries of a Python, and the cure."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from samcheck import facts
from samcheck.commands.plan import json_option
from samcheck.environments import companions, here, inspection
from samcheck.errors import CELLS_FAILED
from samcheck.guest.installed import judgement, library_rules
from samcheck.guest.installed.finding import Finding
from samcheck.guest.installed.inventory import Inventory
from samcheck.sanitize import visible
from samcheck.units import counted


@click.command("doctor")
@click.option(
    "--python", default="", help="The interpreter to examine; default: as for `here`.", metavar="PATH"
)
@json_option
def doctor_command(python: str, as_json: bool) -> None:
    """Find what is wrong with a Python's packages and the libraries that it really loads, and the cure.

    Reads which files packages have installed, whose content is there now, what PyTorch requires, and from
    where a fresh process loads NVIDIA's libraries. Needs no GPU, and changes nothing.
    """
    inventory = inspection.inspect(python or here.default_python())
    found = [*companions.findings(inventory, facts.load()), *judgement.findings(inventory)]
    found.sort(key=lambda finding: not finding.breaks)
    if as_json:
        click.echo(json.dumps(_document(inventory, found), indent=1))
    else:
        for line in lines(inventory, found):
            click.echo(line)
    sys.exit(CELLS_FAILED if found else 0)


def lines(inventory: Inventory, found: Sequence[Finding]) -> Iterator[str]:
    """Yield what was examined, and each finding with its cure."""
    release = inventory.markers.get("python_full_version", "?")
    packages = counted(len(inventory.packages), "package")
    libraries = counted(len(inventory.loading.libraries), "library", "libraries")
    yield visible(f"{inventory.python} (Python {release}): {packages}, {libraries} of NVIDIA loaded")
    for path, reason in inventory.unreadable.items():
        yield visible(f"not read: {path}: {reason}")
    if not found:
        yield "nothing found that breaks or may break"
    for number, finding in enumerate(found, 1):
        yield ""
        yield visible(
            f"{number}. {'BREAKS' if finding.breaks else 'MAY BREAK'} ({finding.kind}): {finding.sentence}"
        )
        yield f"   cure: {visible(finding.cure)}"
        yield from (f"     {visible(command)}" for command in finding.commands)


def _document(inventory: Inventory, found: Sequence[Finding]) -> dict[str, object]:
    return {
        "python": inventory.python,
        "findings": [asdict(finding) for finding in found],
        "libraries": {
            library.name: library_rules.described(library, inventory)
            for library in inventory.loading.libraries
        },
        "unreadable": inventory.unreadable,
    }
