"""Git queries about a folder, independent of inherited git settings.

A git hook has GIT_DIR, GIT_INDEX_FILE and more in its environment: with these, git would use the hook's
repository in any folder.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

#: The locations of the user's settings, including which repositories may be read; they name no repository.
_KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM")


def ask(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in `folder`, on the repository that contains it.

    Raises:
        OSError: there is no git.
    """
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in _KEPT
    }
    # Never wait for, or take, the lock of a concurrent commit.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    return subprocess.run(
        command, capture_output=True, env=environment, stdin=subprocess.DEVNULL, check=False
    )


def top_of(folder: Path) -> Path | None:
    """Return the root of the repository that contains `folder`; None if there is none, or no git."""
    try:
        said = ask(folder, "rev-parse", "--show-toplevel")
    except OSError:
        return None
    path = os.fsdecode(said.stdout.removesuffix(b"\n"))
    return Path(path) if said.returncode == 0 and path else None
