"""What stands behind errors of imports whose text does not say it, and the cure."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional, Tuple


class ImportCause(NamedTuple):
    """A cause, the pattern of the error that it shows itself by, and where both were reported."""

    pattern: str
    because: str
    cure: str
    link: str


CAUSES: Tuple[ImportCause, ...] = (
    ImportCause(
        r"undefined symbol: iJIT_NotifyEvent",
        "conda's PyTorch loads MKL, which has lacked this symbol since 2024.1",
        "conda install 'mkl<2024.1', or install PyTorch with pip, which has MKL inside",
        "https://github.com/pytorch/pytorch/issues/123097",
    ),
    ImportCause(
        r"numpy\.(dtype|ndarray|ufunc) size changed",
        "it is compiled for another NumPy",
        "upgrade it; if that does not help, install it again",
        "https://github.com/ppwwyyxx/cocoapi/pull/24",
    ),
    ImportCause(
        r"undefined symbol: _ZNK?(3c10|2at|5torch)",
        "it is compiled for another PyTorch",
        "install the release that belongs to this PyTorch, or build it again",
        "https://github.com/Dao-AILab/flash-attention/issues/1644",
    ),
    ImportCause(
        r"libGL\.so\.1: cannot open shared object file",
        "opencv-python needs libraries of a desktop",
        "uninstall opencv-python and install opencv-python-headless, which has the same module",
        "https://github.com/opencv/opencv-python/issues/370",
    ),
)


def cause_of(error: str) -> Optional[ImportCause]:
    """Return what stands behind an error; None if its text is not known."""
    return next((cause for cause in CAUSES if re.search(cause.pattern, error)), None)
