"""The command line: ``python -m tests.faults``, or ``nox -s faults -- ...``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

import click

from samcheck import facts, matrix, paths
from samcheck.environments import Place, here, machine, venv
from samcheck.errors import CELLS_FAILED, INTERRUPTED, BadInput, EmptySelection, SamcheckError
from samcheck.facts import requirements
from samcheck.guest.record import GROUP_NAMES
from samcheck.run.context import now

from . import runs, table, trial
from .catalogue import FAULTS
from .fault import SEGMENT_ANYTHING, Fault
from .runs import Bed
from .trial import Trial

RESULTS = paths.ROOT / "results" / "faults"
WORK = paths.ROOT / ".samcheck" / "faults"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--tier", type=click.Choice(["fast", "full"]), default="fast", show_default=True)
@click.option("--only", multiple=True, metavar="PATTERN", help="Only faults whose id or kind fits.")
@click.option(
    "--groups",
    default="",
    metavar="NAMES",
    help="Only with these groups of checks, not with all that a run would try.",
)
@click.option(
    "--family",
    type=click.Choice(list(runs.VARIANTS)),
    default=SEGMENT_ANYTHING,
    show_default=True,
    help="Faults, variants and checks of this package; --python must have it.",
)
@click.option("--clean", type=click.IntRange(min=0), default=0, help="Also so many runs without a fault.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="So many runs side by side.")
@click.option("--python", default="", metavar="PATH", help="An interpreter with torch; default: one is made.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), help="Where the table goes.")
@click.option("--all-checks", is_flag=True, help="Do not stop at the first check that sees a fault.")
@click.option("--resume", is_flag=True, help="Leave out what the table has for this very code.")
@click.option("--check-timeout", type=float, default=180.0, show_default=True, metavar="SECONDS")
def command(
    tier: str,
    only: tuple[str, ...],
    groups: str,
    family: str,
    clean: int,
    jobs: int,
    python: str,
    output: Path | None,
    all_checks: bool,
    resume: bool,
    check_timeout: float,
) -> None:
    """Seed faults in the packages under test, and see whether the suite catches each."""
    chosen = select(only, family)
    if output is None and not only and not groups:
        output = RESULTS if family == SEGMENT_ANYTHING else RESULTS / family
    bed = Bed(place(python), WORK, check_timeout, threading.Event(), named(groups), family)
    report = trial.begin(bed, output, resume, now())
    click.echo(f"{len(chosen)} faults, torch {report.facts['torch']}, {jobs} at a time, logs in {WORK}")
    this = Trial(bed, report, output, jobs, not all_checks)
    this.faults(chosen)
    if tier == "full":
        this.missed_in_full(chosen)
    this.clean(runs.clean_settings(clean, (os.cpu_count() or 1) // jobs))
    for line in table.summary(report):
        click.echo(line)
    sys.exit(0 if trial.good(report) else CELLS_FAILED)


def named(groups: str) -> tuple[str, ...]:
    """The groups of checks in a comma-separated list.

    Raises:
        BadInput: there is no such group.
    """
    names = tuple(name for name in groups.split(",") if name)
    unknown = [name for name in names if name not in GROUP_NAMES]
    if unknown:
        raise BadInput(f"--groups: there is no group {', '.join(unknown)}; known: {', '.join(GROUP_NAMES)}")
    return names


def select(patterns: Iterable[str], family: str = SEGMENT_ANYTHING) -> list[Fault]:
    """The faults of a family whose id or kind fits one of the patterns; all of them without patterns.

    Raises:
        EmptySelection: none fits.
    """
    wanted = tuple(patterns) or ("*",)
    theirs = [fault for fault in FAULTS.values() if fault.family == family]
    chosen = [
        fault
        for fault in theirs
        if any(fnmatchcase(text, pattern) for text in (fault.id, fault.kind) for pattern in wanted)
    ]
    if not chosen:
        raise EmptySelection(
            f"no fault fits {' '.join(wanted)}; known: {', '.join(each.id for each in theirs)}"
        )
    return chosen


def place(python: str) -> Place:
    """The interpreter that was given, else that of the first cell of the default matrix."""
    if python:
        return here.HerePlace(python)
    plan = matrix.plan(paths.ROOT / "matrices" / "default.toml", facts.load(), machine.look())
    cell = plan.cells[0].cell
    paths.home().mkdir(parents=True, exist_ok=True)
    pins = requirements.resolve(cell, facts.load(), machine.look())
    return venv.Venv().prepare(cell, pins, paths.home() / "build.log")


def main() -> None:
    """Run the command line; errors become one sentence and an exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(BadInput.exit_code)
    except SamcheckError as error:
        click.echo(f"faults: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("faults: interrupted; --resume goes on from here", err=True)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
