"""samcheck's errors: what happened, where, and what to do next.

Each class has its own exit code, so that a CI job can tell them apart:

    0    every cell passed
    1    at least one cell did not
    2    bad input: a matrix file, an option, a result file
    3    the selection contains no cell
    4    the requested environment is not available on this machine
    5    nothing is known about the question (`samcheck advise`), or there is nothing to compare
    6    not everything could be printed: standard output or standard error is closed or full, or its reader
         went away during a run. The run continues and stores everything anyway: this replaces 0, never 1
    130  interrupted: by Ctrl-C, or by another signal that asks a program to end (`samcheck.signals`)
    141  the reader of standard output went away (SIGPIPE, as in ``samcheck table | head -1``), and no run was
         in progress
"""

from __future__ import annotations

from samcheck.guest.outcomes import CellOutcome, FailureCause

CELLS_FAILED = 1
NOTHING_KNOWN = 5
UNHEARD = 6
INTERRUPTED = 130


class SamcheckError(Exception):
    """Base class of all errors that end the program with a sentence instead of a traceback."""

    exit_code = 2


class BadInput(SamcheckError):
    """Invalid user input. The message lists every problem found."""

    exit_code = 2


class EmptySelection(SamcheckError):
    """The options select no cell to run, which must never look like success."""

    exit_code = 3


class EnvironmentUnavailable(SamcheckError):
    """A kind of environment that does not work here: `what` is wrong, and a remedy."""

    exit_code = 4

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what = what


class CellError(SamcheckError):
    """An error that prevents one cell from running; the other cells continue.

    Attributes:
        outcome: of the cell.
        cause: of that outcome.
    """

    exit_code = CELLS_FAILED
    outcome: CellOutcome

    def __init__(self, cause: FailureCause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class BuildFailed(CellError):
    """One cell's environment could not be built."""

    outcome = CellOutcome.BUILD_FAILED


class Misbuilt(CellError):
    """One cell's environment differs from what was declared."""

    outcome = CellOutcome.MISBUILT

    def __init__(self, differences: str) -> None:
        super().__init__(FailureCause.CONTENT, differences)


class Refused(CellError):
    """One cell's environment was built, but the engine, its GPU or its disk refused to run it."""

    outcome = CellOutcome.REFUSED


class Unheard(SamcheckError):
    """Standard output cannot be written to; `reader_gone` if its reader went away."""

    exit_code = UNHEARD

    def __init__(self, what: str, reader_gone: bool) -> None:
        super().__init__(what)
        self.reader_gone = reader_gone
