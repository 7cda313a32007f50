"""Paths: samcheck's own data, what it writes for its user, and what it keeps.

samcheck runs from a checkout, or installed from a wheel, which contains the suite, the matrices, the
Dockerfiles and the published results inside the package.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import platformdirs

from samcheck.errors import BadInput

PACKAGE = Path(__file__).resolve().parent
#: The folder of the package: the checkout, or the environment's site-packages.
ROOT = PACKAGE.parent
IS_CHECKOUT = (ROOT / "pyproject.toml").is_file() and (ROOT / "tests" / "suite").is_dir()
SUITE = ROOT / "tests" / "suite" if IS_CHECKOUT else PACKAGE / "suite"
_BROUGHT = ROOT if IS_CHECKOUT else PACKAGE
MATRICES = _BROUGHT / "matrices"
DOCKERFILES = _BROUGHT / "dockerfiles"
#: The results that the project publishes.
PUBLISHED_RESULTS = _BROUGHT / "results"


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # it was removed
        return Path("/")


#: Where the user ran samcheck: results and runs are written there by default.
PROJECT = _working_folder()
RESULTS = PROJECT / "results"
RUNS = PROJECT / ".samcheck" / "runs"


def source() -> Path:
    """Return a folder with `samcheck/` and `tests/suite/` and no other packages, for guests.

    The site-packages of an installed samcheck must not reach a guest, which would find the host's NumPy
    there. Links replace it.
    """
    if IS_CHECKOUT:
        return ROOT
    folder = home() / "source" / hashlib.sha256(os.fsencode(PACKAGE)).hexdigest()[:12]
    for link, target in ((folder / "samcheck", PACKAGE), (folder / "tests" / "suite", SUITE)):
        link.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            link.symlink_to(target)
    return folder


def home() -> Path:
    """Return where environments are kept between runs: ``$SAMCHECK_HOME``, else the user's cache folder.

    Raises:
        BadInput: neither is known.
    """
    given = os.environ.get("SAMCHECK_HOME")
    if given:
        return Path(given).absolute()  # guests work in other folders, and DuckDB expands ~
    try:
        folder = Path(platformdirs.user_cache_dir("samcheck"))
    except RuntimeError:  # newer versions; older ones return a folder named ~
        folder = Path("~")
    if not folder.is_absolute():
        raise BadInput("this user has no home folder: set SAMCHECK_HOME to a folder for environments")
    return folder


def stores() -> tuple[Path, ...]:
    """Return the user's own results, if there are any, and those that the project publishes."""
    own = [RESULTS] if RESULTS.is_dir() else []
    return tuple(dict.fromkeys((*own, PUBLISHED_RESULTS)))
