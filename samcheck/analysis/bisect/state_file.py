"""A bisect on disk: its question, to find an interrupted one again, and its progress."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from samcheck import files, owned
from samcheck.analysis.bisect.bisection import Bisection, BisectionQuestion
from samcheck.analysis.bisect.bisection_text import as_json
from samcheck.errors import BadInput
from samcheck.storage.private_paths import anonymous
from samcheck.storage.runs import BISECT_FILE, is_bisect, read_bisect


def open_folder(root: Path, question: BisectionQuestion, resume: bool) -> Path:
    """Return a new folder under `root`, or that of the newest unfinished bisect with the same question.

    Raises:
        BadInput: there is nothing to resume.
    """
    if not resume:
        folder = root / f"bisect-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        owned.make(folder)
        note(folder, as_json(Bisection(question)))
        return folder
    asked = anonymous(as_json(Bisection(question)))["question"]
    for folder in sorted(root.glob("bisect-*/"), reverse=True):
        kept = read_bisect(folder / BISECT_FILE) if owned.is_own(folder, is_bisect) else {}
        if kept.get("question") == asked and not kept.get("finished"):
            owned.mark(folder)
            return folder
    raise BadInput(
        f"nothing to resume: {root} has no unfinished bisect of {question.check} over these values in "
        f"environment {question.environment} by samcheck {question.samcheck}; leave out --resume to start one"
    )


def note(folder: Path, state: dict[str, Any]) -> None:
    """Write the current state to disk, as JSON has it."""
    content = json.dumps(anonymous(state), indent=1).encode() + b"\n"
    files.write_atomically(folder / BISECT_FILE, content)
