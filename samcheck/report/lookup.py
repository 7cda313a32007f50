"""Results and checks by the names that people type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from samcheck.errors import BadInput
from samcheck.guest.record import CellResult, CheckResult
from samcheck.storage import results
from samcheck.storage.results import Stored
from samcheck.suggestions import did_you_mean

#: Results that are read to find out what environments have in common: some seconds.
MOST_OTHERS = 200


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
        raise BadInput(f"{root} holds no result of a cell {name!r}{_known_names(name, known, 'cells')}")
    return [results.stored(path, results.read(path)) for path in sorted(named)]


def others(stored: Stored) -> Iterator[CellResult]:
    """Results of other environments of the same machine, at most `MOST_OTHERS`."""
    entries = results.read_all(sorted(stored.path.parent.glob("*.json")), [])
    every = (entry.result for entry in entries if entry.result.cell.id != stored.result.cell.id)
    yield from islice((result for result in every if result.checks), MOST_OTHERS)


def checks(stored: Stored, pattern: str) -> list[CheckResult]:
    """The checks whose node id fits a shell-style pattern, in which brackets stand for themselves.

    Raises:
        BadInput: there is none; the message has the nearest ids.
    """
    literal = pattern.replace("[", "[[]")
    fitting = [check for check in stored.result.checks if fnmatchcase(check.check, literal)]
    if not fitting:
        raise _no_check(stored, pattern)
    return fitting


def check(stored: Stored, id: str) -> CheckResult:
    """The check with this node id.

    Raises:
        BadInput: there is none; the message has the nearest ids.
    """
    for candidate in stored.result.checks:
        if candidate.check == id:
            return candidate
    raise _no_check(stored, id)


def _no_check(stored: Stored, name: str) -> BadInput:
    known = [check.check for check in stored.result.checks]
    return BadInput(f"{place(stored)} has no check {name!r}{_known_names(name, known, 'checks')}")


def place(stored: Stored) -> str:
    """The one name of a result."""
    return "/".join((stored.device, stored.driver, stored.result.name))


def single(results: Sequence[Stored]) -> Stored:
    """The one result.

    Raises:
        BadInput: there are several; the message names them.
    """
    if len(results) > 1:
        raise BadInput(f"several results have this name; say which: {', '.join(map(place, results))}")
    return results[0]


def _known_names(name: str, known: Iterable[str], what: str) -> str:
    """The nearest names as a hint, else some."""
    names = sorted(known)
    hint = did_you_mean(name, names, most=3, lead=": ")
    if hint:
        return hint
    return f": it has the {what} {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else ""
