"""The schema of a matrix file, and an error message for everything that violates it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from samcheck import files
from samcheck.cells import DEFAULT_SAM
from samcheck.environments.own.declaration import SourceKind
from samcheck.errors import BadInput
from samcheck.suggestions import did_you_mean

MAXIMUM_BYTES = 1_000_000

Tier = Literal["fast", "full"]
Tag = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]


def _prints(value: str) -> str:
    """Refuse unprintable text: it goes to terminals and tables, and must not control or reverse them."""
    if not value.isprintable():
        raise ValueError("has unprintable characters, such as control or direction marks")
    return value


Text = Annotated[str, AfterValidator(_prints)]
Given = Annotated[Text, Field(min_length=1, max_length=500)]
Reason = Annotated[Text, Field(min_length=3, max_length=500)]
#: A value, specifiers or a word; `samcheck.matrix.axes` interprets it.
SPEC = r"^[a-z0-9.<>=!~,* -]{1,80}$"
Spec = Annotated[str, Field(pattern=SPEC)]


def _listed(value: Any) -> Any:
    """Make a single value a list; refuse bare numbers, which lose a final zero: TOML reads 3.10 as 3.1."""
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, int | float):
            raise ValueError(f"put it in quotes, as in {shown(repr(_text(entry)))}")
    return [value] if isinstance(value, str) else value


Specs = Annotated[list[Spec], BeforeValidator(_listed), Field(min_length=1, max_length=200)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CellTable(_Table):
    """One ``[[cell]]``: always run as written."""

    torch: Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$")]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$")]
    cuda: Annotated[str, Field(pattern=r"^(auto|default|cpu|cu[0-9]{2,4})$")] = "auto"
    numpy: Annotated[str, Field(pattern=r"^([0-9]{1,3}(\.[0-9]{1,3}){1,2})?$")] = ""
    sam: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}(==[0-9]{1,4}(\.[0-9]{1,4}){1,3})?$")] = (
        DEFAULT_SAM
    )
    tags: list[Tag] = []
    spare: bool = False


class IncludeTable(CellTable):
    """One ``[[include]]``: a cell in addition to those that the strategy chooses, and why."""

    reason: Reason


class EnvironmentTable(_Table):
    """One ``[[environment]]``: an environment of the user's own, see `samcheck.matrix.own`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
    image: Given | None = None
    archive: Given | None = None
    dockerfile: Given | None = None
    requirements: Given | None = None
    lock: Given | None = None
    pyproject: Given | None = None
    conda: Given | None = None
    python: Given | None = None
    base: Given | None = None
    context: Given | None = None
    upgrade: list[Annotated[Text, Field(min_length=1, max_length=1000)]] = []
    fresh: bool = False
    tags: list[Tag] = []

    @property
    def sources(self) -> dict[SourceKind, str]:
        """What it can be made from; in a valid table one, or none beside a base."""
        named = {kind: getattr(self, kind) for kind in SourceKind}
        given = {kind: text for kind, text in named.items() if text is not None}
        if len(given) > 1:  # the Python of what is installed, or of an image
            given.pop(SourceKind.PYTHON, None)
        return given


class VariantTable(_Table):
    """One ``[variant.NAME]``: a model of the user's own, see `samcheck.matrix.variant_tables`."""

    package: Given | None = None
    base: Given | None = None
    checkpoint: Given | None = None
    tier: Tier | None = None


VariantName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,39}$")]


class AxesTable(_Table):
    """``[axes]``: the values that cells may have."""

    torch: Specs
    python: Specs = ["all"]
    cuda: Specs = ["auto"]
    numpy: Specs = ["auto"]
    sam: Specs = [DEFAULT_SAM]


class Conditions(_Table):
    """The cells that a rule applies to: those that match all of its axes, and its id pattern."""

    match: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    torch: Specs | None = None
    python: Specs | None = None
    cuda: Specs | None = None
    numpy: Specs | None = None
    sam: Specs | None = None

    @property
    def on_axes(self) -> dict[str, list[str]]:
        """The axes that the rule names, with their specs."""
        named = {axis: getattr(self, axis) for axis in AxesTable.model_fields}
        return {axis: specs for axis, specs in named.items() if specs is not None}


class ExcludeTable(Conditions):
    """One ``[[exclude]]``: cells to leave out, and why."""

    reason: Reason


class TagTable(Conditions):
    """One ``[[tag]]``: a name for the cells that match."""

    name: Tag


class BudgetTable(_Table):
    """``[budget]``: the maximum to run."""

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
    environment: list[EnvironmentTable] = []
    include: list[IncludeTable] = []
    exclude: list[ExcludeTable] = []
    tag: list[TagTable] = []
    variant: dict[VariantName, VariantTable] = {}


TABLES: dict[str, type[BaseModel]] = {
    "axes": AxesTable,
    "budget": BudgetTable,
    "cell": CellTable,
    "environment": EnvironmentTable,
    "exclude": ExcludeTable,
    "include": IncludeTable,
    "tag": TagTable,
    "variant": VariantTable,
}


def parse(path: Path) -> dict[str, Any]:
    """Parse the tables of a TOML file, without validating them.

    Raises:
        BadInput: it cannot be read, is too large, or is not TOML.
    """
    try:
        return files.parsed_toml(files.read(path, MAXIMUM_BYTES))
    except ValueError as error:
        raise BadInput(f"{path.name}: not TOML: {shown(str(error), 200)}") from None


def malformed(raw: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each violation of a matrix file's schema."""
    try:
        MatrixFile.model_validate(raw)
    except ValidationError as error:
        yield from (_problem(entry) for entry in error.errors())
    yield from _does_not_add_up(raw)


def _does_not_add_up(raw: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong between tables that are each well formed."""
    rows = raw.get("cell")
    listed = rows if isinstance(rows, list) else []
    if any(isinstance(row, dict) and row.get("spare") for row in listed) and not raw.get("wanted"):
        yield "wanted: is missing, but spare cells run only if fewer cells than that could be built"
    strategy = raw.get("strategy", "listed")
    if strategy != "listed" and "axes" not in raw:
        yield f"axes: is missing, but the strategy {shown(_text(strategy))} chooses among their values"
    if strategy == "listed" and "axes" in raw:
        yield "strategy: is missing, but axes have no effect without all, pairwise, each-once or ends"
    if not (raw.get("cell") or raw.get("include") or raw.get("environment") or "axes" in raw):
        yield "cell: is missing: a matrix needs cells, environments, or axes and a strategy"
    for name in ("exclude", "tag"):
        for index, row in enumerate(raw[name] if isinstance(raw.get(name), list) else []):
            if isinstance(row, dict) and not set(row) & set(Conditions.model_fields):
                known = ", ".join(Conditions.model_fields)
                yield f"{name}[{index}]: does not select cells: add one of {known}"


def _problem(entry: Any) -> str:
    """Format a validation error as one line: path, problem, and a suggestion."""
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
        "sam": "sam2==1.1.0",
        "tags": "lower-case letters, digits and dashes",
        "name": "lower-case letters, digits and dashes",
        "[key]": "lower-case letters, digits, _ and ., and a letter first",
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
    """Return `repr`, even for a number with more digits than Python agrees to print."""
    try:
        return repr(value)
    except ValueError:
        return "a number of thousands of digits"


def shown(text: str, most: int = 60) -> str:
    """Make foreign text short and harmless for a terminal."""
    clean = text[: 10 * most].encode("unicode_escape").decode("ascii")
    return clean if len(clean) <= most else clean[: most - 3] + "..."
