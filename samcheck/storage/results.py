"""The store: one JSON file per cell under ``results/<device>/<driver-or-none>/``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import Field

from samcheck import codec, files
from samcheck.errors import BadInput
from samcheck.guest import record
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult
from samcheck.sanitize import printable
from samcheck.storage import older_schemas, private_paths

#: Bytes that a result may have: some thousand checks with long tracebacks, pictures and samples.
LARGEST = 256 * 2**20
#: Where a result lies in a store: by device, driver and cell.
LAYOUT = ("*", "*", "*.json")
#: Characters of a device's or driver's name that stand in a folder's.
LONGEST_SLUG = 80
#: Results of all schemas since this one are read.
OLDEST_SCHEMA = 1
_RESULT = codec.RecordDecoder(CellResult)
_BAD = frozenset(outcome for outcome in CheckOutcome if outcome.is_bad)
_outcome = attrgetter("outcome")


def require_writable(root: Path, device: str = "", names: Sequence[str] = ()) -> None:
    """Find out before hours of work that results cannot be stored.

    Args:
        root: where they will be stored.
        device: what this machine is called, as for `store`.
        names: of the results that are to come, as `CellResult.name` has them.

    Raises:
        BadInput: files cannot be made under `root`, or one of the results cannot have its name.
    """
    for name in names:
        _file_name(name)
    private_paths.private_folders()
    for folder in (root, *(_used(root / slug(device)) if device else ())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files.write_atomically(folder / ".writable", b"")
            (folder / ".writable").unlink()
        except OSError as error:
            raise BadInput(f"results cannot be stored at {folder}: {error.strerror}") from None
        for name in names:
            if (folder / _file_name(name)).is_dir():
                raise BadInput(
                    f"{folder / _file_name(name)} is a folder, in the way of a result: move it away"
                )


def _used(device: Path) -> list[Path]:
    """The folders of a device, and of the drivers below it, that are there already."""
    return [path for path in (device, *device.glob("*")) if path.is_dir()]


def to_json(result: CellResult) -> bytes:
    """The stored form: results are published, so tracebacks in them do not name this machine's folders.

    Raises:
        BadInput: it could not be read again: a number that is none, half a character, an unknown outcome.
    """
    what = f"the result of {result.cell.id}"
    try:
        plain = private_paths.anonymous(msgspec.to_builtins(result))
        content = codec.to_json(plain, indent=1) + b"\n"
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadInput(f"{what} cannot be stored: {error}") from None
    if len(content) > LARGEST:
        raise BadInput(f"{what} cannot be stored: it has more than {LARGEST} bytes")
    try:
        _parsed(content, what)
    except BadInput as problem:
        raise BadInput(f"{what} cannot be stored, as it could not be read again: {problem}") from None
    return content


def read(path: Path) -> CellResult:
    """Read one result, of this schema or an older one.

    Raises:
        BadInput: not a result that this samcheck knows; the message says what is wrong and where in the file.
    """
    return _RESULT.whole(_read(path))


def _read(path: Path) -> CellResult:
    """As `read`, a struct with the fields of a `CellResult`."""
    return _parsed(files.read(path, LARGEST), files.named(path))


def parsed(content: bytes, where: str) -> CellResult:
    """As `read`, of what is in a file; `where` it is, for messages."""
    return _RESULT.whole(_parsed(content, where))


def _parsed(content: bytes, where: str) -> CellResult:
    try:
        result = _RESULT.read(content)
    except ValueError as error:
        version = _schema_of(content)
        if version is not None and not OLDEST_SCHEMA <= version <= record.SCHEMA_VERSION:
            raise BadInput(_foreign(where, version)) from None
        raise BadInput(
            f"{where}: not a samcheck result of schema {record.SCHEMA_VERSION}: {printable(str(error))}"
        ) from None
    if not OLDEST_SCHEMA <= result.schema_version <= record.SCHEMA_VERSION:
        raise BadInput(_foreign(where, result.schema_version))
    _require_consistent(where, result)
    return older_schemas.upgraded(result)


def _require_consistent(where: str, result: CellResult) -> None:
    """No cell has passed of which a check has not."""
    if result.outcome is not CellOutcome.PASSED or _BAD.isdisjoint(map(_outcome, result.checks)):
        return
    bad = next(check for check in result.checks if check.outcome.is_bad)
    told = f"outcome: 'passed', but its check {bad.check[:80]!r} is '{bad.outcome}'"
    raise BadInput(f"{where}: not a samcheck result: {told}")


def _schema_of(content: bytes) -> int | None:
    """The schema that a file says it has; None if it does not say."""
    try:
        version = files.parsed_json(content)["schema_version"]
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    return version if type(version) is int else None


def _foreign(where: str, version: int) -> str:
    age, remedy = (
        ("newer", "read it with the samcheck that wrote it, or a newer one")
        if version > record.SCHEMA_VERSION
        else ("older", "run its cell again")
    )
    return (
        f"{where}: a result of schema {str(version)[:20]}, {age} than schema {OLDEST_SCHEMA} to "
        f"{record.SCHEMA_VERSION} of this samcheck: {remedy}"
    )


def slug(text: str) -> str:
    """`text` as a name of a folder: lower-case letters, digits, dots and dashes.

    One that is very long ends in a hash of the whole.
    """
    name = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unknown"
    if len(name) <= LONGEST_SLUG:
        return name
    return f"{name[: LONGEST_SLUG - 13]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def device_of(result: CellResult, fallback: str) -> str:
    """The GPU that ran the cell, else ``cpu`` and the processor's name."""
    seen = result.observed
    if seen is None:
        return fallback
    return seen.gpu if seen.device == "cuda" and seen.gpu else f"cpu {seen.cpu}"


def numpy_of(result: CellResult) -> str:
    """The NumPy that was there, rather than the one asked for, which is most often none in particular."""
    return (result.observed.numpy if result.observed else None) or result.cell.numpy


def machine_of(result: CellResult, fallback_device: str) -> tuple[str, str]:
    """The folders of the device and of its driver that `result` belongs into."""
    on_gpu = result.observed is not None and result.observed.device == "cuda"
    driver = (result.observed.driver if result.observed and on_gpu else None) or "none"
    return slug(device_of(result, fallback_device)), slug(driver)


def place(root: Path, result: CellResult, fallback_device: str) -> Path:
    """Where `result` belongs under `root`.

    Raises:
        BadInput: what it is called cannot be the name of a file in that folder.
    """
    device, driver = machine_of(result, fallback_device)
    return root / device / driver / _file_name(result.name)


def _file_name(name: str) -> str:
    files.require_name(name, "the result")  # a folder of the run is called so, too
    return files.require_name(f"{name}.json", "the result")


def store(root: Path, result: CellResult, fallback_device: str) -> Path:
    """Write `result` to its place under `root`, replacing an older one of the same cell.

    Raises:
        BadInput: it has no place there, or could not be read again; an older one is as it was.
    """
    path = place(root, result, fallback_device)
    files.write_atomically(path, to_json(result))
    return path


@dataclass(frozen=True)
class Stored:
    """A result and the folders it was found in; `path` is its file, which nobody else needs to know."""

    device: str
    driver: str
    result: CellResult
    path: Annotated[Path, Field(exclude=True)] = field(default=Path(), compare=False)


def stored(path: Path, result: CellResult) -> Stored:
    """A result that lies at `path`, with the folders' names as text."""
    return Stored(files.named(path.parent.parent.name), files.named(path.parent.name), result, path)


@dataclass(frozen=True)
class UnreadableFile:
    """A file among results that is none: its name, and the sentence that says what is wrong with it."""

    name: str
    problem: str

    def __str__(self) -> str:
        return self.problem


def load(root: Path) -> tuple[list[Stored], list[str]]:
    """All results under `root`, in a stable order, and a sentence for each file that is none."""
    unreadable: list[UnreadableFile] = []
    structs = stream(root, unreadable)
    return [replace(entry, result=_RESULT.whole(entry.result)) for entry in structs], [*map(str, unreadable)]


def stream(root: Path, unreadable: list[UnreadableFile]) -> Iterator[Stored]:
    """As `load`, one at a time, for thousands of results; files that are none are appended to `unreadable`.

    The results are structs with the fields of a `CellResult`: see `samcheck.codec`.
    """
    return read_all(result_files(root), unreadable)


def result_files(root: Path, below: int = 0) -> list[Path]:
    """What may be results under `root`, in a stable order; it lies so many levels `below` a store."""
    return sorted(root.glob("/".join(LAYOUT[below:])))


def may_be_result(name: str) -> bool:
    """Whether a path relative to a store is one of a result."""
    parts = name.split("/")
    return len(parts) == len(LAYOUT) and all(map(fnmatchcase, parts, LAYOUT))


def read_all(paths: Iterable[Path], unreadable: list[UnreadableFile]) -> Iterator[Stored]:
    """As `stream`, of these files."""
    with codec.uncollected():
        for path in paths:
            try:
                yield stored(path, _read(path))
            except BadInput as problem:
                unreadable.append(UnreadableFile(files.named(path), files.named(str(problem))))
