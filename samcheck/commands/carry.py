"""``samcheck carry``: collect what a machine without a network lacks for ``samcheck here``."""

from __future__ import annotations

from pathlib import Path

import click

from samcheck import certificates, facts, files
from samcheck.commands.options import bundle_option
from samcheck.environments import here, offline
from samcheck.errors import BadInput
from samcheck.facts import sam_packages
from samcheck.facts.sam_schema import SamPackage
from samcheck.matrix import axes


@click.command("carry")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("carried"))
@click.option(
    "--python", default="3.12", show_default=True, help="The other machine's Python.", metavar="X.Y"
)
@click.option(
    "--has",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Output of `python3 -m pip freeze` there: what it already has. Default: collect everything.",
)
@click.option(
    "--sam",
    multiple=True,
    metavar="PACKAGE",
    help="Also collect this package to test, e.g. transformers==5.23.0; repeatable.",
)
@click.option(
    "--answers",
    default="",
    metavar="VARIANTS",
    help="Also compute the oracle's answers for these, with $SAMCHECK_PYTHON, and include them.",
)
@bundle_option
def carry_command(
    folder: Path,
    python: str,
    has: Path | None,
    sam: tuple[str, ...],
    answers: str,
    ca_bundle: str | None,
) -> None:
    """Collect in FOLDER, inside the checkout, what another machine's Python lacks to run `here`."""
    if ca_bundle:
        certificates.trust(ca_bundle)
    lines = files.read_text(has).splitlines() if has else []
    spec = offline.bundle_spec(python, lines, facts.load(), _packages(sam))
    taken = offline.collect(spec, folder)
    click.echo(f"collected for Python {python}: {' '.join(taken)}")
    if answers:
        offline.answers(here.default_python(), answers.split(","), folder)
    click.echo(
        f"{folder}: {offline.size_mib(folder):.1f} MiB; copy the checkout with this folder to the machine "
        "and run there:"
    )
    click.echo(f"python3 {folder} --tier fast")


def _packages(given: tuple[str, ...]) -> list[SamPackage]:
    """Return the packages that the options name.

    Raises:
        BadInput: the facts do not know one.
    """
    known = facts.load()
    try:
        named = [axes.package(text, known) for text in given]
    except axes.BadSpec as problem:
        raise BadInput(f"--sam: {problem}") from None
    return [row for text in named if (row := sam_packages.find(text, known))]
