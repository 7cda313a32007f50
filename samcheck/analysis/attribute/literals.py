"""Statements about one axis: thresholds for versions, equality for everything else (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from packaging.version import Version

VERSIONS = ("torch", "cuda", "python", "numpy", "driver")


@dataclass(frozen=True, order=True)
class Literal:
    """A statement about one axis: ``torch >= 2.9.0``, ``backend = onnxruntime``."""

    axis: str
    relation: str
    value: str

    def __str__(self) -> str:
        return f"{self.axis} {self.relation} {self.value}"

    def holds(self, values: Mapping[str, str]) -> bool:
        """Return whether it is true of a row; false for a row without the axis."""
        given = values.get(self.axis)
        if given is None:
            return False
        if self.relation == "=":
            return given == self.value
        if number(self.axis, given) is None:
            return False
        return self.below(given) is (self.relation == "<")

    def below(self, value: str) -> bool:
        """Return whether a version is below the threshold."""
        version, threshold = number(self.axis, value), number(self.axis, self.value)
        return version is not None and threshold is not None and version < threshold


def number(axis: str, value: str) -> Version | None:
    """Return the version that orders a value; None if it is not a version (a driver's ``none``).

    ``cu126`` → 12.6, ``cpu`` → 0, ``535-104-05`` in folder names → 535.104.5.
    """
    if axis not in VERSIONS:
        return None
    if axis == "cuda":
        tag = re.fullmatch(r"cu(\d{1,4})(\d)", value)
        return Version(f"{tag[1]}.{tag[2]}") if tag else Version("0") if value == "cpu" else None
    try:
        return Version(value.replace("-", "."))
    except ValueError:  # also raised for a number with thousands of digits
        return None


def literals(rows: Sequence[Mapping[str, str]], axes: Iterable[str]) -> list[Literal]:
    """Return every statement that the values of `rows` allow and that is not true of all of them."""
    statements = []
    for axis in axes:
        values = sorted({row[axis] for row in rows if axis in row}, key=partial(order, axis))
        ordered = [value for value in values if number(axis, value) is not None]
        for value in ordered[1:]:  # >= the lowest is always true, and nothing is below it
            statements += [Literal(axis, ">=", value), Literal(axis, "<", value)]
        plain = [value for value in values if value not in ordered]
        if len(values) > 1:
            statements += [Literal(axis, "=", value) for value in plain]
    return statements


def order(axis: str, value: str) -> tuple[bool, Version, str]:
    """Return a sort key for the values of an axis: versions first."""
    version = number(axis, value)
    return version is None, version or Version("0"), value
