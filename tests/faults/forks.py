"""A pytest plugin: each fault is tried in a fork of this process, once all checks are collected.

Imports and collection are most of what a run takes in which the first checks see the fault. A fork has files
of its own, named after its fault, in the folder that `seed.FOLDER` names: a journal, what it printed, and how
it ended.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Optional

import pytest

from samcheck.guest.fitness import Fitness
from samcheck.guest.journal import EventWriter

from . import seed

CACHE = "SAMCHECK_CACHE"


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Optional[bool]:
    folder = Path(os.environ[seed.FOLDER])
    for id in os.environ[seed.FORKS].split(","):
        child = os.fork()
        if child == 0:
            _become(session, id, folder)
            return None  # pytest's own loop goes on in this process, and then its end
        _, status = os.waitpid(child, 0)
        (folder / (id + ".status")).write_text(str(status))
    return True


def _become(session: pytest.Session, id: str, folder: Path) -> None:
    """Make this fork a run of the suite with a fault."""
    output = os.open(str(folder / (id + ".log")), os.O_WRONLY | os.O_CREAT, 0o644)
    sys.stdout.flush()
    os.dup2(output, 1)
    os.dup2(output, 2)
    writer = session.config.pluginmanager.get_plugin("samcheck-journal")
    assert writer is not None
    writer.stderr = os.dup(2)
    writer.journal = EventWriter(str(folder / (id + ".jsonl")))
    writer.pytest_collection_finish(session)
    session.config.option.maxfail = 0 if id == seed.CONTROL else 1
    if id != seed.CONTROL:  # which comes first, and leaves the oracle's answers to the others
        own = folder / (id + "-oracle")
        shutil.copytree(os.environ[CACHE], str(own))
        os.environ[CACHE], os.environ[seed.VARIABLE] = str(own), id
    writer.fitness = Fitness()  # of this process: no check has damaged what was changed here
    try:
        seed.install(id)
    except Exception:
        seed.die()
