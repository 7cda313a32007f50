"""The files in ``files/``, by the release of PyTorch that wrote them."""

from __future__ import annotations

import os
from typing import Optional

from .kinds import path_of

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "files")
_PREFIX = "torch"
WRITERS = tuple(sorted(name[len(_PREFIX) :] for name in os.listdir(_FOLDER) if name.startswith(_PREFIX)))


def path(writer: str, kind: str) -> Optional[str]:
    """Return a release's file of a kind; None if it wrote none."""
    found = path_of(os.path.join(_FOLDER, _PREFIX + writer), kind)
    return found if os.path.exists(found) else None
