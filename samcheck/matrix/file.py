"""The form of a matrix file: what may stand in it, and a sentence for everything that may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from samcheck import files
from samcheck.cells import DEFAULT_SAM
from samcheck.errors import BadInput
from samcheck.suggestions import did_you_mean

MAXIMUM_BYTES = 1_000_000

Tier = Literal["fast", "full"]
Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


def _prints(value: str) -> str:
    """Text for people goes to terminals and tables: nothing in it may steer them or reverse what is read."""
    if not value.isprintable():
        raise ValueError("has characters that do not print, such as control or direction marks")
    return value


Text = Annotated[str, AfterValidator(_prints)]
Reason = Annotated[Text, Field(min_length=3, max_length=500)]
#: A value, specifiers or a word; what it means is found out by `samcheck.matrix.axes`.
SPEC = r"^[a-z0-9.<>=!~,* -]{1,80}$"
Spec = Annotated[str, Field(pattern=SPEC)]


def _listed(value: Any) -> Any:
    """One value is a list of one; a bare number would lose its last zero: 3.10 is 3.1 to TOML."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, int | float):
            raise ValueError(f"put it in quotes, as in {shown(repr(_text(entry)))}")
    return [value] if isinstance(value, str) else value


Specs = Annotated[list[Spec], BeforeValidator(_listed), Field(min_length=1, max_length=200)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CellTable(_Table):
    """One ``[[cell]]``: run as it is, whatever else is chosen."""

    torch: Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$")]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$")]
    cuda: Annotated[str, Field(pattern=r"^(auto|default|cpu|cu[0-9]{2,4})$")] = "auto"
    numpy: Annotated[str, Field(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){1,2})?$")] = ""
    sam: Annotated[str, Field(pattern=r"^segment-anything==[0-9]{1,3}(\.[0-9]{1,3}){1,2}$")] = DEFAULT_SAM
    tags: list[Tag] = []
    spare: bool = False


class IncludeTable(CellTable):
    """One ``[[include]]``: a cell beside those that the strategy takes, and why."""

    reason: Reason


class AxesTable(_Table):
    """``[axes]``: which values the cells may have."""

    torch: Specs
    python: Specs = ["all"]
    cuda: Specs = ["auto"]
    numpy: Specs = ["auto"]
    sam: Specs = [DEFAULT_SAM]


class Conditions(_Table):
    """Which cells a rule is about: those that fit all of its axes, and its pattern on ids."""

    match: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    torch: Specs | None = None
    python: Specs | None = None
    cuda: Specs | None = None
    numpy: Specs | None = None
    sam: Specs | None = None

    @property
    def on_axes(self) -> dict[str, list[str]]:
        """The axes that the rule names, with what it says of them."""
        named = {axis: getattr(self, axis) for axis in AxesTable.model_fields}
        return {axis: specs for axis, specs in named.items() if specs is not None}


class ExcludeTable(Conditions):
    """One ``[[exclude]]``: cells to leave out, and why."""

    reason: Reason


class TagTable(Conditions):
    """One ``[[tag]]``: a name for the cells that fit."""

    name: Tag


class BudgetTable(_Table):
    """``[budget]``: how much may be run."""

    cells: Annotated[int, Field(ge=1, le=10_000)] | None = None
    minutes: Annotated[int, Field(ge=1, le=100_000)] | None = None


class MatrixFile(_Table):
    """A whole matrix file."""

    description: Annotated[Text, Field(max_length=500)] = ""
    tier: Tier = "fast"
    strategy: Literal["all", "pairwise", "each-once", "ends", "listed"] = "listed"
    wanted: Annotated[int, Field(ge=0, le=10_000)] = 0
    tags: list[Tag] = []
    axes: AxesTable | None = None
    budget: BudgetTable = BudgetTable()
    cell: list[CellTable] = []
    include: list[IncludeTable] = []
    exclude: list[ExcludeTable] = []
    tag: list[TagTable] = []


TABLES: dict[str, type[BaseModel]] = {
    "axes": AxesTable,
    "budget": BudgetTable,
    "cell": CellTable,
    "exclude": ExcludeTable,
    "include": IncludeTable,
    "tag": TagTable,
}


def parse(path: Path) -> dict[str, Any]:
    """The tables of a TOML file, not yet validated.

    Raises:
        BadInput: it cannot be read, is too large, or is not TOML.
    """
    try:
        return files.parsed_toml(files.read(path, MAXIMUM_BYTES))
    except ValueError as error:
        raise BadInput(f"{path.name}: not TOML: {shown(str(error), 200)}") from None


def malformed(raw: dict[str, Any]) -> Iterator[str]:
    """A sentence for each thing that is not of the form of a matrix file."""
    try:
        MatrixFile.model_validate(raw)
    except ValidationError as error:
        yield from (_problem(entry) for entry in error.errors())
    yield from _does_not_add_up(raw)


def _does_not_add_up(raw: dict[str, Any]) -> Iterator[str]:
    """What is wrong with tables that are each well formed."""
    rows = raw.get("cell")
    listed = rows if isinstance(rows, list) else []
    if any(isinstance(row, dict) and row.get("spare") for row in listed) and not raw.get("wanted"):
        yield "wanted: is missing, and spare cells run only when fewer cells than it could be built"
    strategy = raw.get("strategy", "listed")
    if strategy != "listed" and "axes" not in raw:
        yield f"axes: is missing, and the strategy {shown(_text(strategy))} chooses among their values"
    if strategy == "listed" and "axes" in raw:
        yield "strategy: is missing, and axes without one of all, pairwise, each-once, ends choose nothing"
    if not (raw.get("cell") or raw.get("include") or "axes" in raw):
        yield "cell: is missing: a matrix has cells, or axes and a strategy"
    for name in ("exclude", "tag"):
        for index, row in enumerate(raw[name] if isinstance(raw.get(name), list) else []):
            if isinstance(row, dict) and not set(row) & set(Conditions.model_fields):
                known = ", ".join(Conditions.model_fields)
                yield f"{name}[{index}]: does not say which cells; add one of {known}"


def _problem(entry: Any) -> str:
    """One line for one validation error: path, what is wrong, and a guess."""
    path = ""
    for step in entry["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{shown(str(step))}"
    return f"{path.lstrip('.')}: {_message(entry)}"


def _message(entry: Any) -> str:
    if entry["type"] == "extra_forbidden":
        return "unknown key" + _hint(entry["loc"])
    if entry["type"] == "missing":
        return "is missing"
    value = shown(_text(entry["input"]))
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
        "name": "lower-case letters, digits and dashes",
    }
    on_axis = entry["loc"][0] in ("axes", "exclude", "tag")
    field = next((step for step in reversed(entry["loc"]) if isinstance(step, str)), "")
    if on_axis and field in AxesTable.model_fields:
        return "3.12, >=2.4, all"
    return forms.get(field) or str(entry["ctx"]["pattern"])


def _hint(location: tuple[Any, ...]) -> str:
    table = TABLES.get(str(location[0]), MatrixFile) if len(location) > 1 else MatrixFile
    return did_you_mean(str(location[-1]), table.model_fields, lead="; ")


def _text(value: object) -> str:
    """As `repr`, also of a number with more digits than Python is willing to write."""
    try:
        return repr(value)
    except ValueError:
        return "a number of thousands of digits"


def shown(text: str, most: int = 60) -> str:
    """Foreign text made harmless for a terminal and short."""
    clean = text[: 10 * most].encode("unicode_escape").decode("ascii")
    return clean if len(clean) <= most else clean[: most - 3] + "..."
