"""A distribution's metadata and RECORD, read by itself: `importlib.metadata` stops at what is damaged."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass, field
from email.parser import HeaderParser
from typing import Dict, Iterator, List, Optional, Tuple

#: Endings of files that are imported or loaded.
CODE = re.compile(r"\.(?:py|pyd|so(?:\.[\d.]+)?)$")
COMPILED = re.compile(r"\.(?:pyd|so(?:\.[\d.]+)?)$")
#: Folders whose files nobody misses, or that many packages install by mistake beside their own.
_ASIDE = re.compile(r"(?:^|/)(?:tests?|docs?|examples?|benchmarks|__pycache__)/")
_METADATA = re.compile(r"(?P<stem>.+)\.(?:dist-info|egg-info)$")
#: No RECORD or METADATA is nearly that long.
_LONGEST = 64 * 2**20


@dataclass(frozen=True)
class RecordedFile:
    """A line of RECORD: the absolute path, the hash as ``sha256=...``, and the size; empty if not given."""

    path: str
    digest: str
    size: Optional[int]

    @property
    def is_code(self) -> bool:
        return bool(CODE.search(self.path))

    @property
    def is_compiled(self) -> bool:
        return bool(COMPILED.search(self.path))


@dataclass(frozen=True)
class Recorded:
    """A distribution as its own files describe it."""

    name: str
    version: str
    folder: str
    metadata: str
    installer: str = ""
    requires: List[str] = field(default_factory=list)
    files: List[RecordedFile] = field(default_factory=list)

    @property
    def key(self) -> str:
        return "{}=={}".format(self.name, self.version)


def normalised(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(folder: str, unreadable: Dict[str, str]) -> Iterator[Recorded]:
    """Yield what is installed in a folder, in the order of names; note what cannot be read."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # an archive, or a folder of PYTHONPATH that does not exist
        return
    for name in names:
        match = _METADATA.match(name)
        if match and not name.startswith(("~", "-")):
            try:
                yield _read(folder, name, match.group("stem"))
            except OSError as error:
                unreadable[os.path.join(folder, name)] = error.strerror or type(error).__name__


def _read(folder: str, metadata: str, stem: str) -> Recorded:
    place = os.path.join(folder, metadata)
    head = _text(place, "METADATA") or _text(place, "PKG-INFO") or _text(place, "")
    message = HeaderParser().parsestr(head)
    by_name = stem.split("-")
    name, version = message.get("Name") or by_name[0], message.get("Version") or "".join(by_name[1:2])
    return Recorded(
        normalised(str(name)),
        str(version).strip(),
        folder,
        metadata,
        _text(place, "INSTALLER").strip(),
        [" ".join(str(line).split()) for line in message.get_all("Requires-Dist", [])],
        list(_files(folder, _text(place, "RECORD"))),
    )


def _text(place: str, name: str) -> str:
    """The text of a file of a metadata folder, of which not all need be UTF-8; empty if there is none.

    Raises:
        OSError: it is there, and cannot be read.
    """
    path = os.path.join(place, name) if name else place
    if not os.path.exists(path) or os.path.isdir(path):
        return ""
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read(_LONGEST)


def _files(folder: str, text: str) -> Iterator[RecordedFile]:
    """Yield the files of a RECORD that anything could go wrong with: code, wherever it lies in the folder."""
    try:
        for row in csv.reader(text.splitlines()):
            if row and not _ASIDE.search(row[0]) and not row[0].startswith(".."):
                digest, size = [*row[1:], "", ""][:2]
                # Joining is enough where there is nothing to normalise, and there are tens of thousands.
                path = os.path.normpath(os.path.join(folder, row[0]))
                yield RecordedFile(path, digest, int(size) if size.isdigit() else None)
    except csv.Error:  # a line with a zero byte, for one; those before it are of use
        return


def sizes(files: List[RecordedFile]) -> Tuple[List[RecordedFile], List[RecordedFile]]:
    """Return those that are not there, and those that have another size than recorded."""
    gone, altered = [], []
    for file in files:
        try:
            size = os.stat(file.path).st_size
        except FileNotFoundError:
            gone.append(file)
        except OSError:  # it may be there
            continue
        else:
            if file.size is not None and size != file.size:
                altered.append(file)
    return gone, altered
