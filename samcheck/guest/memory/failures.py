"""Allocation failures: how to recognise them, where they happened, and what they keep alive."""

from __future__ import annotations

import gc
import traceback
import weakref
from dataclasses import dataclass
from typing import Any, Callable, List, Optional, Tuple

import torch

from .allocation_errors import is_out_of_memory

#: Of the packages whose functions are SAM's.
SAM_MODULES = ("segment_anything", "mobile_sam")


@dataclass(frozen=True)
class Failure:
    """A failed allocation, described as text only.

    Attributes:
        error: ``TypeName: message``.
        place: the innermost SAM function, ``module.function`` or ``module.Class.method``, or
            ``nowhere in SAM``.
        resizing_to: (H, W) requested of `torch.nn.functional.interpolate` if it failed there.
    """

    error: str
    place: str
    resizing_to: Optional[Tuple[int, ...]] = None


def describe(error: BaseException) -> Failure:
    """Describe an exception as text."""
    place, size = "nowhere in SAM", None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if module.startswith(SAM_MODULES):
            owner = frame.f_locals.get("self")
            names = [] if owner is None else [type(owner).__name__]
            place = ".".join([module.rpartition(".")[2], *names, frame.f_code.co_name])
            size = None
        elif module == "torch.nn.functional" and frame.f_code.co_name == "interpolate":
            size = tuple(frame.f_locals["size"])
    return Failure(" ".join("{}: {}".format(type(error).__name__, error).split()), place, size)


def attempt(step: Callable[[], Any]) -> Tuple[Any, Optional[Failure]]:
    """Run `step`; return its result, or how it ran out of memory.

    Only text leaves this function: keeping the exception would keep the frames, and with them every
    tensor of the failed call (https://github.com/pytorch/pytorch/issues/27600).

    Raises:
        Exception: whatever else `step` raised.
    """
    try:
        return step(), None
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None, describe(error)


def live_tensors() -> List[Any]:
    """Return a weak reference to every tensor that Python can reach."""
    return [weakref.ref(item) for item in gc.get_objects() if isinstance(item, torch.Tensor)]


def new_tensors(before: List[Any]) -> int:
    """Count the tensors that exist now but are not in `before`."""
    known = {id(tensor) for tensor in (reference() for reference in before) if tensor is not None}
    now = (reference() for reference in live_tensors())
    return sum(tensor is not None and id(tensor) not in known for tensor in now)
