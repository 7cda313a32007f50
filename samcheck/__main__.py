"""The command line; the only place that exits with an error's code."""

from __future__ import annotations

import signal
import sys
from importlib import import_module

import click

from samcheck import __version__, files
from samcheck.errors import CELLS_FAILED, INTERRUPTED, BadInput, SamcheckError

#: Command to the module of `samcheck.commands` that has it, in the order of the help.
COMMANDS = {
    "matrix": "running",
    "cell": "running",
    "here": "running",
    "fast": "running",
    "carry": "carry",
    "plan": "planning",
    "why": "planning",
    "list": "keeping",
    "facts": "facts",
    "table": "keeping",
    "html": "page",
    "show": "showing",
    "repro": "showing",
    "export": "exporting",
    "schema": "exporting",
    "query": "query",
    "advise": "advise",
    "compare": "comparing",
    "interleave": "interleave",
    "noise": "comparing",
    "attribute": "attribute",
    "bisect": "bisect",
    "history": "history",
    "memory": "fitting",
    "merge": "merge",
    "disk": "keeping",
    "clean": "keeping",
}


class Commands(click.Group):
    """Commands that are imported when they are called: statistics and tables take a second to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"samcheck.commands.{COMMANDS[cmd_name]}")
        found: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return found


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Does Segment Anything work with this driver, CUDA, PyTorch and Python?"""


def main() -> None:
    """Run the command line; errors become one sentence and an exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # CI's way to say Ctrl-C
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(BadInput.exit_code)
    except SamcheckError as error:
        for line in f"samcheck: {error}".split("\n"):  # it may quote what others have written
            click.echo(files.named(line), err=True)
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
