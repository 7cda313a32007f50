"""Fresh processes without starting Python: forks of one that has only imported PyTorch.

A memory task needs its own process, for its limit and because other tasks would leave memory in its
allocator. Importing PyTorch takes seconds, forking a process milliseconds.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from typing import Any, Callable, Dict, TextIO

TASK_SECONDS = 3600


class Impossible(Exception):
    """A task cannot be done on this device; the message is why its check is skipped."""


def serve(tasks: Dict[str, Callable[..., Any]], requests: TextIO, answers: TextIO) -> None:
    """Run one task per line, ``{"task": NAME, "arguments": {...}}``, each in a fork of this process.

    Each answer is one line, ``{"result": ...}``, ``{"impossible": TEXT}`` or ``{"error": TEXT}``. PyTorch
    must not have used more than one thread in this process: a fork has none of the original's other threads.
    """
    gc.collect()
    gc.freeze()  # spare forks from scanning it
    for line in requests:
        request = json.loads(line)
        task = tasks[request["task"]]
        answers.write(in_a_copy(lambda task=task, arguments=request["arguments"]: task(**arguments)) + "\n")  # type: ignore[misc]
        answers.flush()


def in_a_copy(work: Callable[[], Any]) -> str:
    """Run `work` in a fork of this process; return a line with its result, or with the reason for none."""
    reading, writing = os.pipe()
    copy = os.fork()
    if copy == 0:
        os.close(reading)
        _work_and_leave(work, writing)
    os.close(writing)
    with os.fdopen(reading) as stream:
        line = stream.read()
    status = os.waitpid(copy, 0)[1]
    if os.WIFSIGNALED(status):
        return json.dumps({"error": "the fork was killed by signal {}".format(os.WTERMSIG(status))})
    return line or json.dumps({"error": "the fork exited without output, with status {}".format(status)})


def _work_and_leave(work: Callable[[], Any], writing: int) -> None:
    """Do the work and exit; never return, so that nothing of the original runs twice."""
    try:
        signal.alarm(TASK_SECONDS)  # the original process may be gone by then
        with os.fdopen(writing, "w") as answer:
            try:
                line = json.dumps({"result": work()})
            except Impossible as reason:
                line = json.dumps({"impossible": str(reason)})
            except Exception:
                line = json.dumps({"error": traceback.format_exc()})
            answer.write(line)
    finally:
        sys.stderr.flush()
        os._exit(0)
