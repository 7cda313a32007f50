"""``samcheck advise``: may I change this driver, PyTorch, Python, NumPy, package of SAM, or lock file?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from samcheck import facts, files, matrix, paths
from samcheck.analysis import advise
from samcheck.analysis.advise import (
    UpgradeAnswer,
    UpgradeQuestion,
    advice_text,
    commands,
    json_output,
)
from samcheck.analysis.advise.evidence import cell_of, ran_on
from samcheck.analysis.advise.outline import OutlineLine
from samcheck.analysis.compare import noise
from samcheck.analysis.compare.comparison import NoiseLookup
from samcheck.cells import Cell
from samcheck.commands import advise_contents, advise_questions
from samcheck.commands.plan import json_option
from samcheck.errors import CELLS_FAILED, NOTHING_KNOWN, BadInput
from samcheck.facts import Facts
from samcheck.matrix import run_history, selection
from samcheck.matrix.ranking import NO_LIMIT
from samcheck.storage import results
from samcheck.storage.results import Stored

#: Axes of cells that can be held fixed.
HELD = ("torch", "python", "numpy", "cuda", "sam")


@click.command("advise")
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--driver", default=None, metavar="NEW", help="The driver to change to.")
@click.option("--torch", default=None, metavar="NEW", help="The PyTorch to change to.")
@click.option("--python", default=None, metavar="NEW", help="The Python to change to.")
@click.option("--numpy", default=None, metavar="NEW", help="The NumPy to change to.")
@click.option(
    "--sam", default=None, metavar="NEW", help="The package of SAM to change to, e.g. transformers==5.23.0."
)
@click.option(
    "--from",
    "old",
    multiple=True,
    metavar="OLD",
    help="The current version; of several, each as torch=2.4.1: repeatable, or with commas.",
)
@click.option(
    "--to",
    "new",
    default=None,
    metavar="FILE",
    help="The environment to change to: requirements, a lock file, an interpreter or an image; --from is one "
    "as well.",
)
@click.option(
    "--from-env",
    "from_env",
    is_flag=True,
    help="The current versions are those of the active Python ($SAMCHECK_PYTHON) and of this machine.",
)
@click.option(
    "--gpu",
    "gpus",
    multiple=True,
    metavar="NAME",
    help="On this GPU, e.g. V100; repeatable, or with commas: a line for each; default: this machine's.",
)
@click.option("--at-driver", default="", metavar="VERSION", help="With this driver, if another axis changes.")
@click.option("--at-torch", default="", metavar="VERSION", help="Only with this PyTorch.")
@click.option("--at-python", default="", metavar="VERSION", help="Only with this Python.")
@click.option("--at-numpy", default="", metavar="VERSION", help="Only with this NumPy.")
@click.option("--at-cuda", default="", metavar="BUILD", help="Only with this CUDA build, e.g. cu126 or cpu.")
@click.option("--at-sam", default="", metavar="PACKAGE", help="Only with this package, e.g. sam2==1.1.0.")
@click.option(
    "--results",
    "stores",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="Stored results; repeatable; default: ./results and those that samcheck publishes.",
)
@click.option(
    "--write",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a matrix file with the cells to run to be sure.",
)
@click.option("--all", "everything", is_flag=True, help="Do not shorten long lists.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a ticket or a pull request.")
@json_option
def advise_command(
    path: Path | None,
    old: tuple[str, ...],
    new: str | None,
    from_env: bool,
    gpus: tuple[str, ...],
    at_driver: str,
    stores: tuple[Path, ...],
    file: Path | None,
    everything: bool,
    markdown: bool,
    as_json: bool,
    **options: str | None,
) -> None:
    """Assess a change of driver, PyTorch, Python, NumPy or SAM's package from results and facts.

    Give the new version and the old one: `advise --driver 580.95 --from 550.54 --gpu H100`; or several new
    ones at once: `advise --torch 2.15.0 --python 3.13 --from-env`. The cells are those of the matrix file
    PATH that have the old version; without PATH those of the stored results, else those of the shipped
    matrices; with --from-env only your environment. Or give two environments, by their requirements, lock
    files, interpreters or images: `advise --from uv.lock --to new/uv.lock`. Exits with 0 if nothing known
    speaks against the change, with 1 if something breaks, with 5 if nothing is known; of several GPUs, the
    worst counts.
    """
    if as_json and markdown:
        raise BadInput("--json and --markdown do not go together: leave one out")
    known = facts.load()
    at = {axis: value for axis in HELD if (value := options[f"at_{axis}"])}
    cells = None
    if new is not None:
        advise_contents.require_alone(options, path)
        change = advise_contents.change(old, new, from_env, at)
        questions = advise_contents.questions(change, gpus, at_driver, known)
    else:
        current = advise_questions.current(from_env, old, at, path)
        questions = advise_questions.questions(current, options, gpus, at_driver, at, known)
        cells = [current.cell] if current.cell else None
    if file is not None and len(questions) > 1:
        raise BadInput("--write: a matrix file is for one GPU: ask about one with --gpu")
    stores = stores or paths.stores()
    stored, noise_of = _read(stores), _noise(stores)
    answers = [_answer(question, path, cells, stored, noise_of, known) for question in questions]
    commands_of = [_command_lines(answer, file, known) for answer in answers]
    if as_json:
        documents = [json_output.as_json(*both) for both in zip(answers, commands_of, strict=True)]
        click.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=1))
    else:
        for line in _text(answers, commands_of, known, everything, markdown):
            click.echo(line)
    sys.exit(_worst([answer.exit_code for answer in answers]))


def _worst(codes: list[int]) -> int:
    """Return the exit code for several answers."""
    return next((code for code in (CELLS_FAILED, NOTHING_KNOWN) if code in codes), 0)


def _text(
    answers: list[UpgradeAnswer],
    commands_of: list[list[OutlineLine]],
    known: Facts,
    everything: bool,
    markdown: bool,
) -> Iterator[str]:
    """Return the text of one answer, or a line for each of several."""
    if len(answers) > 1:
        return advice_text.per_gpu(answers, markdown)
    show = advice_text.markdown if markdown else advice_text.lines
    return show(answers[0], known, commands_of[0], everything)


def _read(stores: tuple[Path, ...]) -> list[Stored]:
    stored: list[Stored] = []
    for store in dict.fromkeys(store.resolve() for store in stores):
        rows, problems = results.load(store)
        stored += rows
        for problem in problems:
            click.echo(f"samcheck: left out: {problem}", err=True)
    return stored


def _answer(
    question: UpgradeQuestion,
    path: Path | None,
    cells: list[Cell] | None,
    stored: list[Stored],
    noise_of: NoiseLookup,
    known: Facts,
) -> UpgradeAnswer:
    if not question.contents:
        cells = cells or _candidates(question, path, stored, known)
    advices = [
        advise.advise(step, question, stored, known, noise_of)
        for step in advise.cell_changes(question, cells or (), known)
    ]
    return advise.answer(question, advices, run_history.of(row.result for row in stored), known)


def _noise(stores: tuple[Path, ...]) -> NoiseLookup:
    """Look up the A/A runs of a result's machine in the first store that has any."""
    lookups = [noise.known_in(store) for store in stores]
    return lambda result: next((runs for known in lookups if (runs := known(result))), {})


def _candidates(
    question: UpgradeQuestion, path: Path | None, stored: list[Stored], known: Facts
) -> list[Cell]:
    """Return the cells among which to look for the current ones."""
    machines = dict.fromkeys((question.before, question.after))
    by_numpy = "numpy" in {*question.steps, *question.at}
    declared = (row for row in stored if not row.result.cell.own)
    rows = [row for row in declared if any(ran_on(row, host, known) for host in machines)]
    if path is None and rows:
        cells = [cell_of(row.result, by_numpy) for row in rows]
        if not by_numpy:  # a NumPy that somebody pinned to see it fail is no reason against another Python
            cells = [replace(cell, numpy="") for cell in cells]
        return [cell for cell in dict.fromkeys(cells) if known.release(cell.torch)]
    shipped = paths.MATRICES / ("releases.toml" if question.of_cells else "drivers.toml")
    chosen = shipped if path is None else selection.file_of(path)
    plans = [matrix.plan(chosen, known, host, budget=NO_LIMIT) for host in machines]
    planned = list(dict.fromkeys(row.cell for plan in plans for row in plan.cells))
    return planned or [_newest(known)]  # neither driver runs any: that is the answer


def _newest(known: Facts) -> Cell:
    release = known.releases[-1]
    return Cell(release.version, release.default_build.tag, release.pythons[-1])


def _command_lines(answer: UpgradeAnswer, file: Path | None, known: Facts) -> list[OutlineLine]:
    """Return the commands that measure what is missing; write the matrix file if one is given."""
    if file is not None and (answer.to_run or answer.question.contents):
        if file.exists():
            raise BadInput(f"--write: {file} already exists: give another name")
        files.write_atomically(file, commands.matrix_file(answer, file.absolute().parent).encode())
        return list(commands.command_lines(answer, (), str(file)))
    plans = matrix.shipped(paths.MATRICES, known, answer.question.after)
    return list(commands.command_lines(answer, {row.cell.id for plan in plans for row in plan.cells}))
