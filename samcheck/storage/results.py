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

#: Maximum bytes of a result: some thousand checks with long tracebacks, pictures and samples.
LARGEST = 256 * 2**20
#: Layout of a store: by device, driver and cell.
LAYOUT = ("*", "*", "*.json")
#: Maximum number of characters of a device's or driver's folder name.
LONGEST_SLUG = 80
#: The oldest schema that is supported.
OLDEST_SCHEMA = 1
_RESULT = codec.RecordDecoder(CellResult)
_BAD = frozenset(outcome for outcome in CheckOutcome if outcome.is_bad)
_outcome = attrgetter("outcome")


def require_writable(root: Path, device: str = "", names: Sequence[str] = ()) -> None:
    """Check, before hours of work, that results can be stored.

    Args:
        root: where they will be stored.
        device: this machine's device name, as for `store`.
        names: of the expected results, as in `CellResult.name`.

    Raises:
        BadInput: files cannot be created under `root`, or one of the names cannot be used.
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
                    f"{folder / _file_name(name)} is a folder and in the way of a result: move it away"
                )


def _used(device: Path) -> list[Path]:
    """Return the existing folders of a device and of the drivers below it."""
    return [path for path in (device, *device.glob("*")) if path.is_dir()]


def to_json(result: CellResult) -> bytes:
    """Return the stored form: results are published, so it does not name this machine's folders.

    Raises:
        BadInput: it could not be read again, due to NaN, half a character or an unknown outcome.
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
        BadInput: not a result that this samcheck supports; the message says what is wrong and where.
    """
    return _RESULT.whole(_read(path))


def _read(path: Path) -> CellResult:
    """Read as `read`, but return a struct with the fields of a `CellResult`."""
    return _parsed(files.read(path, LARGEST), files.named(path))


def whole(result: CellResult) -> CellResult:
    """Convert a struct with the fields of a `CellResult` to one."""
    return _RESULT.whole(result)


def parsed(content: bytes, where: str) -> CellResult:
    """Parse a file's content as `read` does; `where` names the file in messages."""
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
    """Raise BadInput for a passed cell with a bad check."""
    if result.outcome is not CellOutcome.PASSED or _BAD.isdisjoint(map(_outcome, result.checks)):
        return
    bad = next(check for check in result.checks if check.outcome.is_bad)
    contradiction = f"outcome: 'passed', but its check {bad.check[:80]!r} is '{bad.outcome}'"
    raise BadInput(f"{where}: not a samcheck result: {contradiction}")


def _schema_of(content: bytes) -> int | None:
    """Return the schema that a file declares; None if it declares none."""
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
    """Return `text` as a folder name: lower-case letters, digits, dots and dashes.

    A very long one ends in a hash of the whole.
    """
    name = re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unknown"
    if len(name) <= LONGEST_SLUG:
        return name
    return f"{name[: LONGEST_SLUG - 13]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def device_of(result: CellResult, fallback: str) -> str:
    """Return the GPU that ran the cell, else ``cpu`` and the processor's name."""
    seen = result.observed
    if seen is None:
        return fallback
    return seen.gpu if seen.device == "cuda" and seen.gpu else f"cpu {seen.cpu}"


def numpy_of(result: CellResult) -> str:
    """Return the NumPy that was installed, else the requested one, which is usually empty."""
    return (result.observed.numpy if result.observed else None) or result.cell.numpy


def machine_of(result: CellResult, fallback_device: str) -> tuple[str, str]:
    """Return the names of the device folder and the driver folder of a result."""
    on_gpu = result.observed is not None and result.observed.device == "cuda"
    driver = (result.observed.driver if result.observed and on_gpu else None) or "none"
    return slug(device_of(result, fallback_device)), slug(driver)


def place(root: Path, result: CellResult, fallback_device: str) -> Path:
    """Return the path of `result` under `root`.

    Raises:
        BadInput: its name cannot be a file name.
    """
    device, driver = machine_of(result, fallback_device)
    return root / device / driver / _file_name(result.name)


def _file_name(name: str) -> str:
    files.require_name(name, "the result")  # also the name of a folder of the run
    return files.require_name(f"{name}.json", "the result")


def store(root: Path, result: CellResult, fallback_device: str) -> Path:
    """Write `result` to its place under `root`, replacing an older one of the same cell.

    Raises:
        BadInput: its name is invalid, or it could not be read again; an older one is unchanged.
    """
    path = place(root, result, fallback_device)
    files.write_atomically(path, to_json(result))
    return path


@dataclass(frozen=True)
class Stored:
    """A result and the folders it was found in; its file, `path`, is not exported."""

    device: str
    driver: str
    result: CellResult
    path: Annotated[Path, Field(exclude=True)] = field(default=Path(), compare=False)


def stored(path: Path, result: CellResult) -> Stored:
    """Return the result at `path`, with the folders' names as text."""
    return Stored(files.named(path.parent.parent.name), files.named(path.parent.name), result, path)


@dataclass(frozen=True)
class UnreadableFile:
    """A file among results that is not one: its name, and a sentence on what is wrong with it."""

    name: str
    problem: str

    def __str__(self) -> str:
        return self.problem


def load(root: Path) -> tuple[list[Stored], list[str]]:
    """Return all results under `root`, in a stable order, and a sentence for each file that is not one."""
    unreadable: list[UnreadableFile] = []
    structs = stream(root, unreadable)
    return [replace(entry, result=_RESULT.whole(entry.result)) for entry in structs], [*map(str, unreadable)]


def stream(root: Path, unreadable: list[UnreadableFile]) -> Iterator[Stored]:
    """Yield results as `load` does, one at a time, for thousands of them; append other files to `unreadable`.

    The results are structs with the fields of a `CellResult`: see `samcheck.codec`.
    """
    return read_all(result_files(root), unreadable)


def result_files(root: Path, below: int = 0) -> list[Path]:
    """Return the files under `root` that may be results, in a stable order; `root` is `below` levels down."""
    return sorted(root.glob("/".join(LAYOUT[below:])))


def may_be_result(name: str) -> bool:
    """Return whether a path relative to a store can be that of a result."""
    parts = name.split("/")
    return len(parts) == len(LAYOUT) and all(map(fnmatchcase, parts, LAYOUT))


def read_all(paths: Iterable[Path], unreadable: list[UnreadableFile]) -> Iterator[Stored]:
    """Yield the results in these files, as `stream` does."""
    with codec.uncollected():
        for path in paths:
            try:
                yield stored(path, _read(path))
            except BadInput as problem:
                unreadable.append(UnreadableFile(files.named(path), files.named(str(problem))))
