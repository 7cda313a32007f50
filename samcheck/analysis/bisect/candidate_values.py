"""The values between a good and a bad one, each with the cell to try it in (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from packaging.version import InvalidVersion, Version

from samcheck.cells import Cell
from samcheck.environments.own.declaration import OwnEnvironment
from samcheck.errors import BadInput
from samcheck.facts import Facts, compatibility, sam_packages
from samcheck.facts.requirements import numpy_of
from samcheck.facts.schema import ObstacleKind
from samcheck.matrix import LeftOut, axes
from samcheck.suggestions import similar


@dataclass(frozen=True)
class BisectionRequest:
    """What a user wants to bisect.

    Attributes:
        values: in order, if the facts do not list them (a package's versions); else empty.
        torch, cuda, python, numpy, sam: values to keep fixed if possible; empty to choose automatically.
        any_python: also use `stored` results of other Pythons.
        stored: cells with a usable result of the check.
        present: Pythons that need not be downloaded.
    """

    axis: str
    good: str
    bad: str
    values: tuple[str, ...] = ()
    torch: str = ""
    cuda: str = ""
    python: str = ""
    numpy: str = ""
    sam: str = ""
    any_python: bool = False
    stored: Collection[Cell] = field(default_factory=tuple)
    present: Collection[str] = ()


@dataclass(frozen=True)
class Candidate:
    """A value and the cell that represents it.

    Attributes:
        moved: which fixed values the cell deviates from, and why.
        numpy: the requested NumPy; the cell does not name it if it is its default.
        own: the user's own environment that it is, if it is one.
    """

    value: str
    cell: Cell
    moved: str = ""
    numpy: str = ""
    own: OwnEnvironment | None = None


def candidates(request: BisectionRequest, facts: Facts) -> tuple[list[Candidate], list[LeftOut]]:
    """Return the values from good to bad that can be installed, and those that cannot.

    Raises:
        BadInput: an end is unknown or cannot be installed.
    """
    values = _between(request, facts)
    if request.axis != "python" and not request.python:
        request = replace(request, python=_best_python(request, values, facts))
    installable: list[Candidate] = []
    left_out: list[LeftOut] = []
    for value in values:
        candidate = _candidate(request, value, facts)
        if isinstance(candidate, Candidate):
            installable.append(candidate)
        else:
            left_out.append(candidate)
    for name, end in (("--good", request.good), ("--bad", request.bad)):
        reason = next((missing.reason for missing in left_out if missing.id == end), "")
        if reason:
            raise BadInput(f"{name} {end}: {reason}")
    return installable, left_out


def _between(request: BisectionRequest, facts: Facts) -> list[str]:
    """Return all values of the axis from good to bad, inclusive."""
    values = list(request.values) or _ordered(request, facts)
    for name, end in (("--good", request.good), ("--bad", request.bad)):
        if end not in values:
            near = similar(end, values, cutoff=0)
            raise BadInput(f"{name}: unknown {request.axis} {end!r}; did you mean {near[0]}?")
    first, last = values.index(request.good), values.index(request.bad)
    if first == last:
        raise BadInput(f"--good and --bad are both {request.good}: there is nothing between them")
    return values[first : last + 1] if first < last else values[last : first + 1][::-1]


def _ordered(request: BisectionRequest, facts: Facts) -> list[str]:
    """Return the axis values in the facts, oldest first; for NumPy also the ends themselves."""
    ends = [request.good, request.bad]
    if request.axis == "sam":
        return _packages(request.good, request.bad, facts)
    values = axes.known(request.axis, facts)
    if request.axis == "cuda":
        return sorted([*values, "cpu"], key=lambda tag: axes.cuda_version(tag, facts))
    if request.axis == "numpy":
        known = [end for end in ends if _is_version(end) and facts.series(end)]
        values = list({*values, *known})
    return sorted(values, key=Version)


def _packages(good: str, bad: str, facts: Facts) -> list[str]:
    """Return the known releases of a package, oldest first; two packages have no order: the ends alone."""
    if not (sam_packages.find(good, facts) and sam_packages.find(bad, facts)):
        return axes.known("sam", facts)
    name = sam_packages.name_of(good)
    if name != sam_packages.name_of(bad):
        return [good, bad]
    return [row.requirement for row in reversed(sam_packages.releases_of(name, facts))]


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _best_python(request: BisectionRequest, values: Sequence[str], facts: Facts) -> str:
    """Return the Python that suits most values; of several, by stored results, presence, then the newest."""
    cells = [_cell(request, value, facts) for value in values]

    def worth(python: str) -> tuple[int, int, bool]:
        on_python = [replace(cell, python=python) for cell in cells]
        stored = sum(with_default_numpy(cell, facts) in request.stored for cell in on_python)
        installable = sum(not _install_obstacle(cell, facts) for cell in on_python)
        return installable, stored, python in request.present

    return max(axes.known("python", facts), key=worth)  # the first of equals, and the newest come first


def _cell(request: BisectionRequest, value: str, facts: Facts) -> Cell:
    """Return the cell as requested, with the default build if none was."""
    fields = {axis: getattr(request, axis) for axis in compatibility.AXES}
    fields[request.axis] = value
    if not fields["sam"]:
        del fields["sam"]
    return Cell(**{**fields, "cuda": fields["cuda"] or _default_build(fields["torch"], facts)})


def _default_build(torch: str, facts: Facts) -> str:
    release = facts.release(torch)
    return release.default_build.tag if release else "cpu"


def _candidate(request: BisectionRequest, value: str, facts: Facts) -> Candidate | LeftOut:
    """Return the installable cell nearest to the requested one."""
    wanted = _cell(request, value, facts)
    reason = _install_obstacle(wanted, facts)
    if request.any_python and with_default_numpy(wanted, facts) not in request.stored:
        for cell in _other_pythons(wanted, facts):
            if with_default_numpy(cell, facts) in request.stored:
                moved = f"Python {cell.python} from a stored result instead of {wanted.python}"
                return Candidate(value, with_default_numpy(cell, facts), moved, cell.numpy)
    if not reason:
        return Candidate(value, with_default_numpy(wanted, facts), "", wanted.numpy)
    for cell in _nearby(request, wanted, facts):
        if not _install_obstacle(cell, facts):
            changes = (("Python", cell.python, wanted.python), ("build", cell.cuda, wanted.cuda))
            moved = ", ".join(f"{name} {new} instead of {old}" for name, new, old in changes if new != old)
            return Candidate(value, with_default_numpy(cell, facts), f"{moved}: {reason}", cell.numpy)
    return LeftOut(value, reason)


def with_default_numpy(cell: Cell, facts: Facts) -> Cell:
    """Return the cell without its NumPy if that is the default: results are stored under the shorter name."""
    shorter = replace(cell, numpy="")
    return shorter if numpy_of(shorter, facts) == cell.numpy else cell


def _nearby(request: BisectionRequest, wanted: Cell, facts: Facts) -> Iterator[Cell]:
    """Yield cells with the value on another Python, then with the default build."""
    builds = [wanted.cuda]
    if request.axis != "cuda" and wanted.cuda != _default_build(wanted.torch, facts):
        builds.append(_default_build(wanted.torch, facts))
    for cuda in builds:
        cell = replace(wanted, cuda=cuda)
        yield cell
        if request.axis != "python":
            yield from _other_pythons(cell, facts)


def _other_pythons(cell: Cell, facts: Facts) -> list[Cell]:
    """Return the cell on every other Python, nearest first."""

    def distance(python: str) -> int:
        return abs(Version(python).minor - Version(cell.python).minor)

    others = [python for python in axes.known("python", facts) if python != cell.python]
    return [replace(cell, python=python) for python in sorted(others, key=distance)]


def _install_obstacle(cell: Cell, facts: Facts) -> str:
    """Return why a cell cannot be installed. One that installs but fails may be what is searched for."""
    obstacles = compatibility.obstacles(cell, facts)
    return next((obstacle.text for obstacle in obstacles if obstacle.kind is ObstacleKind.INSTALL), "")
