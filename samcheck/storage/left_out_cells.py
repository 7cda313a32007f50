"""The cells that a run left out, stored with the results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from samcheck import files
from samcheck.cells import LeftOut
from samcheck.errors import BadInput
from samcheck.storage.private_paths import anonymous

#: What the last run of a matrix left out, so that the table can be rewritten without a run.
LEFT_OUT = "left-out.json"

_LEFT_OUT = TypeAdapter(tuple[LeftOut, ...])


def note_left_out(path: Path, left_out: Sequence[LeftOut]) -> None:
    if left_out:
        content = json.dumps(anonymous(_LEFT_OUT.dump_python(tuple(left_out), mode="json")), indent=1)
        files.write_atomically(path, content.encode() + b"\n")
    else:
        path.unlink(missing_ok=True)


def noted(path: Path) -> tuple[tuple[LeftOut, ...], list[str]]:
    """Return the cells that a run left out, and a sentence if the file cannot be read."""
    try:
        return _LEFT_OUT.validate_json(files.read(path)), []
    except files.Missing:
        return (), []
    except (BadInput, ValidationError):
        return (), [
            f"{path}: is not a list of left-out cells: remove it; the next run of a matrix writes a new one"
        ]
