"""Fresh processes without starting Python: copies of one that has imported PyTorch and done nothing with it.

A task on memory needs a process of its own, for its limit and for what other tasks would leave in its
allocator. Importing PyTorch takes seconds, copying a process milliseconds.
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


def serve(tasks: Dict[str, Callable[..., Any]], requests: TextIO, answers: TextIO) -> None:
    """Do one task per line, ``{"task": NAME, "arguments": {...}}``, each in a copy of this process.

    Answers with a line each, ``{"result": ...}`` or ``{"error": TEXT}``. Nothing of PyTorch may have run
    in this process with more than one thread: a copy has none of the threads of its original.
    """
    gc.collect()
    gc.freeze()  # a copy need not look through what was there before it
    for line in requests:
        request = json.loads(line)
        task = tasks[request["task"]]
        answers.write(in_a_copy(lambda task=task, arguments=request["arguments"]: task(**arguments)) + "\n")  # type: ignore[misc]
        answers.flush()


def in_a_copy(work: Callable[[], Any]) -> str:
    """A line with what `work` gave in a copy of this process, or why there is nothing."""
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
        return json.dumps({"error": "the copy was ended by signal {}".format(os.WTERMSIG(status))})
    return line or json.dumps({"error": "the copy ended without a word, with status {}".format(status)})


def _work_and_leave(work: Callable[[], Any], writing: int) -> None:
    """Never returns, so that nothing of the original is done twice."""
    try:
        signal.alarm(TASK_SECONDS)  # its original may be gone by then
        with os.fdopen(writing, "w") as answer:
            try:
                line = json.dumps({"result": work()})
            except Exception:
                line = json.dumps({"error": traceback.format_exc()})
            answer.write(line)
    finally:
        sys.stderr.flush()
        os._exit(0)
