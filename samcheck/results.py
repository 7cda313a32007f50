"""The store: one JSON file per cell under ``results/<device>/<driver-or-none>/``."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from samcheck.environments import CHECKOUT
from samcheck.errors import BadInput
from samcheck.guest import record
from samcheck.guest.record import CellResult, Fingerprint

for _shape in (
    record.CheckResult,
    record.Fingerprint,
    record.CellRecord,
    record.EnvironmentRecord,
    record.CellResult,
):
    # The guest's dataclasses know nothing of pydantic; here they are read strictly.
    _shape.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[union-attr]

T = TypeVar("T")
_RESULT: TypeAdapter[CellResult] = TypeAdapter(CellResult)
_FINGERPRINT: TypeAdapter[Fingerprint] = TypeAdapter(Fingerprint)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace `path` as a whole: a reader, or a full disk, never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


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
    return anonymous(_RESULT.dump_json(result, indent=1) + b"\n")


def anonymous(content: bytes) -> bytes:
    """Without the paths of this machine's checkout and home."""
    for folder, name in ((CHECKOUT, b"<checkout>"), (Path.home(), b"~")):
        content = content.replace(f"{folder}/".encode(), name + b"/")
    return content


def read(path: Path) -> CellResult:
    """Read one result.

    Raises:
        BadInput: not a result of this schema; the message says what is wrong and where in the file.
    """
    return _validated(_RESULT, path)


def read_fingerprint(path: Path) -> Fingerprint:
    """Read what the probe wrote.

    Raises:
        BadInput: it is missing or torn.
    """
    return _validated(_FINGERPRINT, path)


def _validated(shape: TypeAdapter[T], path: Path) -> T:
    try:
        return shape.validate_json(path.read_bytes(), strict=True)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "the file"
        raise BadInput(
            f"{path}: not a samcheck result of schema {record.SCHEMA_VERSION}: "
            f"{where}: {first['msg']} ({error.error_count()} problems)"
        ) from None


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
    # A run of some variants only must not replace one of all.
    return folder / f"{'+'.join((result.cell.id, *result.variants))}.json"


def store(root: Path, result: CellResult, fallback_device: str) -> Path:
    """Write `result` to its place under `root`, replacing an older one of the same cell."""
    path = place(root, result, fallback_device)
    write_atomically(path, to_json(result))
    return path


@dataclass(frozen=True)
class Stored:
    """A result and the folders it was found in."""

    device: str
    driver: str
    result: CellResult


def load(root: Path) -> tuple[list[Stored], list[str]]:
    """All results under `root`, in a stable order, and a sentence for each file that is none."""
    found, problems = [], []
    for path in _files(root):
        try:
            found.append(Stored(path.parent.parent.name, path.parent.name, read(path)))
        except BadInput as problem:
            problems.append(str(problem))
    return found, problems


def _files(root: Path) -> Iterator[Path]:
    yield from sorted(root.glob("*/*/*.json"))
