"""Trying again with less after an allocation failed: how to do it, and how not to.

https://github.com/pytorch/pytorch/issues/27600
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from .failures import attempt, is_out_of_memory
from .process_memory import recover


class GaveUp(RuntimeError):
    """Every setting failed for want of memory."""


@dataclass(frozen=True)
class Retried:
    """What came of it.

    Attributes:
        result: what the step gave.
        setting: with which setting.
        failures: what each attempt before it said.
    """

    result: Any
    setting: Any
    failures: Tuple[str, ...]


def halved(first: int, least: int = 1) -> Iterator[int]:
    """`first`, half of it, and so on: 64, 32, 16, ... down to `least`."""
    while first >= least:
        yield first
        first //= 2


def retry(step: Callable[[Any], Any], settings: Iterable[Any], device: str) -> Retried:
    """Run `step` with each of the settings in turn until one fits into memory.

    The ``except`` block is left and the exception is gone before anything is tried again: as long as one
    of them is there, so are the frames of the failed call, with all their tensors.

    Raises:
        GaveUp: none of the settings did.
        Exception: whatever `step` raised that is not a failed allocation, at once.
    """
    failures: List[str] = []
    for setting in settings:
        result, failure = attempt(lambda setting=setting: step(setting))  # type: ignore[misc]
        if failure is None:
            return Retried(result, setting, tuple(failures))
        failures.append(failure.error)
        recover(device)
    raise GaveUp("nothing of {} attempts fitted; the last: {}".format(len(failures), failures[-1:]))


def retry_inside(step: Callable[[Any], Any], settings: Iterable[Any], device: str) -> Any:
    """How not to: this tries again inside of the ``except`` block. A control that has to leave tensors."""
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
    """How not to: this keeps the last exception, for a log. A control that has to leave tensors."""
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


#: The reference, and the controls that show that what is wrong with others would be seen.
WAYS: Dict[str, Callable[[Callable[[Any], Any], Iterable[Any], str], Any]] = {
    "reference": retry,
    "inside-except": retry_inside,
    "exception-kept": retry_keeping,
}
