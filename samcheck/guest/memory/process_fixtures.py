"""Fixtures for tasks that need their own process, since a memory limit applies to a whole process.

PyTorch is not imported here: see `samcheck.guest.plugin.session_fixtures`.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
from typing import IO, Any, Callable, Dict, Iterator, Optional, Sequence

import pytest

from ..launch import command
from ..models.variants import ENTRY_POINTS, KNOWN_EVERYWHERE, VARIANTS
from ..record import PRECISION_NAMES

Ask = Callable[..., Any]
#: Environment of a process whose memory is measured, in which libraries take little for themselves.
FEW_OWN_BLOCKS = {
    # If a thread once had its own arena, glibc falls back to its 64 MiB of reserved addresses when the limit
    # is reached, and up to that size nothing fails.
    "MALLOC_ARENA_MAX": "1",
    # cuBLAS allocates a workspace of up to 32 MiB on a Hopper GPU. Whether products with a bias share it
    # depends on the release, and 2.15 allocates a new one for every product unless caching is turned on.
    "TORCH_CUBLASLT_UNIFIED_WORKSPACE": "1",
    "TORCH_CUBLAS_WORKSPACE_CACHE": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":16:8",  # 8 blocks of 16 KiB
}


class Tasks:
    """Another process that runs memory tasks, each in a fresh fork; started on first use."""

    def __init__(self, device: str, variant: str) -> None:
        arguments = ("--serve", "--device", device, "--variant", variant)
        self.command = command("samcheck.guest.memory", *arguments)
        self.process: Optional[subprocess.Popen[str]] = None
        self.log: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as the process
        self.known: Dict[str, Any] = {}

    def ask(self, task: str, **arguments: Any) -> Any:
        """Return the result of a task, which runs only once."""
        line = json.dumps({"task": task, "arguments": arguments}, sort_keys=True)
        if line not in self.known:
            self.known[line] = self._answer(line)
        answer = self.known[line]
        if "impossible" in answer:
            pytest.skip(answer["impossible"])
        if "error" in answer:
            pytest.fail("{} {}: {}".format(task, arguments or "", answer["error"]), pytrace=False)
        return answer["result"]

    def _answer(self, line: str) -> Any:
        if self.process is None or self.process.poll() is not None:
            self.process = self._start()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        return json.loads(answer) if answer else {"error": self._ended()}

    def _start(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **FEW_OWN_BLOCKS}
        return subprocess.Popen(
            self.command, stdin=pipe, stdout=pipe, stderr=self.log, text=True, env=environment
        )

    def _ended(self) -> str:
        assert self.process is not None
        status = self.process.wait()
        self.log.seek(0)
        said = self.log.read().strip() or "it printed nothing"
        last = said.splitlines()[-1]
        return "the process that provokes failures exited with status {}: {}\n{}".format(
            status, last, said[-2000:]
        )

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()  # it is idle, and shutting PyTorch down takes longer than a task
            self.process.communicate()
        self.log.close()


@pytest.fixture(scope="session")
def isolated(device: str, variant: str) -> Iterator[Ask]:
    """Return a function that runs a task of `samcheck.guest.memory` on the variant, by name and arguments."""
    if variant not in KNOWN_EVERYWHERE:
        pytest.skip(
            "{} is registered in this process only, and this check starts another: add an entry point "
            "in the group {}".format(variant, ENTRY_POINTS)
        )
    tasks = Tasks(device, variant)
    yield tasks.ask
    tasks.close()


@pytest.fixture(scope="session")
def asked_with(variant: str, device: str) -> Callable[[str], Sequence[str]]:
    """Return the precisions to run in one process with a given one: all, if loading the model takes longest.

    On a CPU that is the case for the small variant, on a GPU for every one.
    """
    together = VARIANTS[variant].tier == "fast" or device == "cuda"
    return lambda precision: PRECISION_NAMES if together else (precision,)


@pytest.fixture(scope="session")
def recovery(isolated: Ask, asked_with: Callable[[str], Sequence[str]]) -> Callable[[str], Any]:
    """Return the `samcheck.guest.memory.batch.Recovery` of a batch that did not fit, by precision."""
    from .batch import Recovery

    def get(precision: str) -> Any:
        rows = isolated("batch", names=asked_with(precision))
        return next(Recovery(**row) for row in rows if row["precision"] == precision)

    return get


@pytest.fixture(scope="module")
def quick_collections() -> Iterator[None]:
    """Limit garbage collection to objects created from now on.

    After exporters and compilers have run, a collection then takes milliseconds instead of half a second.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
