"""Reads what is installed in an interpreter, and which libraries it really loads."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from samcheck import codec, files, paths
from samcheck.environments import here
from samcheck.errors import BadInput, EnvironmentUnavailable
from samcheck.guest.installed.inventory import Inventory
from samcheck.sanitize import printable

_INVENTORY = codec.RecordDecoder(Inventory)


def inspect(python: str) -> Inventory:
    """Read an interpreter's inventory as its user starts it, with all variables of the environment.

    Raises:
        EnvironmentUnavailable: it does not run.
        BadInput: the report cannot be read.
    """
    source = paths.source()
    launch = str(source / "samcheck" / "guest" / "launch.py")
    given = os.environ.get("PYTHONPATH", "")
    # Last: what the user's own folders hide is what is looked for.
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, [given, str(source)])))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.json"
        command = [python, launch, "samcheck.guest.installed.reading", str(path)]
        try:
            status, output = here.ended(command, environment, Path(folder) / "output.log")
        except OSError as error:
            raise EnvironmentUnavailable(f"{python} cannot be run", str(error.strerror)) from None
        except subprocess.TimeoutExpired:
            late = f"it did not finish within {here.PROBE_SECONDS:.0f} seconds"
            raise EnvironmentUnavailable(f"{python} cannot be read", late) from None
        if not path.exists():
            said = printable(output) or f"it exited with status {status}"
            raise EnvironmentUnavailable(f"{python} cannot be read", said)
        try:
            return _INVENTORY.whole(_INVENTORY.read(files.read(path)))
        except ValueError as error:
            raise BadInput(f"the report on {python} is damaged: {printable(str(error))}") from None
