"""``python -m tests.fuzz``, or ``nox -s fuzz -- ...``: every target under atheris for a bounded time."""

from __future__ import annotations

import subprocess
import sys

import click

from samcheck import paths
from tests import fuzz

#: What was found stays here, so that the next time goes on from it.
WORK = paths.ROOT / ".samcheck" / "fuzz"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("targets", nargs=-1, type=click.Choice(fuzz.names()))
@click.option("--seconds", type=click.IntRange(min=1), default=60, show_default=True, help="For each target.")
def main(targets: tuple[str, ...], seconds: int) -> None:
    """Give TARGETS, or all, whatever a fuzzer thinks of. Ends with 1 where one of them went wrong."""
    wrong = []
    for name in targets or fuzz.names():
        click.echo(f"{name}: {seconds} seconds")
        before = set(_crashes(name))
        command = [sys.executable, "-m", "tests.fuzz.driving", name, str(WORK / name), str(seconds)]
        if subprocess.run(command, cwd=paths.ROOT, check=False).returncode:
            wrong.append(name)
            for path in sorted(set(_crashes(name)) - before):
                click.echo(f"{name}: went wrong with {path}: put what is in it into SEEDS, and mend it")
    if wrong:
        click.echo(f"went wrong: {', '.join(wrong)}", err=True)
        sys.exit(1)
    click.echo("nothing went wrong")


def _crashes(name: str) -> list[str]:
    return [str(path) for kind in ("crash", "timeout", "oom") for path in (WORK / name).glob(f"{kind}-*")]


if __name__ == "__main__":
    main()
