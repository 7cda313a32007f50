"""Which samcheck this is."""

from __future__ import annotations

import os

import samcheck
from samcheck import git, paths


def version() -> str:
    """samcheck's version, with the commit of the checkout and whether what runs was changed since."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--", "samcheck", "tests/suite", "dockerfiles")
    if not commit:  # carried to a machine without the repository
        return os.environ.get("SAMCHECK_VERSION") or samcheck.__version__
    return f"{samcheck.__version__}+{commit}{'.changed' if changed else ''}"


def _git(*arguments: str) -> str:
    """What git says of the checkout; nothing where there is no git, or the checkout is no repository.

    samcheck may also be installed inside of a repository of somebody else's, whose commits say nothing of it.
    """
    top = git.top_of(paths.ROOT) if paths.IS_CHECKOUT else None
    if top is None or top.resolve() != paths.ROOT:
        return ""
    return git.ask(paths.ROOT, *arguments).stdout.decode("utf-8", "replace").strip()
