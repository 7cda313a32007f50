"""Outcomes of checks and cells, and the causes of environments that could not be made or used."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A string enumeration, written as its value, like `enum.StrEnum` of Python 3.11 and newer."""

    def __str__(self) -> str:
        return str(self.value)


class CheckOutcome(Word):
    """What became of a check; every outcome but `PASSED` carries a reason."""

    PASSED = "passed"  # the check held
    KNOWN = "known"  # a catalogued upstream defect occurred; `defect` has its id
    FIXED = "fixed"  # a catalogued upstream defect is gone here; `defect` has its id
    SKIPPED = "skipped"  # cannot run here
    FAILED = "failed"  # the check did not hold, for a reason not in the catalogue
    CRASHED = "crashed"  # the interpreter died in this check
    TIMED_OUT = "timed-out"  # the check was stopped at its time limit
    INTERMITTENT = "intermittent"  # one of the three above, but not when it was run again
    NOT_RUN = "not-run"  # never started

    @property
    def is_bad(self) -> bool:
        """Whether it makes its cell fail."""
        return self.is_failure or self in (CheckOutcome.INTERMITTENT, CheckOutcome.NOT_RUN)

    @property
    def is_failure(self) -> bool:
        """Whether the check ran and did not hold, as often as it was tried."""
        return self in (CheckOutcome.FAILED, CheckOutcome.CRASHED, CheckOutcome.TIMED_OUT)

    @property
    def is_inconclusive(self) -> bool:
        """Whether it says nothing about the check's subject."""
        return self in (CheckOutcome.SKIPPED, CheckOutcome.INTERMITTENT, CheckOutcome.NOT_RUN)

    @property
    def is_expected(self) -> bool:
        """Whether the check ran and its result agrees with the catalogue of defects."""
        return not self.is_bad and not self.is_inconclusive


class CellOutcome(Word):
    """What became of a cell; every outcome but `PASSED` carries a reason."""

    PASSED = "passed"
    FAILED = "failed"
    CRASHED = "crashed"
    TIMED_OUT = "timed-out"
    MISBUILT = "misbuilt"  # what is installed is not what was declared
    BUILD_FAILED = "build-failed"
    REFUSED = "refused"  # the engine did not start it or failed, or its GPU or disk was not available
    NOT_RUN = "not-run"

    @property
    def was_built(self) -> bool:
        """Whether its environment was built and matches what the cell declares."""
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
    CERTIFICATE = "certificate"  # one of them has a certificate that is not trusted here
    CREDENTIALS = "credentials"  # one of them refused the request
    DISK = "disk"  # full, too small, or a file is in the way
    INTERPRETER = "interpreter"  # no such Python here, and none could be downloaded
    BASE_IMAGE = "base-image"  # could be neither pulled nor built
    ENGINE = "engine"  # the container engine failed, stopped, or is not set up for this
    GPU = "gpu"  # missing, in use by others, or in need of an administrator
    UNEXPECTED = "unexpected"  # an unforeseen exception
    OTHER_SIDE = "other-side"  # of two cells measured in turns, the other one could not be measured
    DRIVER = "driver"  # too old for the CUDA build
    NO_WHEEL = "no-wheel"  # the index has none for this Python
    FACTS = "facts"  # samcheck's facts do not say how to make it
    INSTALLER = "installer"  # failed for another reason
    PROBE = "probe"  # the environment was built, but its interpreter cannot report its contents
    CONTENT = "content"  # its contents differ from what was declared

    @property
    def is_outside(self) -> bool:
        """Whether the machine or the network is to blame, so that it says nothing about the cell."""
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
