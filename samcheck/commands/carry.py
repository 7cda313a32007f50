"""``samcheck carry``: collect what a machine without a network lacks for ``samcheck here``."""

from __future__ import annotations

from pathlib import Path

import click

from samcheck import certificates, facts, files
from samcheck.commands.options import bundle_option
from samcheck.environments import here, offline


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
    "--answers",
    default="",
    metavar="VARIANTS",
    help="Also compute the oracle's answers for these, with $SAMCHECK_PYTHON, and include them.",
)
@bundle_option
def carry_command(folder: Path, python: str, has: Path | None, answers: str, ca_bundle: str | None) -> None:
    """Collect in FOLDER, inside the checkout, what another machine's Python lacks to run `here`."""
    if ca_bundle:
        certificates.trust(ca_bundle)
    lines = files.read_text(has).splitlines() if has else []
    taken = offline.collect(offline.bundle_spec(python, lines, facts.load()), folder)
    click.echo(f"collected for Python {python}: {' '.join(taken)}")
    if answers:
        offline.answers(here.default_python(), answers.split(","), folder)
    click.echo(
        f"{folder}: {offline.size_mib(folder):.1f} MiB; copy the checkout with this folder to the machine "
        "and run there:"
    )
    click.echo(f"python3 {folder} --tier fast")
