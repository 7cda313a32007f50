"""A bisect on disk: its question, so that an interrupted one is found again, and what came of it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from samcheck import results
from samcheck.bisection.hunt import Hunt, Question
from samcheck.bisection.text import as_json
from samcheck.errors import BadInput

FILE = "bisect.json"


def open_folder(root: Path, question: Question, resume: bool) -> Path:
    """A new folder under `root`, or that of the newest unfinished bisect with the same question.

    Raises:
        BadInput: there is nothing to resume.
    """
    if not resume:
        folder = root / f"bisect-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        note(folder, Hunt(question))
        return folder
    asked = as_json(Hunt(question))["question"]
    for path in sorted(root.glob(f"bisect-*/{FILE}"), reverse=True):
        kept = _read(path)
        if kept.get("question") == asked and not kept.get("finished"):
            return path.parent
    raise BadInput(
        f"nothing to resume: {root} holds no unfinished bisect of {question.check} over these values in "
        f"environment {question.environment} by samcheck {question.samcheck}; leave out --resume to start one"
    )


def note(folder: Path, hunt: Hunt) -> None:
    """Write down all that is known so far."""
    content = json.dumps(as_json(hunt), indent=1).encode() + b"\n"
    results.write_atomically(folder / FILE, results.anonymous(content))


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
