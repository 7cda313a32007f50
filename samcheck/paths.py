"""Where things are: the checkout and what it holds, and what samcheck keeps for its user."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from samcheck.errors import BadInput

#: The folder that holds `samcheck/` and `tests/suite/`.
CHECKOUT = Path(__file__).resolve().parents[1]

RUNS = CHECKOUT / ".samcheck" / "runs"

RESULTS = CHECKOUT / "results"

MATRICES = CHECKOUT / "matrices"


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
