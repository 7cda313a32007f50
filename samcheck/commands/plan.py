"""``samcheck plan`` and ``why``: show what would run, what not and why, without running anything."""

from __future__ import annotations

import json
import sys

import click

from samcheck import facts, matrix
from samcheck.commands.options import Count, choice_options, host_options
from samcheck.environments import machine
from samcheck.errors import CELLS_FAILED, BadInput, EmptySelection
from samcheck.facts import gpu_support
from samcheck.facts.target_machine import Machine
from samcheck.matrix import explain, fanout, plan_text, selection
from samcheck.matrix.selection import Choice

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command("plan")
@choice_options
@host_options
@click.option(
    "--format", "engine", type=click.Choice(list(fanout.FORMATS)), help="Print a pipeline for this CI engine."
)
@click.option("--shards", type=Count(), help="Number of jobs; default: one per cell.")
@click.option(
    "--gpu-label",
    "gpu_labels",
    multiple=True,
    default=("gpu",),
    show_default=True,
    metavar="LABEL",
    help="Label of the pipeline's runners with a GPU; repeatable.",
)
@click.option("--all", "everything", is_flag=True, help="Do not shorten long lists.")
@json_option
def plan_command(
    choice: Choice,
    gpu: str,
    driver: str,
    engine: str | None,
    shards: int | None,
    gpu_labels: tuple[str, ...],
    everything: bool,
    as_json: bool,
) -> None:
    """Show the plan for a matrix file: its cells, what is left out and why, and what is covered."""
    _refuse_together({"--format": engine, "--json": as_json}, {"--format": engine, "--shard": choice.shard})
    if shards and not engine:
        raise BadInput("--shards sets the number of jobs of a pipeline: add --format")
    plan = selection.whole(choice, _host(gpu, driver))
    empty = not plan.cells  # shown anyway: the cells left out explain why
    if not empty:
        plan = selection.chosen(choice, plan)
    if engine:
        pipeline = selection.pipeline(matrix.select(plan, ()), choice, shards, gpu_labels)
        click.echo(fanout.FORMATS[engine](pipeline))
    elif as_json:
        click.echo(json.dumps(plan_text.as_json(plan, facts.load()), indent=1))
    else:
        for line in plan_text.lines(plan, facts.load(), everything):
            click.echo(line)
    if empty:
        sys.exit(EmptySelection.exit_code)


def _refuse_together(*pairs: dict[str, object]) -> None:
    for pair in pairs:
        if all(pair.values()):
            raise BadInput(f"{' and '.join(pair)} do not go together: leave one out")


@click.command("why")
@click.argument("id")
@host_options
@json_option
def why_command(id: str, gpu: str, driver: str, as_json: bool) -> None:
    """Explain one cell: can it exist, what would be installed, does it run on a GPU and driver?

    Exits with 1 if it cannot.
    """
    explained = explain.explain(id, _host(gpu, driver), facts.load())
    if as_json:
        click.echo(json.dumps(explain.as_json(explained), indent=1))
    else:
        for line in explain.lines(explained):
            click.echo(line)
    sys.exit(0 if explained.possible else CELLS_FAILED)


def _host(gpu: str, driver: str) -> Machine:
    """Return the machine in question; by default this one."""
    return gpu_support.host(gpu, driver, facts.load()) if gpu or driver else this_machine()


def this_machine() -> Machine:
    """Return this machine, and say which of its GPUs are left out."""
    seen = machine.look()
    for note in machine.left_out():
        click.echo(f"samcheck: {note}", err=True)
    return seen
