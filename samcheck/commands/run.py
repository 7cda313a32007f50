"""``samcheck matrix``, ``cell``, ``here`` and ``fast``: the commands that run the suite."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from samcheck import certificates, facts, matrix, paths, version
from samcheck.commands.options import (
    RunOptions,
    build_options,
    choice_options,
    matrix_option,
    parallel_options,
    python_option,
    run_options,
    stop_option,
    tier_option,
)
from samcheck.commands.variants import variants_of
from samcheck.environments import choice, gpu_health, here, machine
from samcheck.environments.choice import Chosen
from samcheck.environments.offline import at_hand
from samcheck.errors import BadInput
from samcheck.facts import sam_packages
from samcheck.guest.record import GROUP_NAMES
from samcheck.matrix import Plan, selection
from samcheck.matrix.ranking import NO_LIMIT
from samcheck.matrix.selection import Choice
from samcheck.run import progress, scheduler, session
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates


@click.command("matrix")
@choice_options
@build_options
@parallel_options
@run_options
@python_option
def matrix_command(choice: Choice, **options: Any) -> None:
    """Run a matrix file: build each cell, check SAM inside, write the table."""
    _run(selection.plan(choice, machine.look()), RunOptions(tier=choice.tier, **options))


@click.command("cell")
@click.argument("id")
@matrix_option
@tier_option
@build_options
@run_options
def cell_command(id: str, file: Path | None, **options: Any) -> None:
    """Run one cell of the shipped matrices, or of a matrix file, by its id."""
    own = (
        [matrix.plan(selection.file_of(file), facts.load(), machine.look(), budget=NO_LIMIT)] if file else []
    )
    plans = [*own, *matrix.shipped(paths.MATRICES, facts.load(), machine.look())]
    having_it = [plan for plan in plans if any(planned.cell.id == id for planned in plan.cells)]
    if not having_it:
        every = tuple(planned for plan in plans for planned in plan.cells)
        matrix.select(Plan("(all)", "fast", every), [id])  # raises, with a hint
    chosen = matrix.select(having_it[0], (id,))
    _run(replace(chosen, variants=own[0].variants) if own else chosen, RunOptions(**options))


@click.command("here")
@tier_option
@run_options
@stop_option
@python_option
def here_command(**options: Any) -> None:
    """Run the suite in an existing interpreter and store the result under the cell that it matches."""
    _run(Plan("here", "fast", ()), RunOptions(**options))


@click.command("fast", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def fast_command(arguments: tuple[str, ...]) -> None:
    """Run `pytest -m fast` in an environment made for it; arguments go to pytest."""
    plan = matrix.plan(paths.MATRICES / "default.toml", facts.load(), machine.look())
    sys.exit(session.fast(arguments, plan))


def _run(plan: Plan, options: RunOptions) -> None:
    begin = time.monotonic()
    if options.ca_bundle:
        certificates.trust(options.ca_bundle)
    _resolve_checkpoints()
    tier = options.tier or plan.tier
    own = options.environment == "here" or (bool(plan.cells) and all(row.own for row in plan.cells))
    variants = variants_of(options.variants, tier, own, plan.variants)
    groups = _groups(options.groups)
    with _environment(plan, options) as (planned, chosen):
        gates = _gates(options)
        if any(cell.cell.needs_gpu_build for cell in planned.cells):
            machine.require_answers(gates.gpus)
            gpu_health.require_usable(gates.gpus, chosen.environment.kind == "docker")
        settings = Settings(
            tier=tier,
            environment=chosen.environment,
            why=chosen.why,
            check_timeout=options.check_timeout,
            variants=variants,
            version=version.version(),
            gates=gates,
            processes=options.processes or 0,
            groups=groups,
            own_variants=plan.variants,
            deadline=math.inf if options.stop_after is None else begin + 60 * options.stop_after,
        )
        status = session.run(progress.terminal(), planned, settings, options.resume, options.results)
    sys.exit(status)


@contextmanager
def _environment(plan: Plan, options: RunOptions) -> Iterator[tuple[Plan, Chosen]]:
    """Yield the plan and the environment of its cells; for ``here``, its only cell is the interpreter's."""
    if options.environment != "here":
        yield plan, choice.choose_environment(options.environment)
        return
    python = options.python or here.default_python()
    seen = here.look(python)
    for clash, names in sam_packages.clashes(seen.packages, facts.load()):
        both = " and ".join(names)
        click.echo(
            f"samcheck: {python} has {both}, which both install the module {clash.module}: keep one of them, "
            "since what is imported has files of both",
            err=True,
        )
    plan = session.plan_here(plan, python, seen)
    with at_hand.packages(python, seen) as lacking:
        environment = here.Here(python, (*here.carried_packages(), *lacking))
        yield plan, Chosen(environment, "an interpreter is used as it is")


def _gates(options: RunOptions) -> Gates:
    """Return what may run at once: one cell per GPU, and --jobs cells on the CPU."""
    gpus = machine.places(scheduler.gpus(options.gpus, machine.gpu_count()))
    overlap = bool(gpus) if options.overlap is None else options.overlap
    return Gates(jobs=options.jobs, gpus=gpus, overlap=overlap, exclusive=options.exclusive)


def _groups(given: str) -> tuple[str, ...]:
    """Parse a comma-separated list of groups into the order of the table, so that one run has one name."""
    names = {name.strip() for name in given.split(",") if name.strip()}
    unknown = sorted(names.difference(GROUP_NAMES))
    if unknown:
        raise BadInput(
            f"--groups: there is no group of checks {', '.join(map(repr, unknown))}; "
            f"known: {', '.join(GROUP_NAMES)}"
        )
    return tuple(name for name in GROUP_NAMES if name in names)


def _resolve_checkpoints() -> None:
    """Make $SAMCHECK_CHECKPOINTS absolute: guests run in other folders."""
    folder = os.environ.get("SAMCHECK_CHECKPOINTS")
    if not folder:
        return
    if not Path(folder).is_dir():
        raise BadInput(f"SAMCHECK_CHECKPOINTS is {folder}, which is not a folder")
    os.environ["SAMCHECK_CHECKPOINTS"] = str(Path(folder).resolve())
