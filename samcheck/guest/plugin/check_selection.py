"""Selection of the checks that a start of the suite runs, by groups and by lists of names."""

from __future__ import annotations

import os
from typing import List, Optional, Set

import pytest

from ..journal import storable
from ..record import GROUP_NAMES
from .check_groups import group_of


def require_groups(config: pytest.Config) -> None:
    """Refuse unknown groups, which would run no check."""
    unknown = sorted(_groups(config) - set(GROUP_NAMES))
    if unknown:
        raise pytest.UsageError(
            "--samcheck-groups: no group {}; known: {}".format(", ".join(unknown), ", ".join(GROUP_NAMES))
        )


def _groups(config: pytest.Config) -> Set[str]:
    given = config.getoption("--samcheck-groups")
    return set(given.split(",")) if given else set()


def of_other_groups(config: pytest.Config, path: str) -> bool:
    """Whether a file contains only checks that were not requested; it is then not even imported."""
    name = os.path.basename(path)
    wanted = _groups(config)
    return bool(wanted) and name.startswith("test_") and name.endswith(".py") and group_of(path) not in wanted


def choose(config: pytest.Config, items: List[pytest.Item]) -> None:
    """Deselect what one list names, and what another does not name."""
    skipped = _listed(config, "--samcheck-skip-listed") or set()
    only = _listed(config, "--samcheck-only")

    def wanted(item: pytest.Item) -> bool:
        check = check_id(item.nodeid)
        return check not in skipped and (only is None or check in only)

    gone = [item for item in items if not wanted(item)]
    if gone:
        items[:] = [item for item in items if wanted(item)]
        config.hook.pytest_deselected(items=gone)


def is_skipped(config: pytest.Config, path: str) -> bool:
    """Whether to leave out a whole module because the interpreter died while importing it."""
    return os.path.basename(path) in (_listed(config, "--samcheck-skip-listed") or ())


def _listed(config: pytest.Config, option: str) -> Optional[Set[str]]:
    """Read the lines of the file that an option names; None without the option."""
    path = config.getoption(option)
    if path is None:
        return None
    with open(path, encoding="utf-8") as stream:
        return {line.rstrip("\n") for line in stream}


def check_id(nodeid: str) -> str:
    """Return a node id without the folders before the module: the same wherever the suite is mounted.

    It is in the host's form and takes one line in a list, even if pytest does not escape ids.
    """
    path, separator, rest = nodeid.partition("::")
    name: str = storable(os.path.basename(path) + separator + rest)
    return name.replace("\n", "\\n").replace("\r", "\\r")
