"""``samcheck bisect``: find the first value of an axis at which a check's outcome changes."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import click
from rich.console import Console

from samcheck import certificates, facts, files, paths, streams, version
from samcheck.analysis.bisect import (
    bisection_text,
    boundary_search,
    candidate_values,
    state_file,
    unreachable_builds,
)
from samcheck.analysis.bisect.bisection import (
    Bisection,
    BisectionQuestion,
    Prober,
    cells_with_verdict,
    run_bisection,
    stored_observations,
)
from samcheck.analysis.bisect.boundary_search import Boundary
from samcheck.analysis.bisect.candidate_values import BisectionRequest, Candidate
from samcheck.analysis.bisect.check_prober import CheckProber
from samcheck.analysis.bisect.observations import Observation
from samcheck.cells import Cell
from samcheck.commands.bisect_questions import check_of, of_this_device, outcomes_of, warning_of_unknown
from samcheck.commands.options import Count, build_options, matrix_option, resume_option, timeout_option
from samcheck.commands.variants import declared_in
from samcheck.environments import Environment, choice, machine, own_variant
from samcheck.environments.own_variant import OwnVariant
from samcheck.errors import CELLS_FAILED, BadInput
from samcheck.facts.compatibility import AXES
from samcheck.run import cell_runner, session
from samcheck.run import progress as display
from samcheck.run.context import Settings
from samcheck.sanitize import visible

HELD = {
    "torch": "The PyTorch, if another axis is bisected.",
    "cuda": "The build, e.g. cu126 or cpu; default: what a plain install of each PyTorch gets.",
    "python": "The Python; default: one that most of the values support.",
    "numpy": "The NumPy; default: the newest compatible one.",
    "sam": "The package under test, e.g. sam2==1.1.0; default: segment-anything==1.0.",
}


@click.command("bisect")
@click.option("--check", required=True, metavar="NODEID", help="The check's id, as in results.")
@click.option("--axis", type=click.Choice(AXES), default="torch", show_default=True)
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
    """
    _require_held(axis, held, any_python)
    declared = declared_in(file)
    past = of_this_device(results, check, declared)
    if ca_bundle:
        certificates.trust(ca_bundle)
    check, bad_outcomes = check_of(check), outcomes_of(outcomes)
    unknown = warning_of_unknown(check, past)
    if unknown:
        click.echo(f"samcheck: {unknown}", err=True)
    chosen = _environment(environment)
    with_verdict = cells_with_verdict(past, check, bad_outcomes)
    present = () if held["python"] or axis == "python" else _present(chosen.environment)
    values = tuple(value.strip() for value in listed.split(",") if value.strip())
    asked = BisectionRequest(
        axis, good, bad, values, any_python=any_python, stored=with_verdict, present=present, **held
    )
    settings = _settings(chosen, check, check_timeout, declared)
    question = _question(asked, check, bad_outcomes, repeat, settings)
    away = _away(question.candidates, chosen.environment, with_verdict)
    known = {**away, **stored_observations(question, past)}
    done = _search(question, known, settings, resume, display.terminal(stderr=as_json))
    if as_json:
        click.echo(json.dumps(bisection_text.as_json(done), indent=1))
    sys.exit(0 if isinstance(done.end, Boundary) and done.end.exact else CELLS_FAILED)


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


def _search(
    question: BisectionQuestion,
    known: dict[int, list[Observation]],
    settings: Settings,
    resume: bool,
    console: Console,
) -> Bisection:
    """Announce the search, run it with every step recorded, and print its conclusion."""

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    folder = state_file.open_folder(paths.RUNS, question, resume)
    streams.outlive()
    for line in (
        *bisection_text.announce(question),
        f"environment: {settings.environment.kind}, because: {visible(settings.why)}",
    ):
        say(line)

    def report(bisection: Bisection) -> None:
        state_file.note(folder, bisection)
        for at in sorted(bisection.observations) if not bisection.trail else (bisection.trail[-1][0].at,):
            why = bisection.trail[-1][0].why if bisection.trail else "known"
            say(f"{why}: {bisection_text.value_line(bisection, at)}")

    most = boundary_search.bound(len(question.candidates)) + 2 * (question.repeat - 1)
    with files.locked(folder, wait=False), display.display(console, most) as shown:
        probe: Prober = CheckProber(settings, folder, shown)
        done = run_bisection(question, known, probe, report)
        state_file.note(folder, done)
    for line in (*bisection_text.conclusion(done), f"kept in {folder.name}"):
        session.conclude(console, line)
    return done


def _require_held(axis: str, held: dict[str, str], any_python: bool) -> None:
    """Check that the axis is not held fixed, and that PyTorch is given if it is not the axis.

    Raises:
        BadInput: otherwise.
    """
    if held[axis]:
        raise BadInput(f"--{axis}: that is the axis to bisect; --good and --bad give its ends")
    if axis == "python" and any_python:
        raise BadInput("--any-python: Python is the axis to bisect; results of every Python are used anyway")
    if axis != "torch" and not held["torch"]:
        raise BadInput(f"--torch is missing: give the PyTorch with which to bisect {axis}")


for _name, _help in HELD.items():
    bisect_command.params.append(click.Option([f"--{_name}"], default="", metavar="VALUE", help=_help))
