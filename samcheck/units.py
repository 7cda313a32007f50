"""Human-readable sizes and times."""

from __future__ import annotations

import re

from pydantic import ByteSize, TypeAdapter, ValidationError

from samcheck.errors import BadInput

#: Must match the whole text: of ``1,5GiB``, pydantic would read only the 1.
_SIZE = re.compile(r"\s*\d*\.?\d+\s*[a-z]+\s*", re.ASCII | re.IGNORECASE)

SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def seconds(text: str) -> int:
    """Convert a duration such as ``14d`` to seconds.

    Raises:
        BadInput: it is not a whole number with one of the units.
    """
    age = re.fullmatch(r"([1-9]\d{0,5})([mhdw])", text)
    if age is None:
        raise BadInput(
            f"{text!r} is not a duration: write a whole number and m, h, d or w (minutes, hours, days, "
            "weeks), e.g. 14d"
        )
    return int(age[1]) * SECONDS[age[2]]


def size(text: str) -> int:
    """Convert a size such as ``20GiB`` to bytes.

    Raises:
        BadInput: it is not a number with a unit; a bare 20 would mean twenty bytes.
    """
    try:
        if _SIZE.fullmatch(text):
            return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        pass
    raise BadInput(f"{text!r} is not a size: write a number and a unit, e.g. 20GiB, 500MB or 0B")


def readable(count: int) -> str:
    """Return bytes in readable form: ``5.4 GiB``."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return e.g. ``1 check`` or ``3 checks``."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def ago(passed: float) -> str:
    """Return an elapsed time in readable form: ``3 days``."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        count = int(passed // length)
        if count:
            return counted(count, unit)
    return "just now"
