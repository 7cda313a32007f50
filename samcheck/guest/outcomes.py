"""What can become of a check and of a cell, and why an environment could not be made or used."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A word of a closed set, written as itself. `enum.StrEnum` does the same from Python 3.11 on."""

    def __str__(self) -> str:
        return str(self.value)


class CheckOutcome(Word):
    """What became of a check; every outcome but `PASSED` carries a reason."""

    PASSED = "passed"  # the check held
    KNOWN = "known"  # a catalogued upstream defect showed itself; `defect` has its id
    FIXED = "fixed"  # a catalogued upstream defect is gone here; `defect` has its id
    SKIPPED = "skipped"  # cannot be tried here
    FAILED = "failed"  # the check did not hold, in a way that no catalogue entry describes
    CRASHED = "crashed"  # the interpreter died in this check
    TIMED_OUT = "timed-out"  # the check was stopped at its time limit
    NOT_RUN = "not-run"  # never started

    @property
    def is_bad(self) -> bool:
        """Whether it makes its cell fail."""
        return self.is_failure or self is CheckOutcome.NOT_RUN

    @property
    def is_failure(self) -> bool:
        """Whether the check was tried and did not hold."""
        return self in (CheckOutcome.FAILED, CheckOutcome.CRASHED, CheckOutcome.TIMED_OUT)

    @property
    def is_inconclusive(self) -> bool:
        """Whether it says nothing about what the check is about."""
        return self in (CheckOutcome.SKIPPED, CheckOutcome.NOT_RUN)

    @property
    def is_expected(self) -> bool:
        """Whether the check was tried and gave an answer that the catalogue of defects agrees with."""
        return not self.is_bad and not self.is_inconclusive


class CellOutcome(Word):
    """What became of a cell; every outcome but `PASSED` carries a reason."""

    PASSED = "passed"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    MISBUILT = "misbuilt"  # what is installed is not what was declared
    BUILD_FAILED = "build-failed"
    REFUSED = (
        "refused"  # the engine would not start it, failed under it, or its GPU or disk was not to be had
    )
    NOT_RUN = "not-run"

    @property
    def was_built(self) -> bool:
        """Whether its environment was made and holds what the cell declares."""
        return self in (
            CellOutcome.PASSED,
            CellOutcome.FAILED,
            CellOutcome.CRASHED,
            CellOutcome.TIMED_OUT,
        )

    @property
    def is_inconclusive(self) -> bool:
        """Whether it says nothing about the environment that was declared."""
        return self in (CellOutcome.MISBUILT, CellOutcome.REFUSED, CellOutcome.NOT_RUN)

    @property
    def is_retried(self) -> bool:
        """Whether ``--resume`` tries the cell again, because its cause may be gone."""
        return self in (CellOutcome.BUILD_FAILED, CellOutcome.REFUSED, CellOutcome.NOT_RUN)


class FailureCause(Word):
    """Why an environment could not be made or used, set where it is seen."""

    NETWORK = "network"  # an index or a registry could not be reached
    CERTIFICATE = "certificate"  # whose certificate is not trusted here
    CREDENTIALS = "credentials"  # which refused the request
    DISK = "disk"  # full, too small, or with something in the way
    INTERPRETER = "interpreter"  # no such Python here, and none could be downloaded
    BASE_IMAGE = "base-image"  # could be neither pulled nor made
    ENGINE = "engine"  # the container engine failed, stopped, or is not set up for this
    GPU = "gpu"  # not there, in use by others, or in need of an administrator
    UNEXPECTED = "unexpected"  # an exception that nobody foresaw
    OTHER_SIDE = "other-side"  # of two that take turns, the other one could not be measured
    DRIVER = "driver"  # too old for the CUDA build
    NO_WHEEL = "no-wheel"  # the index has none for this Python
    FACTS = "facts"  # samcheck's facts do not say how to make it
    INSTALLER = "installer"  # failed in another way
    PROBE = "probe"  # the environment was made, and its interpreter cannot say what it holds
    CONTENT = "content"  # it holds something else than was declared

    @property
    def is_outside(self) -> bool:
        """Whether it is a matter of the machine or the network, and says nothing about the cell."""
        return self in _OUTSIDE


_OUTSIDE = frozenset(
    (
        FailureCause.NETWORK,
        FailureCause.CERTIFICATE,
        FailureCause.CREDENTIALS,
        FailureCause.DISK,
        FailureCause.INTERPRETER,
        FailureCause.BASE_IMAGE,
        FailureCause.ENGINE,
        FailureCause.GPU,
        FailureCause.UNEXPECTED,
        FailureCause.OTHER_SIDE,
    )
)
