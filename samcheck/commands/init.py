"""``samcheck init``: set up a repository to use samcheck."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from samcheck import facts, files
from samcheck.errors import BadInput
from samcheck.matrix import starter
from samcheck.matrix.starter import CiEngine, Starter

ENGINES = [str(engine) for engine in CiEngine]


@click.command("init")
@click.option("--ci", type=click.Choice(ENGINES), help="CI engine to write a workflow for.")
@click.option(
    "--gpu-label",
    "gpu_labels",
    multiple=True,
    metavar="LABEL",
    help="Label of the runners with a GPU; repeatable.",
)
@click.option(
    "--torch",
    multiple=True,
    metavar="RELEASE",
    help="Release to check; repeatable; default: the newest ones.",
)
@click.option(
    "--sam", multiple=True, metavar="PACKAGE", help="Package to test, e.g. sam2==1.1.0; repeatable."
)
@click.option("--variant", metavar="NAME=MODULE:OBJECT", help="Your own variant of SAM.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="The repository; default: the current folder.",
)
def init_command(
    ci: str | None,
    gpu_labels: tuple[str, ...],
    torch: tuple[str, ...],
    sam: tuple[str, ...],
    variant: str | None,
    folder: Path,
) -> None:
    """Write a matrix, a noxfile and a CI workflow into a repository; nothing is overwritten.

    On a terminal, prompts for what no option gives.
    """
    interactive = sys.stdin.isatty()
    engine = CiEngine(ci or (_ask_engine() if interactive else CiEngine.NONE))
    if interactive and engine is not CiEngine.NONE and not gpu_labels:
        gpu_labels = tuple(click.prompt("Labels of runners with a GPU", default="gpu").split())
    if interactive and not torch:
        torch = tuple(
            click.prompt("PyTorch releases (empty: the newest)", default="", show_default=False).split()
        )
    if interactive and variant is None:
        question = "Your own variant of SAM, as NAME=MODULE:OBJECT (empty: none)"
        variant = click.prompt(question, default="", show_default=False)
    answers = Starter(engine, gpu_labels or ("gpu",), torch, sam, variant or "")
    _write(starter.files(answers, facts.load()), folder)
    click.echo("nox -s plan shows what would run, nox -s matrix runs it (python3 -m pip install 'nox[uv]')")


def _ask_engine() -> str:
    answer: str = click.prompt("CI engine", type=click.Choice(ENGINES), default="github")
    return answer


def _write(contents: Mapping[str, str], folder: Path) -> None:
    """Write all files, or none.

    Raises:
        BadInput: some already exist.
    """
    there = [path for path in contents if os.path.lexists(folder / path)]
    if there:
        raise BadInput(
            f"{', '.join(there)}: already exists, so nothing was written: move it away, or write into "
            "another folder (--folder) and merge the two manually"
        )
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        files.write_atomically(folder / path, content.encode())
        click.echo(f"wrote {folder / path}")
