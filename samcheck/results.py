"""The store: one JSON file per cell under ``results/<device>/<driver-or-none>/``."""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import IO, Annotated, TypeVar

from pydantic import Field

from samcheck import shapes
from samcheck.environments import CHECKOUT
from samcheck.errors import BadInput
from samcheck.guest import record
from samcheck.guest.record import CellResult, Fingerprint

T = TypeVar("T")
DRAFT = ".draft"
#: Results of all schemas since this one are read.
OLDEST_SCHEMA = 1
_RESULT = shapes.Shape(CellResult)
_FINGERPRINT = shapes.Shape(Fingerprint)
_CHECK_OUTCOMES = frozenset(record.CHECK_OUTCOMES)
_outcome = attrgetter("outcome")


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` as a whole: a reader, a full disk, or kill -9 never leaves half a file.

    Drafts of processes that were killed while writing into the same folder are removed.

    Raises:
        OSError: with `path`, which is as it was.
    """
    with replacing(path) as stream:
        stream.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content replaces `path` as a whole, as `write_atomically` does, once all is written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        with _draft(path) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.chmod(stream.name, 0o644)
            os.replace(stream.name, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def _draft(path: Path) -> Iterator[IO[bytes]]:
    """A new file beside `path`, locked as long as this process lives; removed unless it was renamed."""
    stream = _locked_draft(path)
    try:
        with stream:
            yield stream
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(stream.name)
        raise


def _locked_draft(path: Path) -> IO[bytes]:
    while True:
        stream = tempfile.NamedTemporaryFile(  # noqa: SIM115  closed by whoever asked
            prefix=f".{path.name}.", suffix=DRAFT, dir=path.parent, delete=False
        )
        with suppress(OSError):  # a file system without locks: then nothing is swept there either
            fcntl.flock(stream, fcntl.LOCK_EX)
        if os.fstat(stream.fileno()).st_nlink:
            return stream
        stream.close()  # swept before it was locked


def _sweep(folder: Path) -> None:
    """Remove drafts that nobody has locked: whoever wrote them was killed."""
    for path in folder.glob(f".*{DRAFT}"):
        with suppress(OSError), path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


class InUse(BadInput):
    """Another process works in the same folder."""


@contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Alone in `folder` among those who ask; nothing is left there, and kill -9 ends it.

    Raises:
        InUse: somebody else is, and `wait` is false.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise InUse(
                f"the run {folder.name} still goes on in another process: wait for it, or end it"
            ) from None
        yield
    finally:
        os.close(handle)


def require_writable(root: Path) -> None:
    """Find out before hours of work that results cannot be stored.

    Raises:
        BadInput: files cannot be made under `root`.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        write_atomically(root / ".writable", b"")
        (root / ".writable").unlink()
    except OSError as error:
        raise BadInput(f"results cannot be stored at {root}: {error.strerror}") from None


def to_json(result: CellResult) -> bytes:
    """The stored form: results are published, so tracebacks in them do not name this machine's folders."""
    return anonymous(shapes.to_json(result, indent=1) + b"\n")


def anonymous(content: bytes) -> bytes:
    """Without the paths of this machine's checkout and home."""
    for folder, name in ((CHECKOUT, b"<checkout>"), (Path.home(), b"~")):
        content = content.replace(f"{folder}/".encode(), name + b"/")
    return content


def read(path: Path) -> CellResult:
    """Read one result, of this schema or an older one.

    Raises:
        BadInput: not a result that this samcheck knows; the message says what is wrong and where in the file.
    """
    return _RESULT.whole(_read(path))


def _read(path: Path) -> CellResult:
    """As `read`, a struct with the fields of a `CellResult`."""
    try:
        result = _validated(_RESULT, path)
    except BadInput:
        version = _schema_of(path)
        if version is None or OLDEST_SCHEMA <= version <= record.SCHEMA_VERSION:
            raise
        raise BadInput(_foreign(path, version)) from None
    if not OLDEST_SCHEMA <= result.schema_version <= record.SCHEMA_VERSION:
        raise BadInput(_foreign(path, result.schema_version))
    _require_known_outcomes(path, result)
    # What came later has defaults that are true of older results, so these need no more than the number.
    if result.schema_version == record.SCHEMA_VERSION:
        return result
    return shapes.replace(result, schema_version=record.SCHEMA_VERSION)


def _require_known_outcomes(path: Path, result: CellResult) -> None:
    """Whatever is made from results tells good from bad by these words."""
    if result.outcome in record.CELL_OUTCOMES and _CHECK_OUTCOMES.issuperset(map(_outcome, result.checks)):
        return
    said = [("outcome", result.outcome, record.CELL_OUTCOMES)]
    said += [
        (f"checks.{number}.outcome", check.outcome, record.CHECK_OUTCOMES)
        for number, check in enumerate(result.checks)
    ]
    for where, outcome, known in said:
        if outcome not in known:
            raise BadInput(
                f"{path}: not a samcheck result: {where}: {outcome[:80]!r} is none of {', '.join(known)}"
            )


def _schema_of(path: Path) -> int | None:
    """The schema that a file says it has; None if it does not say."""
    try:
        version = json.loads(path.read_bytes())["schema_version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return version if type(version) is int else None


def _foreign(path: Path, version: int) -> str:
    age, remedy = (
        ("newer", "read it with the samcheck that wrote it, or a newer one")
        if version > record.SCHEMA_VERSION
        else ("older", "run its cell again")
    )
    return (
        f"{path}: a result of schema {version}, {age} than schema {OLDEST_SCHEMA} to {record.SCHEMA_VERSION} "
        f"of this samcheck: {remedy}"
    )


def as_fingerprint(content: bytes) -> Fingerprint:
    """What the probe said.

    Raises:
        BadInput: it is missing or torn.
    """
    try:
        return _FINGERPRINT.whole(_FINGERPRINT.read(content))
    except ValueError as error:
        raise BadInput(f"what the probe reported is not a fingerprint: {error}") from None


def _validated(shape: shapes.Shape[T], path: Path) -> T:
    try:
        return shape.read(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{path}: not a samcheck result of schema {record.SCHEMA_VERSION}: {error}") from None


def slug(text: str) -> str:
    """`text` as a name of a folder: lower-case letters, digits, dots and dashes."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.") or "unknown"


def device_of(result: CellResult, fallback: str) -> str:
    """The GPU that ran the cell, else ``cpu`` and the processor's name."""
    seen = result.observed
    if seen is None:
        return fallback
    return seen.gpu if seen.device == "cuda" and seen.gpu else f"cpu {seen.cpu}"


def place(root: Path, result: CellResult, fallback_device: str) -> Path:
    """Where `result` belongs under `root`."""
    on_gpu = result.observed is not None and result.observed.device == "cuda"
    driver = (result.observed.driver if result.observed and on_gpu else None) or "none"
    folder = root / slug(device_of(result, fallback_device)) / slug(driver)
    return folder / f"{result.name}.json"


def store(root: Path, result: CellResult, fallback_device: str) -> Path:
    """Write `result` to its place under `root`, replacing an older one of the same cell."""
    path = place(root, result, fallback_device)
    write_atomically(path, to_json(result))
    return path


@dataclass(frozen=True)
class Stored:
    """A result and the folders it was found in; `path` is its file, which nobody else needs to know."""

    device: str
    driver: str
    result: CellResult
    path: Annotated[Path, Field(exclude=True)] = field(default=Path(), compare=False)


def load(root: Path) -> tuple[list[Stored], list[str]]:
    """All results under `root`, in a stable order, and a sentence for each file that is none."""
    problems: list[str] = []
    found = stream(root, problems)
    return [replace(each, result=_RESULT.whole(each.result)) for each in found], problems


def stream(root: Path, problems: list[str]) -> Iterator[Stored]:
    """As `load`, one at a time, for thousands of results; the sentences are appended to `problems`.

    The results are structs with the fields of a `CellResult`: see `samcheck.shapes`.
    """
    return read_all(paths(root), problems)


def paths(root: Path) -> list[Path]:
    """What may be results under `root`, in a stable order."""
    return sorted(root.glob("*/*/*.json"))


def read_all(paths: Iterable[Path], problems: list[str]) -> Iterator[Stored]:
    """As `stream`, of these files."""
    with shapes.uncollected():
        for path in paths:
            try:
                yield Stored(path.parent.parent.name, path.parent.name, _read(path), path)
            except BadInput as problem:
                problems.append(str(problem))
