"""A whole run in a process of its own: started, killed, resumed, and searched for what was lost or left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from samcheck import owned, report
from samcheck.guest.record import CellResult
from samcheck.storage import results

ORCHESTRATOR = Path(__file__).with_name("orchestrator.py")
CONFTEST = 'pytest_plugins = ["samcheck.guest.plugin"]\n'
INI = "[pytest]\naddopts = -p no:cacheprovider\n"
#: Checks that take a while.
STEADY = """
import time
import pytest

@pytest.mark.parametrize("n", range({count}))
def test_it(n, variant):
    time.sleep({pause})
"""


def write_suite(folder: Path, text: str) -> None:
    """A suite of one module, which loads samcheck's plugin as the real one does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text(INI)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_small.py").write_text(text)


@dataclass
class Rig:
    """A folder with a suite, runs and results.

    Attributes:
        image: that cells run in; in this interpreter if empty.
        environment: variables of the orchestrator beside this process's.
    """

    folder: Path
    cells: int = 1
    check_timeout: float = 60.0
    image: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def steady(self, count: int = 6, pause: float = 0.1) -> None:
        write_suite(self.folder / "suite", STEADY.format(count=count, pause=pause))

    def start(self, resume: bool = False, **others: Any) -> subprocess.Popen[bytes]:
        """Start samcheck; it goes on with the unfinished run if there is one and it shall.

        `others` are arguments of Popen in the place of those for an output to a file.
        """
        command = [sys.executable, str(ORCHESTRATOR), str(self.folder), str(self.cells)]
        command += [
            str(self.check_timeout),
            self.image,
            *(["--resume"] if resume and self.unfinished else []),
        ]
        checkout = ORCHESTRATOR.parents[2]
        with (self.folder / "said").open("ab") as said:
            environment = {**os.environ, "PYTHONPATH": str(checkout), **self.environment}
            options = {"stdout": said, "stderr": said, "start_new_session": True, **others}
            return subprocess.Popen(command, env=environment, **options)

    def run(self, resume: bool = False) -> int:
        """To its end; the exit status."""
        return self.start(resume).wait(timeout=300)

    @property
    def unfinished(self) -> bool:
        notes = (json.loads(path.read_bytes()) for path in self.folder.glob("runs/*/run.json"))
        return any(not note["finished"] for note in notes)

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")

    @property
    def table(self) -> str:
        return (self.folder / "results" / report.TABLE).read_text()

    def results(self) -> dict[str, CellResult]:
        """What is stored, by cell; every file must be whole."""
        stored, problems = results.load(self.folder / "results")
        assert problems == []
        return {row.result.cell.id: row.result for row in stored}

    def finished(self) -> set[tuple[str, str]]:
        """Cell and check of everything that is on record as finished."""
        return {(cell, str(event["result"]["check"])) for cell, event in self._events("finished")}

    def begun(self) -> Counter[tuple[str, str]]:
        """How often each cell's checks were started."""
        return Counter((cell, str(event["check"])) for cell, event in self._events("started"))

    def _events(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in self.folder.glob("runs/*/*/journal-*.jsonl"):
            for line in path.read_bytes().splitlines():
                with suppress(ValueError):  # samcheck was killed while it wrote
                    event = json.loads(line)
                    if event["event"] == kind:
                        yield path.parent.name, event

    def processes(self) -> list[psutil.Process]:
        """Everything that works in or on the folder, and was started by nobody who still looks after it."""
        alive = []
        for process in psutil.process_iter():
            try:
                mine = str(self.folder) in " ".join(process.cmdline()) or process.cwd().startswith(
                    f"{self.folder}/"
                )
            except psutil.Error:
                continue
            if mine and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        return alive

    def left_over(self) -> list[str]:
        """Processes, mounts and temporary files that should have gone."""
        gone(lambda: not self.processes())
        return [
            *(f"process {' '.join(process.cmdline())}" for process in self.processes()),
            *(
                f"file {path}"
                for path in self.folder.rglob(".*")
                if path.is_file() and path.name != owned.MARK
            ),
            *(
                f"mount {line}"
                for line in Path("/proc/mounts").read_text().splitlines()
                if str(self.folder) in line
            ),
        ]


def gone(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait until something is so, if it comes to that."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def kill(orchestrator: subprocess.Popen[bytes], sign: signal.Signals = signal.SIGKILL) -> None:
    orchestrator.send_signal(sign)
    orchestrator.wait(timeout=30)
