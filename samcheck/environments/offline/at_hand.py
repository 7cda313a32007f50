"""Packages that the suite needs but an interpreter lacks, for one run; nothing is installed into it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samcheck import facts, owned
from samcheck.environments import offline
from samcheck.errors import BuildFailed, EnvironmentUnavailable
from samcheck.guest.record import Fingerprint

#: Prefix of the folder for a run.
PREFIX = "samcheck-at-hand-"


@contextmanager
def packages(python: str, seen: Fingerprint) -> Iterator[tuple[str, ...]]:
    """Yield folders with the suite's packages that an interpreter lacks, for the duration of a run.

    Args:
        python: the interpreter, for messages.
        seen: its fingerprint.

    Raises:
        EnvironmentUnavailable: it lacks NumPy or torchvision, which are part of what is tested, or a
            package is not available.
    """
    for name in ("torchvision", "numpy"):
        if not getattr(seen, name):
            raise EnvironmentUnavailable(
                f"{python} has no {name}, which SAM needs",
                f"install the release that matches its PyTorch: {python} -m pip install {name}",
            )
    spec, wanted = offline.lacking(seen, facts.load())
    if not wanted:
        yield ()
        return
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        owned.mark(folder)
        try:
            offline.unpack(spec, wanted, folder)
        except BuildFailed as error:
            raise EnvironmentUnavailable(
                f"{python} lacks {', '.join(wanted)}, which samcheck cannot get: {error}",
                f"install what is missing there, or carry it here: samcheck carry --help ({python} "
                "is not changed)",
            ) from None
        yield tuple(sorted(str(path) for path in folder.iterdir() if path.is_dir()))
