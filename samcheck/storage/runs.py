"""Runs on disk, so that another process can resume one."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from samcheck import files, owned, paths
from samcheck.errors import BadInput


@dataclass(frozen=True)
class RunManifest:
    """A run on disk, so that another process can resume it.

    `finished` is set once every cell was built and the table was written. `own_variants` say what the user's
    own variants contain: with other contents it is another run.
    """

    matrix: str
    environment: str
    tier: str
    variants: tuple[str, ...]
    version: str
    cells: tuple[str, ...]
    finished: bool = False
    groups: tuple[str, ...] = ()
    own_variants: tuple[str, ...] = ()


_RUN = TypeAdapter(RunManifest)


def new_name() -> str:
    """Return the name of a run that starts now."""
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"


def open_folder(run: RunManifest, resume: bool) -> Path:
    """Return a new folder for `run`, or the newest unfinished one of the same run.

    Raises:
        BadInput: there is nothing to resume.
    """
    if not resume:
        folder = paths.RUNS / new_name()
        owned.make(folder)
        note_run(folder, run)
        return folder
    for folder in sorted(paths.RUNS.glob("*/"), reverse=True):
        if owned.is_own(folder, is_run) and _noted(folder) == run:
            owned.mark(folder)
            return folder
    contents = ", these contents of your variants" if run.own_variants else ""
    raise BadInput(
        f"nothing to resume: {paths.RUNS} has no unfinished run of matrix {run.matrix} with these cells"
        f"{contents} and options in environment {run.environment} by samcheck {run.version}; "
        "leave out --resume to start one"
    )


def is_run(folder: Path) -> bool:
    """Return whether an old samcheck without marks made this folder of a run: it stored the run there."""
    return owned.has_file(folder, "run.json") and _noted(folder) is not None


def _noted(folder: Path) -> RunManifest | None:
    """Return the run of a folder; None if none is stored, or it is invalid."""
    try:
        return _RUN.validate_json(files.read(folder / "run.json"))
    except (BadInput, ValidationError):
        return None


def note_run(folder: Path, run: RunManifest) -> None:
    files.write_atomically(folder / "run.json", _RUN.dump_json(run, indent=1))


BISECT_FILE = "bisect.json"


def is_bisect(folder: Path) -> bool:
    """Return whether an old samcheck without marks made this folder of a bisect: it stored its question."""
    named = folder.name.startswith("bisect-") and owned.has_file(folder, BISECT_FILE)
    return named and isinstance(read_bisect(folder / BISECT_FILE).get("question"), dict)


def read_bisect(path: Path) -> dict[str, Any]:
    try:
        kept = files.parsed_json(files.read(path))
    except (BadInput, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


#: The folders of the two sides of a paired run.
SIDES = ("base", "new")


def is_meeting(folder: Path) -> bool:
    """Return whether an old samcheck without marks made this folder of a paired run, by name and sides."""
    named = re.fullmatch(r"\d{8}-\d{6}-\d+", folder.name) is not None
    return named and all(owned.is_own(folder / side, lambda path: (path / "work").is_dir()) for side in SIDES)
