"""The command line; the only place that exits."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from samcheck import __version__, clean, facts, machine, matrix, report, session
from samcheck.environments import CHECKOUT, KINDS, here
from samcheck.errors import CELLS_FAILED, INTERRUPTED, BadInput, SamcheckError
from samcheck.guest.record import VARIANT_TIERS
from samcheck.matrix import Plan
from samcheck.runner import TIERS, Settings

MATRICES = CHECKOUT / "matrices"
RESULTS = CHECKOUT / "results"

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

environment_option = click.option(
    "--environment",
    type=click.Choice(["auto", *KINDS]),
    default="auto",
    show_default=True,
    help="Where cells run; auto: docker where an engine answers, else venv.",
)
tier_option = click.option(
    "--tier", type=click.Choice(list(TIERS)), help="Which checks; default: what the matrix says."
)
resume_option = click.option("--resume", is_flag=True, help="Go on with an interrupted run.")
python_option = click.option(
    "--python", default="", help="The interpreter for --environment here.", metavar="PATH"
)
timeout_option = click.option(
    "--check-timeout",
    type=click.FloatRange(min=1),
    default=900,
    show_default=True,
    help="Seconds after which a check is stopped.",
)
variants_option = click.option(
    "--variants", default="", help="Only these variants, comma-separated.", metavar="NAMES"
)
results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    help="Where results and table go; default: results/ of the checkout.",
)
bundle_option = click.option(
    "--ca-bundle",
    type=click.Path(exists=True, dir_okay=False),
    envvar="SAMCHECK_CA_BUNDLE",
    help="Certificates to trust while building, e.g. your company's.",
)


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


build_options = together(environment_option, bundle_option)
run_options = together(tier_option, resume_option, timeout_option, variants_option, results_option)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Does Segment Anything work with this driver, CUDA, PyTorch and Python?"""


@cli.command("matrix")
@click.argument("path", type=click.Path(path_type=Path), default=MATRICES / "default.toml", required=False)
@click.option("--only", multiple=True, metavar="PATTERN", help="Only cells whose id fits.")
@build_options
@run_options
@python_option
def matrix_command(path: Path, only: tuple[str, ...], **options: object) -> None:
    """Run a matrix file: build each cell, check SAM inside, write the table."""
    plan = matrix.plan(path, facts.load(), machine.look())
    _run(plan, only, options)


@cli.command("cell")
@click.argument("id")
@build_options
@run_options
def cell_command(id: str, **options: object) -> None:
    """Run one cell of the shipped matrices by its id."""
    plans = [row for row in _shipped() if any(each.cell.id == id for each in row.cells)]
    if not plans:
        every = [each for row in _shipped() for each in row.cells]
        matrix.select(Plan("(all)", "fast", tuple(every)), [id])  # raises, with a hint
    _run(plans[0], (id,), options)


@cli.command("here")
@run_options
@python_option
def here_command(**options: object) -> None:
    """Run the suite in an interpreter as it is, and file the result as the cell that it is."""
    _run(Plan("here", "fast", ()), (), {**options, "environment": "here"})


@cli.command("fast", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def fast_command(arguments: tuple[str, ...]) -> None:
    """Run `pytest -m fast` in an environment made for it; arguments go to pytest."""
    plan = matrix.plan(MATRICES / "default.toml", facts.load(), machine.look())
    sys.exit(session.fast(arguments, plan))


def _run(plan: Plan, only: tuple[str, ...], options: dict[str, object]) -> None:
    if options.get("ca_bundle"):
        machine.trust(str(options["ca_bundle"]))
    _resolve_checkpoints()
    python = str(options.get("python") or here.default_python())
    if options["environment"] == "here":
        plan = session.plan_here(plan, python)
    plan = matrix.select(plan, only)
    chosen = session.choose_environment(str(options["environment"]), python)
    tier = str(options["tier"] or plan.tier)
    settings = Settings(
        tier=tier,
        environment=chosen.environment,
        why=chosen.why,
        check_timeout=float(str(options["check_timeout"])),
        variants=_variants(str(options["variants"]), tier, own=chosen.environment.kind == "here"),
        version=session.version(),
    )
    store = options["results"]
    assert isinstance(store, Path)
    sys.exit(session.run(Console(), plan, settings, bool(options["resume"]), store))


def _variants(given: str, tier: str, own: bool) -> tuple[str, ...]:
    """The names in a comma-separated list, which the tier must have.

    An interpreter that is used as it is may have variants of its user's `own`; the guest knows them.
    """
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    for name in names:
        if name not in VARIANT_TIERS and not own:
            known = ", ".join(VARIANT_TIERS)
            raise BadInput(f"--variants: there is no variant {name!r}; known: {known}")
        if VARIANT_TIERS.get(name) == "full" and tier != "full":
            raise BadInput(f"--variants: {name} is not part of the tier {tier}: add --tier full")
    return names


def _resolve_checkpoints() -> None:
    """Make $SAMCHECK_CHECKPOINTS absolute: guests run in other folders."""
    folder = os.environ.get("SAMCHECK_CHECKPOINTS")
    if not folder:
        return
    if not Path(folder).is_dir():
        raise BadInput(f"SAMCHECK_CHECKPOINTS names {folder}, which is no folder")
    os.environ["SAMCHECK_CHECKPOINTS"] = str(Path(folder).resolve())


def _shipped() -> list[Plan]:
    return matrix.shipped(MATRICES, facts.load(), machine.look())


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_command(as_json: bool) -> None:
    """List the cells of the shipped matrices."""
    rows = [
        {"matrix": plan.name, "id": row.cell.id, "tags": list(row.tags)}
        for plan in _shipped()
        for row in plan.cells
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        click.echo(f"{row['matrix']}: {row['id']} {' '.join(row['tags'])}".rstrip())


@cli.command("table")
@results_option
def table_command(results: Path) -> None:
    """Write the table from the results that are there."""
    click.echo(report.write(results))


@cli.command("clean")
@click.option("--environments", is_flag=True, help="Also images, their build cache, and venvs.")
@click.option("--runs", is_flag=True, help="Also the folders of runs (journals, logs).")
def clean_command(environments: bool, runs: bool) -> None:
    """Remove containers that a killed run left behind, and more on request."""
    count = 0
    for line in clean.clean(environments, runs):
        click.echo(f"removed {line}")
        count += 1
    click.echo(f"{count} things removed")


def main() -> None:
    """Run the command line; errors become one sentence and an exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # CI's way to say Ctrl-C
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(BadInput.exit_code)
    except SamcheckError as error:
        click.echo(f"samcheck: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        click.echo(
            f"samcheck: {error.strerror or error}{where}; what was finished is kept: mend that, then "
            "--resume goes on from here",
            err=True,
        )
        sys.exit(CELLS_FAILED)
    except (KeyboardInterrupt, click.Abort):
        click.echo("samcheck: interrupted; what was finished is kept, --resume goes on from here", err=True)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
