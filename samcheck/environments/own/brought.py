"""What the suite needs and an own environment lacks: in a folder beside it, never installed into it.

The folder is among the virtual environments, so that `samcheck disk` and `samcheck clean` know it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from samcheck import facts
from samcheck.environments import offline, venv
from samcheck.errors import BuildFailed
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import Fingerprint


def packages_for(seen: Fingerprint) -> tuple[str, ...]:
    """Return folders, one for each package that the suite needs and the environment lacks.

    They are kept: another environment with the same packages gets the same folders.

    Raises:
        BuildFailed: the environment lacks what is tested, or a package is not available for it.
    """
    _require_testable(seen)
    spec, wanted = offline.lacking(seen, facts.load())
    if not facts.load().pin("tool", spec.python):
        text = f"its Python is {spec.python}, for which samcheck knows no pytest"
        raise BuildFailed(FailureCause.CONTENT, text)
    if not wanted:
        return ()
    content = "\n".join((spec.python, *map(str, spec.has), *wanted))
    digest = hashlib.sha256(content.encode()).hexdigest()[:12]
    return _kept(venv.folders() / f"brought-py{spec.python}-{digest}", spec, wanted)


def _require_testable(seen: Fingerprint) -> None:
    """Require what is tested: to bring it would be to test something else.

    Raises:
        BuildFailed: something is missing.
    """
    installed: Mapping[str, str | None] = {
        "PyTorch": seen.torch,
        "torchvision": seen.torchvision,
        "NumPy": seen.numpy,
    }
    missing = [name for name, version in installed.items() if not version]
    if missing:
        text = f"it has no {' and no '.join(missing)}, which SAM needs, in its Python {seen.python}"
        raise BuildFailed(FailureCause.CONTENT, text)


def _kept(folder: Path, spec: offline.BundleSpec, wanted: list[str]) -> tuple[str, ...]:
    with venv.built(folder) as is_new:
        try:
            if is_new:
                offline.unpack(spec, wanted, folder)
        except BuildFailed as error:
            names = ", ".join(wanted)
            text = f"it lacks {names}, which the suite needs and samcheck cannot get: {error}"
            raise BuildFailed(error.cause, text) from None
    return tuple(sorted(str(path) for path in folder.iterdir() if path.is_dir()))
