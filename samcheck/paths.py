"""Where things are: what samcheck brings with it, what it writes for its user, and what it keeps.

samcheck runs from a checkout, or installed from a wheel, which carries the suite, the matrices, the
Dockerfiles and the published results inside of the package.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import platformdirs

from samcheck.errors import BadInput

PACKAGE = Path(__file__).resolve().parent
#: The folder that holds the package: the checkout, or the environment's folder of packages.
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


#: Where the user called samcheck: results and runs are written there unless told otherwise.
PROJECT = _working_folder()
RESULTS = PROJECT / "results"
RUNS = PROJECT / ".samcheck" / "runs"


def source() -> Path:
    """A folder with `samcheck/` and `tests/suite/` and no other packages, as guests get it.

    The folder of packages that an installed samcheck lies in must not reach a guest: that would find the
    host's NumPy there. Links stand for it.
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
    """Where environments are kept between runs: ``$SAMCHECK_HOME``, else the user's cache folder.

    Raises:
        BadInput: neither is known.
    """
    given = os.environ.get("SAMCHECK_HOME")
    if given:
        return Path(given).absolute()  # guests work in other folders, and to DuckDB a ~ is a home
    try:
        folder = Path(platformdirs.user_cache_dir("samcheck"))
    except RuntimeError:  # newer ones; older ones have a folder that is called ~
        folder = Path("~")
    if not folder.is_absolute():
        raise BadInput("this user has no home folder: say by SAMCHECK_HOME where environments are to be kept")
    return folder
