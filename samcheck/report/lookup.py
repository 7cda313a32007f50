"""Results and checks by the names that people type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from samcheck.errors import BadInput
from samcheck.guest.record import CheckResult
from samcheck.storage import results
from samcheck.storage.results import Stored
from samcheck.suggestions import did_you_mean


def cells(root: Path, name: str) -> list[Stored]:
    """The results of one cell, one for each device and driver that it ran on.

    Args:
        root: the folder of results.
        name: the cell's id, with ``+<variant>`` and ``@<group>`` for a run of some only, or
            ``<device>/<driver>/<id>`` for one result.

    Raises:
        BadInput: there is none; the message has the nearest names. Or one of them cannot be read.
    """
    paths = {path.relative_to(root).with_suffix("").as_posix(): path for path in results.result_files(root)}
    named = [path for place, path in paths.items() if name in (place, path.stem)]
    named = named or [path for path in paths.values() if path.stem.startswith((f"{name}+", f"{name}@"))]
    if not named:
        known = {path.stem for path in paths.values()}
        raise BadInput(f"{root} holds no result of a cell {name!r}{_near(name, known, 'cells')}")
    return [results.stored(path, results.read(path)) for path in sorted(named)]


def checks(stored: Stored, pattern: str) -> list[CheckResult]:
    """The checks whose node id fits a shell-style pattern, in which brackets stand for themselves.

    Raises:
        BadInput: there is none; the message has the nearest ids.
    """
    literal = pattern.replace("[", "[[]")
    found = [each for each in stored.result.checks if fnmatchcase(each.check, literal)]
    if not found:
        raise _no_check(stored, pattern)
    return found


def check(stored: Stored, id: str) -> CheckResult:
    """The check with this node id.

    Raises:
        BadInput: there is none; the message has the nearest ids.
    """
    for each in stored.result.checks:
        if each.check == id:
            return each
    raise _no_check(stored, id)


def _no_check(stored: Stored, name: str) -> BadInput:
    known = [each.check for each in stored.result.checks]
    return BadInput(f"{place(stored)} has no check {name!r}{_near(name, known, 'checks')}")


def place(stored: Stored) -> str:
    """The one name of a result."""
    return "/".join((stored.device, stored.driver, stored.result.name))


def only(found: Sequence[Stored]) -> Stored:
    """The one result.

    Raises:
        BadInput: there are several; the message names them.
    """
    if len(found) > 1:
        raise BadInput(f"several results have this name; say which: {', '.join(map(place, found))}")
    return found[0]


def _near(name: str, known: Iterable[str], what: str) -> str:
    """The nearest names as a hint, else some."""
    every = sorted(known)
    hint = did_you_mean(name, every, most=3, lead=": ")
    if hint:
        return hint
    return f": it has the {what} {', '.join(every[:5])}{', …' if len(every) > 5 else ''}" if every else ""
