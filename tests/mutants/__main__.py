"""``python -m tests.mutants``, or ``nox -s mutants -- ...``: which changes of the code pass all tests?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import click
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

from samcheck import paths

#: Of the mutants of a module, so many per cent must be killed; one that survives with a reason was not.
LEAST = 90
KILLED = ("killed", "timeout")
SURVIVORS = Path(__file__).with_name("survivors.toml")

os.chdir(paths.ROOT)  # mutmut reads its settings and writes its files where it is started
MODULES = {Path(path).stem: path for path in config().only_mutate}


class Mutant(NamedTuple):
    """A change by its text: the function, and the lines that differ, each without its indentation."""

    module: str
    change: str


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("modules", nargs=-1, type=click.Choice(sorted(MODULES)))
def main(modules: tuple[str, ...]) -> None:
    """Mutate MODULES, or all. Ends with 1 where too many mutants survive, or one without a reason."""
    chosen = [MODULES[name] for name in modules or MODULES]
    _run([MODULES[name] for name in modules])
    survivors, short = set(), []
    click.echo(f"{'module':<42} mutants  killed  survivors      %")
    for path in chosen:
        outcomes = _outcomes(path)
        alive = [name for name, outcome in outcomes.items() if outcome not in KILLED]
        survivors |= {_mutant(path, name) for name in alive}
        killed = len(outcomes) - len(alive)
        percent = 100 * killed / len(outcomes)
        click.echo(f"{path:<42} {len(outcomes):7} {killed:7} {len(alive):10} {percent:6.1f}")
        if percent < LEAST:
            short.append(f"{path}: less than {LEAST} % were killed")
    listed = {mutant for mutant in _listed() if mutant.module in chosen}
    unlisted = [f"{path}: survived without a reason: {change}" for path, change in sorted(survivors - listed)]
    gone = [
        f"{path}: is listed, and was killed or is gone: {change}"
        for path, change in sorted(listed - survivors)
    ]
    for problem in (*unlisted, *gone, *short):
        click.echo(problem, err=True)
    sys.exit(1 if unlisted or gone or short else 0)


def _run(modules: list[str]) -> None:
    """Make all mutants anew, and try those of `modules`, or all."""
    shutil.rmtree("mutants", ignore_errors=True)
    names = [path.removesuffix(".py").replace("/", ".") + ".*" for path in modules]
    mutmut = Path(sys.executable).with_name("mutmut")
    # On CI, hypothesis has the same examples each time.
    subprocess.run([mutmut, "run", *names], env={**os.environ, "CI": "true"}, check=True)


def _outcomes(path: str) -> dict[str, str]:
    """What became of each mutant of a module, in mutmut's words."""
    data = SourceFileMutationData(path=path)
    data.load()
    return {name: status_by_exit_code[code] for name, code in data.exit_code_by_key.items()}


def _mutant(path: str, name: str) -> Mutant:
    function, owner = orig_function_and_class_names_from_key(name)
    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    changed = [f"{line[0]} {line[1:].strip()}" for line in lines if line[0] in "+-"]
    return Mutant(path, "\n".join([f"{owner}.{function}" if owner else function, *changed]))


def _listed() -> list[Mutant]:
    groups = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))["survivors"]
    return [Mutant(group["module"], change.strip()) for group in groups for change in group["changes"]]


if __name__ == "__main__":
    main()
