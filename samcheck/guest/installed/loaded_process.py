"""The process that loads what PyTorch loads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile

from .. import launch
from .inventory import Loading, MappedLibrary

#: PyTorch loads slowly from a network disk; `samcheck doctor` waits for 300 seconds in all.
SECONDS = 240.0
TOO_LATE = "it did not finish within"


def loading(seconds: float = SECONDS) -> Loading:
    """Return what a fresh process loads; its failure is the report if there is no other."""
    with tempfile.TemporaryDirectory() as folder:
        path, log = os.path.join(folder, "loading.json"), os.path.join(folder, "output.log")
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
        with open(log, "wb") as output:
            try:
                done = subprocess.run(
                    launch.command("samcheck.guest.installed.loaded_libraries", path),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    timeout=seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return Loading(failure="{} {:.0f} seconds".format(TOO_LATE, seconds))
        try:
            with open(path, encoding="utf-8") as stream:
                read = json.load(stream)
        except (OSError, ValueError):
            return Loading(failure="{}: {}".format(_ending(done.returncode), _last_line(log)))
    libraries = [MappedLibrary(**library) for library in read.pop("libraries")]
    return Loading(libraries=libraries, **read)


def _ending(status: int) -> str:
    if status >= 0:
        return "it exited with status {}".format(status)
    try:
        return "it ended with {}".format(signal.Signals(-status).name)
    except ValueError:
        return "it ended with signal {}".format(-status)


def _last_line(log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as stream:
        lines = stream.read()[-2000:].strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
