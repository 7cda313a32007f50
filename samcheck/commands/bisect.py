"""``samcheck bisect``: find the first value of an axis at which a check's outcome changes."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import click

from samcheck import certificates, facts, paths, version
from samcheck.analysis.bisect import (
    bisection_text,
    candidate_values,
    package_search_text,
    unreachable_builds,
)
from samcheck.analysis.bisect.bisection import (
    BisectionQuestion,
    cells_with_verdict,
    stored_observations,
)
from samcheck.analysis.bisect.boundary_search import Boundary
from samcheck.analysis.bisect.candidate_values import BisectionRequest, Candidate
from samcheck.analysis.bisect.observations import Observation
from samcheck.cells import Cell
from samcheck.commands import bisect_environments, bisect_runs
from samcheck.commands.bisect_questions import (
    check_of,
    of_this_device,
    outcomes_of,
    require_held,
    require_only_ends,
    warning_of_unknown,
)
from samcheck.commands.options import Count, build_options, matrix_option, resume_option, timeout_option
from samcheck.commands.variants import declared_in
from samcheck.environments import Environment, choice, machine, own_variant
from samcheck.environments.own_variant import OwnVariant
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.facts.compatibility import AXES
from samcheck.guest.record import CellResult
from samcheck.run import cell_runner
from samcheck.run import progress as display
from samcheck.run.context import Settings

HELD = {
    "torch": "The PyTorch, if another axis is bisected.",
    "cuda": "The build, e.g. cu126 or cpu; default: what a plain install of each PyTorch gets.",
    "python": "The Python; default: one that most of the values support.",
    "numpy": "The NumPy; default: the newest compatible one.",
    "sam": "The package under test, e.g. sam2==1.1.0; default: segment-anything==1.0.",
}


@click.command("bisect")
@click.option("--check", required=True, metavar="NODEID", help="The check's id, as in results.")
@click.option(
    "--axis",
    type=click.Choice((*AXES, *bisect_environments.AXES)),
    default="torch",
    show_default=True,
    help="What to bisect; packages: those that differ between two environments of your own; upgrade: the "
    "commands that a matrix file upgrades one with.",
)
@click.option("--good", required=True, metavar="VALUE")
@click.option("--bad", required=True, metavar="VALUE")
@click.option("--values", "listed", default="", metavar="A,B,...", help="All values, in order.")
@click.option(
    "--bad-outcome",
    "--outcome",
    "outcomes",
    multiple=True,
    metavar="OUTCOME",
    help="Outcomes that count as bad: failed, known, known:<defect>, ..., or bad for failed, crashed and "
    "timed-out; default: any that differs from the good end's.",
)
@click.option(
    "--repeat",
    type=Count(),
    default=2,
    show_default=True,
    help="Number of runs behind each verdict next to the boundary.",
)
@click.option("--any-python", is_flag=True, help="Also use stored results of other Pythons.")
@click.option("--json", "as_json", is_flag=True, help="Print the final answer as JSON.")
@build_options
@matrix_option
@resume_option
@timeout_option
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=paths.RESULTS,
    help="Stored results to use, read-only; default: ./results.",
)
def bisect_command(
    check: str,
    axis: str,
    good: str,
    bad: str,
    listed: str,
    outcomes: tuple[str, ...],
    repeat: int,
    any_python: bool,
    as_json: bool,
    environment: str,
    ca_bundle: str | None,
    file: Path | None,
    resume: bool,
    check_timeout: float,
    results: Path,
    **held: str,
) -> None:
    """Find the first value of an axis at which a check's outcome changes.

    Builds about log2 of the values between --good and --bad as environments, and runs the one check in them.
    Stored results of this device are used if there are any, and never replaced. Exits with 0 if the first
    bad value was found, else with 1.

    With --axis packages, --good and --bad are requirements, lock files, interpreters, images or names of
    environments with results: it finds the smallest set of packages that is to blame.
    """
    if axis in bisect_environments.AXES:
        require_only_ends(axis, held, listed, any_python)
    else:
        require_held(axis, held, any_python)
    declared = declared_in(file)
    past = of_this_device(results, check, declared)
    if ca_bundle:
        certificates.trust(ca_bundle)
    check, bad_outcomes = check_of(check), outcomes_of(outcomes)
    unknown = warning_of_unknown(check, past)
    if unknown:
        click.echo(f"samcheck: {unknown}", err=True)
    chosen = _environment(environment)
    settings = _settings(chosen, check, check_timeout, declared)
    if axis in bisect_environments.AXES:
        ends = bisect_environments.Ends(good, bad, held["python"], file, results)
        kind, contents = settings.environment.kind, own_variant.contents(declared)
        start = BisectionQuestion(check, axis, (), (), bad_outcomes, repeat, kind, settings.version, contents)
        sys.exit(_of_environments(start, ends, past, settings, resume, as_json))
    with_verdict = cells_with_verdict(past, check, bad_outcomes)
    present = () if held["python"] or axis == "python" else _present(chosen.environment)
    values = tuple(value.strip() for value in listed.split(",") if value.strip())
    asked = BisectionRequest(
        axis, good, bad, values, any_python=any_python, stored=with_verdict, present=present, **held
    )
    question = _question(asked, check, bad_outcomes, repeat, settings)
    away = _away(question.candidates, chosen.environment, with_verdict)
    known = {**away, **stored_observations(question, past)}
    sys.exit(_searched(question, known, settings, resume, as_json))


def _searched(
    question: BisectionQuestion,
    known: dict[int, list[Observation]],
    settings: Settings,
    resume: bool,
    as_json: bool,
) -> int:
    """Search, print the answer, and return the exit code."""
    done = bisect_runs.search(question, known, settings, resume, display.terminal(stderr=as_json))
    if as_json:
        click.echo(json.dumps(bisection_text.as_json(done), indent=1))
    return 0 if isinstance(done.end, Boundary) and done.end.exact else CELLS_FAILED


def _of_environments(
    start: BisectionQuestion,
    ends: bisect_environments.Ends,
    past: list[CellResult],
    settings: Settings,
    resume: bool,
    as_json: bool,
) -> int:
    """Search between two environments of the user's own, and return the exit code."""
    if start.axis == "upgrade":
        question = replace(start, candidates=bisect_environments.upgraded(ends))
        return _searched(question, stored_observations(question, past), settings, resume, as_json)
    with tempfile.TemporaryDirectory() as folder:
        mix, groups, left_out = bisect_environments.packages(ends, Path(folder))
        question = replace(start, left_out=left_out)
        console = display.terminal(stderr=as_json)
        done = bisect_runs.search_packages(question, groups, mix, settings, resume, console)
        if as_json:
            question = done.rounds[0].question
            click.echo(json.dumps(package_search_text.as_json(done, question), indent=1))
        return 0 if done.sufficient else CELLS_FAILED


def _environment(kind: str) -> choice.Chosen:
    """Return the environment to build cells in; raise BadInput for the user's own."""
    if kind == "here":
        raise BadInput(
            "--environment here: that is one cell only; use docker or venv, which build the needed cells"
        )
    return choice.choose_environment(kind)


def _question(
    asked: BisectionRequest, check: str, bad_outcomes: tuple[str, ...], repeat: int, settings: Settings
) -> BisectionQuestion:
    """Return the question with the values to search, which the facts know."""
    candidates, left_out = candidate_values.candidates(asked, facts.load())
    return BisectionQuestion(
        check,
        asked.axis,
        tuple(candidates),
        tuple(left_out),
        bad_outcomes,
        repeat,
        settings.environment.kind,
        settings.version,
        own_variant.contents(settings.own_variants),
    )


def _settings(
    chosen: choice.Chosen, check: str, timeout: float, declared: tuple[OwnVariant, ...]
) -> Settings:
    """Return settings for one check in one process, of any tier."""
    return Settings(
        "full",
        chosen.environment,
        chosen.why,
        timeout,
        version=version.version(),
        only=(check,),
        processes=1,
        own_variants=declared,
    )


def _present(environment: Environment) -> tuple[str, ...]:
    """Return the Pythons that the environment need not download."""
    if environment.kind != "venv":
        return ()
    return tuple(python for python in machine.PYTHONS if machine.interpreter(python))


def _away(
    candidates: Sequence[Candidate], environment: Environment, with_verdict: Collection[Cell]
) -> dict[int, list[Observation]]:
    """Find values whose build cannot be installed from here, unless they are ready or need not run."""
    known = facts.load()
    if (
        not any(unreachable_builds.pytorch_index(candidate.cell, known) for candidate in candidates)
        or machine.pytorch_index_answers()
    ):
        return {}

    def ready(cell: Cell) -> bool:
        return (
            cell in with_verdict
            or environment.need(cell, cell_runner.requirements_of(cell, environment)).reused
        )

    return unreachable_builds.unreachable(candidates, known, ready)


for _name, _help in HELD.items():
    bisect_command.params.append(click.Option([f"--{_name}"], default="", metavar="VALUE", help=_help))
