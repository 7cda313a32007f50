"""Asking git about a folder, whatever the process that started samcheck had git set to.

A hook of git has GIT_DIR, GIT_INDEX_FILE and more in its environment: with these, git answers about that
hook's repository, wherever it is asked.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

#: Where the user's settings are, among them whose repositories may be read; no repository is named there.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")


def ask(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """What git says in `folder`, about the repository that the folder is in.

    Raises:
        OSError: there is no git.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT
    }
    # Looking never waits for, or takes, the lock of whoever commits meanwhile.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    return subprocess.run(
        command, capture_output=True, env=environment, stdin=subprocess.DEVNULL, check=False
    )


def top_of(folder: Path) -> Path | None:
    """The folder of the repository that `folder` is in; None where it is in none, or there is no git."""
    try:
        said = ask(folder, "rev-parse", "--show-toplevel")
    except OSError:
        return None
    path = os.fsdecode(said.stdout.removesuffix(b"\n"))
    return Path(path) if said.returncode == 0 and path else None
