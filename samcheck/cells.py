"""A cell: one combination of Python, PyTorch, CUDA build, NumPy and SAM package.

Its id is formatted from its fields and never parsed: code that needs a field has the cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from samcheck.guest.record import CellRecord

DEFAULT_PACKAGE = "segment-anything"
DEFAULT_SAM = f"{DEFAULT_PACKAGE}==1.0"


@dataclass(frozen=True, order=True)
class Cell:
    """One combination to install.

    Attributes:
        torch: release, e.g. ``2.11.0``.
        cuda: the build: ``cu130``, or ``cpu``.
        python: ``major.minor``.
        numpy: exact release, or empty for the newest compatible with this PyTorch and Python.
        sam: exact requirement of the package under test, ``sam2==1.1.0``; segment-anything is in every cell.
        own: id of an environment of the user's own, whose other fields are empty where nothing declares them
            and it was not looked at; empty for one that is made from these fields.
    """

    torch: str
    cuda: str
    python: str
    numpy: str = ""
    sam: str = DEFAULT_SAM
    own: str = ""

    @property
    def id(self) -> str:
        """Key for image tag, file, nox session, log heading and table row."""
        if self.own:
            return self.own
        parts = [f"torch{self.torch}", self.cuda, f"py{self.python}"]
        if self.numpy:
            parts.append(f"numpy{self.numpy}")
        if self.sam != DEFAULT_SAM:
            # Without a dash for the package whose cells had their ids before there were others.
            parts.append(self.sam.replace("==", "" if self.package == DEFAULT_PACKAGE else "-"))
        return "-".join(parts)

    @property
    def package(self) -> str:
        """Name of the package that provides SAM."""
        return self.sam.partition("==")[0]

    @property
    def needs_gpu_build(self) -> bool:
        return self.cuda != "cpu"

    def record(self, tags: tuple[str, ...]) -> CellRecord:
        """Return this cell as stored with a result."""
        return CellRecord(
            id=self.id,
            torch=self.torch,
            cuda=self.cuda,
            python=self.python,
            numpy=self.numpy,
            sam=self.sam,
            tags=list(tags),
            own=bool(self.own),
        )

    @classmethod
    def of(cls, record: CellRecord) -> Cell:
        """Return the cell that a result names."""
        own = record.id if record.own else ""
        return cls(record.torch, record.cuda, record.python, record.numpy, record.sam, own)


def matches(cell: Cell, pattern: str) -> bool:
    """Return whether a shell-style pattern matches the cell's id."""
    return fnmatchcase(cell.id, pattern)


@dataclass(frozen=True)
class LeftOut:
    """A cell that is not run, and why."""

    id: str
    reason: str
