"""The form of a matrix file: what may stand in it, and a sentence for everything that may not."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from samcheck.cells import DEFAULT_SAM
from samcheck.errors import BadInput

MAXIMUM_BYTES = 1_000_000

Tier = Literal["fast", "full"]
Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CellTable(_Table):
    """One ``[[cell]]``."""

    torch: Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$")]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$")]
    cuda: Annotated[str, Field(pattern=r"^(auto|cpu|cu[0-9]{2,4})$")] = "auto"
    numpy: Annotated[str, Field(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){1,2})?$")] = ""
    sam: Annotated[str, Field(pattern=r"^segment-anything==[0-9]{1,3}(\.[0-9]{1,3}){1,2}$")] = DEFAULT_SAM
    tags: list[Tag] = []
    spare: bool = False


class ExcludeTable(_Table):
    """One ``[[exclude]]``: a pattern on ids, and why."""

    match: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=3, max_length=500)]


class MatrixFile(_Table):
    """A whole matrix file."""

    description: Annotated[str, Field(max_length=500)] = ""
    tier: Tier = "fast"
    wanted: Annotated[int, Field(ge=0, le=10_000)] = 0
    cell: Annotated[list[CellTable], Field(min_length=1)]
    exclude: list[ExcludeTable] = []


def parse(path: Path) -> dict[str, Any]:
    """The tables of a TOML file, not yet validated.

    Raises:
        BadInput: it cannot be read, is too large, or is not TOML.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAXIMUM_BYTES:
        raise BadInput(f"{path.name}: {len(raw)} bytes; a matrix file has at most {MAXIMUM_BYTES}")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{path.name}: not TOML: {error}") from None


def malformed(raw: dict[str, Any]) -> Iterator[str]:
    """A sentence for each thing that is not of the form of a matrix file."""
    try:
        MatrixFile.model_validate(raw)
    except ValidationError as error:
        yield from (_problem(entry) for entry in error.errors())
    yield from _unmet_spares(raw)


def _unmet_spares(raw: dict[str, Any]) -> Iterator[str]:
    rows = raw.get("cell")
    spare = (
        any(isinstance(row, dict) and row.get("spare") for row in rows) if isinstance(rows, list) else False
    )
    if spare and not raw.get("wanted"):
        yield "wanted: is missing, and spare cells run only when fewer cells than it could be built"


def _problem(entry: Any) -> str:
    """One line for one validation error: path, what is wrong, and a guess."""
    path = ""
    for step in entry["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{_shown(str(step))}"
    return f"{path.lstrip('.')}: {_message(entry)}"


def _message(entry: Any) -> str:
    if entry["type"] == "extra_forbidden":
        return "unknown key" + _hint(entry["loc"])
    if entry["type"] == "missing":
        return "is missing"
    value = _shown(repr(entry["input"]))
    if entry["type"] == "string_pattern_mismatch":
        return f"{value} is not of the form {_form(entry)}"
    return f"{entry['msg']}, not {value}"


def _form(entry: Any) -> str:
    forms = {
        "torch": "1.2.3",
        "python": "3.12",
        "cuda": "auto, cpu or cu130",
        "numpy": "1.26.4",
        "sam": "segment-anything==1.0",
        "tags": "lower-case letters, digits and dashes",
    }
    field = next((step for step in reversed(entry["loc"]) if isinstance(step, str)), "")
    return forms.get(field) or str(entry["ctx"]["pattern"])


def _hint(location: tuple[Any, ...]) -> str:
    tables: dict[str, type[BaseModel]] = {"cell": CellTable, "exclude": ExcludeTable}
    table = tables.get(str(location[0]), MatrixFile)
    near = get_close_matches(str(location[-1]), list(table.model_fields), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _shown(text: str) -> str:
    """Foreign text made harmless for a terminal and short."""
    clean = text.encode("unicode_escape").decode("ascii")
    return clean if len(clean) <= 60 else clean[:57] + "..."
