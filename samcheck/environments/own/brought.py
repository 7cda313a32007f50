"""What the suite needs and an own environment lacks: in a folder beside it, never installed into it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock
from packaging.requirements import Requirement

from samcheck import facts, owned, paths
from samcheck.environments import offline
from samcheck.environments.offline import bundle_main
from samcheck.errors import BuildFailed
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import Fingerprint

COMPLETE = ".samcheck-complete"


def folders() -> Path:
    """Return the folder of what was brought for each set of packages."""
    return paths.home() / "brought"


def packages_for(seen: Fingerprint) -> tuple[str, ...]:
    """Return folders, one for each package that the suite needs and the environment lacks.

    They are kept: another environment with the same packages gets the same folders.

    Raises:
        BuildFailed: the environment lacks what is tested, or a package is not available for it.
    """
    _require_testable(seen)
    release = ".".join(seen.python.split(".")[:2])
    if not facts.load().pin("tool", release):
        text = f"its Python is {release}, for which samcheck knows no pytest"
        raise BuildFailed(FailureCause.CONTENT, text)
    has = sorted(f"{name}=={version}" for name, version in seen.packages.items())
    spec = offline.bundle_spec(release, has, facts.load())
    present = {bundle_main.key(name) for name in seen.packages}
    wanted = [text for text in spec.guest if bundle_main.key(Requirement(text).name) not in present]
    if not wanted:
        return ()
    digest = hashlib.sha256("\n".join((release, *has, *wanted)).encode()).hexdigest()[:12]
    return _kept(folders() / f"py{release}-{digest}", spec, wanted)


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not owned.has_file(folder, COMPLETE):
            _fill(folder, spec, wanted)
    return tuple(sorted(str(path) for path in folder.iterdir() if path.is_dir()))


def _fill(folder: Path, spec: offline.BundleSpec, wanted: list[str]) -> None:
    owned.remove(folder)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        draft = Path(scratch, "draft")
        owned.make(draft)
        try:
            offline.unpack(spec, wanted, draft)
        except BuildFailed as error:
            names = ", ".join(wanted)
            raise BuildFailed(
                error.cause, f"it lacks {names}, which the suite needs and samcheck cannot get: {error}"
            ) from None
        (draft / COMPLETE).touch()
        shutil.move(draft, folder)
