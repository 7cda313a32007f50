"""A bisect on disk: its question, so that an interrupted one is found again, and what came of it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from samcheck import files, owned, results
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
        owned.make(folder)
        note(folder, Hunt(question))
        return folder
    asked = results.anonymous(as_json(Hunt(question)))["question"]
    for folder in sorted(root.glob("bisect-*/"), reverse=True):
        kept = _read(folder / FILE) if owned.is_own(folder, noted_before) else {}
        if kept.get("question") == asked and not kept.get("finished"):
            owned.mark(folder)
            return folder
    raise BadInput(
        f"nothing to resume: {root} holds no unfinished bisect of {question.check} over these values in "
        f"environment {question.environment} by samcheck {question.samcheck}; leave out --resume to start one"
    )


def noted_before(folder: Path) -> bool:
    """Whether a samcheck from before there were marks made a folder: it noted its question there."""
    named = folder.name.startswith("bisect-") and owned.has_file(folder, FILE)
    return named and isinstance(_read(folder / FILE).get("question"), dict)


def note(folder: Path, hunt: Hunt) -> None:
    """Write down all that is known so far."""
    content = json.dumps(results.anonymous(as_json(hunt)), indent=1).encode() + b"\n"
    files.write_atomically(folder / FILE, content)


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = files.parsed_json(files.read(path))
    except (BadInput, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
