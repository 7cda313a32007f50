"""Everything that samcheck refuses: what happened, where, and what to do next.

Each class has its own exit code, so that a CI job can tell them apart:

    0    every cell passed
    1    at least one cell did not
    2    bad input: a matrix file, an option, a result file
    3    the selection holds no cell
    4    the environment that was asked for cannot be had on this machine
    5    nothing is known of what was asked (`samcheck advise`)
    6    not all of it could be said: standard output or standard error is closed, or full, or its reader went
         away during a run. A run goes on and stores everything all the same: this stands for 0, never for 1
    130  interrupted: by Ctrl-C, or by another signal that asks a program to end (`samcheck.signals`)
    141  the reader of standard output went away (SIGPIPE, as of ``samcheck table | head -1``), and no run was
         in hand
"""

from __future__ import annotations

from samcheck.guest.outcomes import CellOutcome, FailureCause

CELLS_FAILED = 1
NOTHING_KNOWN = 5
UNHEARD = 6
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


class CellError(SamcheckError):
    """What keeps one cell from being run; the other cells go on.

    Attributes:
        outcome: of the cell.
        cause: of that.
    """

    exit_code = CELLS_FAILED
    outcome: CellOutcome

    def __init__(self, cause: FailureCause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class BuildFailed(CellError):
    """One cell's environment could not be made."""

    outcome = CellOutcome.BUILD_FAILED


class Misbuilt(CellError):
    """One cell's environment holds something else than was declared."""

    outcome = CellOutcome.MISBUILT

    def __init__(self, differences: str) -> None:
        super().__init__(FailureCause.CONTENT, differences)


class Refused(CellError):
    """One cell's environment was made, and the engine, its GPU or its disk would not have it run."""

    outcome = CellOutcome.REFUSED


class Unheard(SamcheckError):
    """Standard output cannot be written to; `reader_gone` if that is so because its reader went away."""

    exit_code = UNHEARD

    def __init__(self, what: str, reader_gone: bool) -> None:
        super().__init__(what)
        self.reader_gone = reader_gone
