"""The command line; the only place that exits with an error's code."""

from __future__ import annotations

import sys

try:
    import io
    import os
    import signal
    from importlib import import_module
    from typing import NoReturn

    import click

    from samcheck import __version__, signals, streams
    from samcheck.commands import COMMANDS
    from samcheck.errors import CELLS_FAILED, INTERRUPTED, UNHEARD, BadInput, SamcheckError, Unheard
except KeyboardInterrupt:  # before `signals` are installed
    sys.exit(130)  # INTERRUPTED


class Commands(click.Group):
    """A group that imports a command only when called: statistics and tables take a second to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"samcheck.commands.{COMMANDS[cmd_name].module}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = formatter.width - 6 - max(map(len, COMMANDS))  # as click computes it
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, click.Command(name, help=entry.summary).get_short_help_str(width))
                    for name, entry in COMMANDS.items()
                ]
            )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Does Segment Anything work with this driver, CUDA, PyTorch and Python?"""


#: What remains of a run that was cut short.
KEPT = "finished results are kept"


def main() -> None:
    """Run the command line; errors become one sentence and an exit code."""
    try:
        streams.take_over()
        signals.install()
        code = _ended(_run())
    except KeyboardInterrupt:  # another one, at the very end
        code = INTERRUPTED
    signals.ignore()
    sys.exit(code)


def _run() -> int:
    """Run the command, report what went wrong, and return the exit code."""
    try:
        return _code(cli(standalone_mode=False))
    except SystemExit as ending:
        return _code(ending.code)
    except (click.ClickException, SamcheckError, OSError) as error:
        return _told(error)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except Exception:
        if signals.asked():
            return _interrupted()
        raise


def _interrupted() -> int:
    """Report the interruption and return the exit code."""
    signals.ignore()
    kept = f"; {KEPT}, --resume continues from here" if streams.outlived() else ""
    streams.say_error(f"interrupted{kept}")
    return INTERRUPTED


def _told(error: click.ClickException | SamcheckError | OSError) -> int:
    """Report what went wrong and return the exit code."""
    match error:
        case click.ClickException():
            shown = io.StringIO()
            error.show(shown)
            streams.say_raw(shown.getvalue())
            return BadInput.exit_code
        case Unheard(reader_gone=True):
            _end_like_others()
        case OSError():
            where = f" at {error.filename}" if error.filename else ""
            advice = f"; {KEPT}: fix that, then re-run with --resume" if streams.outlived() else ""
            streams.say_error(f"{error.strerror or error}{where}{advice}")
            return CELLS_FAILED
    streams.say_error(str(error))
    return error.exit_code


def _end_like_others() -> NoReturn:
    """Die of SIGPIPE without a message, like any program whose reader has left."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    sys.exit(128 + signal.SIGPIPE)  # SIGPIPE is blocked


def _code(given: object) -> int:
    """Convert a command's return value to an exit code, as `sys.exit` does."""
    if given is None or isinstance(given, int):
        return given or 0
    streams.say_error(str(given))
    return CELLS_FAILED


def _ended(code: int) -> int:
    """Return the exit code; if the run lost its output, report that on whatever stream still works."""
    lost = streams.trouble()
    if not lost or not streams.outlived():
        return code
    streams.say_error(f"{'; '.join(lost)}; the run continued without")
    for text in streams.remembered():
        streams.say_error(text)
    return code or UNHEARD


if __name__ == "__main__":
    main()
