"""The command line; the only place that exits with an error's code."""

from __future__ import annotations

import signal
import sys

import click

from samcheck import __version__
from samcheck.commands.advise import advise_command
from samcheck.commands.attribute import attribute_command
from samcheck.commands.bisect import bisect_command
from samcheck.commands.comparing import compare_command, noise_command
from samcheck.commands.exporting import export_command, schema_command
from samcheck.commands.facts import facts_command
from samcheck.commands.fitting import memory_command
from samcheck.commands.history import history_command
from samcheck.commands.keeping import clean_command, disk_command, list_command, table_command
from samcheck.commands.merge import merge_command
from samcheck.commands.planning import plan_command, why_command
from samcheck.commands.running import cell_command, fast_command, here_command, matrix_command
from samcheck.commands.showing import repro_command, show_command
from samcheck.errors import CELLS_FAILED, INTERRUPTED, BadInput, SamcheckError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Does Segment Anything work with this driver, CUDA, PyTorch and Python?"""


for _command in (
    matrix_command,
    cell_command,
    here_command,
    fast_command,
    plan_command,
    why_command,
    advise_command,
    facts_command,
    memory_command,
    attribute_command,
    bisect_command,
    list_command,
    table_command,
    export_command,
    schema_command,
    show_command,
    repro_command,
    merge_command,
    compare_command,
    noise_command,
    history_command,
    disk_command,
    clean_command,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line; errors become one sentence and an exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # CI's way to say Ctrl-C
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(BadInput.exit_code)
    except SamcheckError as error:
        click.echo(f"samcheck: {error}", err=True)
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
