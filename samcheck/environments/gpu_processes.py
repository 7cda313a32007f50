"""Other processes on the GPU that a cell is measured on."""

from __future__ import annotations

import psutil

from samcheck.errors import Refused
from samcheck.guest import nvml
from samcheck.guest.gpu import Gpu
from samcheck.guest.outcomes import FailureCause


def on_gpu(name: str) -> list[str] | None:
    """Return the visible processes on a GPU, given by number or UUID: ``4711 python``.

    MPS's server is none: it computes for others. None if the driver does not report processes here.

    Raises:
        Refused: the GPU does not answer.
    """
    try:
        with nvml.started() as library:
            pids = None if library is None else Gpu(library, name).processes()
    except nvml.NvmlFailure as failure:
        raise Refused(FailureCause.GPU, str(failure)) from None
    return None if pids is None else [f"{pid} {_name(pid)}" for pid in pids]


def _name(pid: int) -> str:
    """Return the name of a process, which may have ended meanwhile."""
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "(not visible here)"
