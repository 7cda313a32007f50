"""What an upgrade in place has led to, as requirements to install anew, without what it left behind."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from samcheck import files, paths
from samcheck.environments.own import locks
from samcheck.errors import BuildFailed
from samcheck.guest.outcomes import FailureCause

SECONDS = 120.0


def requirements(before: str, after: str, upgrade: Sequence[str]) -> list[str]:
    """Return what to install: what was there for its own sake, and what the upgrade names, as it is `after`.

    Args:
        before, after: the interpreters of the environment and of the upgraded one.
        upgrade: the commands between them.

    Raises:
        BuildFailed: one of the interpreters does not run.
    """
    old, new = _packages(before), _packages(after)
    wanted = [*(name for name, row in old.items() if row["root"]), *named(upgrade)]
    kept = [name for name in dict.fromkeys(wanted) if name in new]
    return [new[name]["folder"] or f"{name}=={new[name]['version'].partition('+')[0]}" for name in kept]


def named(commands: Sequence[str]) -> Iterator[str]:
    """Yield the packages that commands install: ``pip install -U 'torch>=2.8' torchvision``."""
    for command in commands:
        for step in re.split(r"&&|;|\|\|", command):
            words = shlex.split(step)
            if "install" not in words or "uninstall" in words:
                continue
            for word in words[words.index("install") + 1 :]:
                requirement = None if word.startswith("-") else locks.parsed(word)
                if requirement is not None:
                    yield canonicalize_name(requirement.name)


def _packages(python: str) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        path, source = Path(name, "roots.json"), paths.source()
        launch = str(source / "samcheck" / "guest" / "launch.py")
        done = subprocess.run(
            [python, launch, "samcheck.guest.installed.roots", str(path)],
            env={**os.environ, "PYTHONPATH": str(source)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
            raise BuildFailed(FailureCause.PROBE, f"its packages cannot be listed: {last[:300]}")
        packages: Mapping[str, Any] = files.parsed_json(files.read(path))
        return packages
