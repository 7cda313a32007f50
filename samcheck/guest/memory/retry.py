"""Retrying with less after an allocation failed: how to do it, and how not to.

https://github.com/pytorch/pytorch/issues/27600
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from .allocation_errors import is_out_of_memory
from .failures import attempt
from .process_memory import recover


class GaveUp(RuntimeError):
    """Every setting ran out of memory."""


@dataclass(frozen=True)
class Retried:
    """The result of a retried step.

    Attributes:
        result: the step's result.
        setting: the setting that worked.
        failures: the error of each attempt before it.
    """

    result: Any
    setting: Any
    failures: Tuple[str, ...]


def halved(first: int, least: int = 1) -> Iterator[int]:
    """Yield `first`, half of it, and so on: 64, 32, 16, ... down to `least`."""
    while first >= least:
        yield first
        first //= 2


def retry(step: Callable[[Any], Any], settings: Iterable[Any], device: str) -> Retried:
    """Run `step` with each setting in turn until one fits in memory.

    The ``except`` block has ended and the exception is gone before the next attempt: while either exists,
    so do the frames of the failed call, with all their tensors.

    Raises:
        GaveUp: no setting fits.
        Exception: any other error that `step` raised, at once.
    """
    failures: List[str] = []
    for setting in settings:
        result, failure = attempt(lambda setting=setting: step(setting))  # type: ignore[misc]
        if failure is None:
            return Retried(result, setting, tuple(failures))
        failures.append(failure.error)
        recover(device)
    raise GaveUp("none of {} attempts fit in memory; the last: {}".format(len(failures), failures[-1:]))


def retry_inside(step: Callable[[Any], Any], settings: Iterable[Any], device: str) -> Any:
    """Retry inside the ``except`` block: how not to do it. A control that must leak tensors."""
    left = iter(settings)
    for setting in left:
        try:
            return step(setting)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            recover(device)
            return retry_inside(step, left, device)
    raise GaveUp("nothing fitted")


def retry_keeping(step: Callable[[Any], Any], settings: Iterable[Any], device: str) -> Any:
    """Keep the last exception, for a log: how not to do it. A control that must leak tensors."""
    kept: Optional[Exception] = None
    for setting in settings:
        try:
            return step(setting)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            kept = error
        recover(device)
    raise GaveUp("nothing fitted") from kept


#: The reference, and the controls that show that the faults of other ways would be detected.
WAYS: Dict[str, Callable[[Callable[[Any], Any], Iterable[Any], str], Any]] = {
    "reference": retry,
    "inside-except": retry_inside,
    "exception-kept": retry_keeping,
}
