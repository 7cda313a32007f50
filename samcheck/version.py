"""The version of this samcheck."""

from __future__ import annotations

import os

import samcheck
from samcheck import git, paths


def version() -> str:
    """Return samcheck's version, with the checkout's commit and whether the code was changed since."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "samcheck", "tests/suite", "dockerfiles")
    if not commit:  # carried to a machine without the repository
        return os.environ.get("SAMCHECK_VERSION") or samcheck.__version__
    return f"{samcheck.__version__}+{commit}{'.changed' if changed else ''}"


def _git(*arguments: str) -> str:
    """Return git's output in the checkout; empty without git, or if the checkout is not a repository.

    samcheck may also be installed inside somebody else's repository, whose commits say nothing about it.
    """
    top = git.top_of(paths.ROOT) if paths.IS_CHECKOUT else None
    if top is None or top.resolve() != paths.ROOT:
        return ""
    return git.ask(paths.ROOT, *arguments).stdout.decode("utf-8", "replace").strip()
