"""Everything that samcheck refuses: what happened, where, and what to do next.

Each class has its own exit code, so that a CI job can tell them apart:

    0    every cell passed
    1    at least one cell did not
    2    bad input: a matrix file, an option, a result file
    3    the selection holds no cell
    4    the environment that was asked for cannot be had on this machine
    5    nothing is known of what was asked (`samcheck advise`)
    130  interrupted
"""

from __future__ import annotations

CELLS_FAILED = 1
NOTHING_KNOWN = 5
INTERRUPTED = 130


class SamcheckError(Exception):
    """Base of all errors that end the program with a sentence instead of a traceback."""

    exit_code = 2


class BadInput(SamcheckError):
    """Something the user wrote cannot be right. The message lists every problem found."""

    exit_code = 2


class EmptySelection(SamcheckError):
    """The options leave no cell to run: never a green run."""

    exit_code = 3


class EnvironmentUnavailable(SamcheckError):
    """A kind of environment does not work here: `what` is wrong, and a remedy."""

    exit_code = 4

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what = what


class BuildFailed(SamcheckError):
    """One cell's environment could not be made; the other cells go on."""

    exit_code = CELLS_FAILED


class Refused(SamcheckError):
    """The engine would not start one cell's container; the other cells go on."""

    exit_code = CELLS_FAILED
