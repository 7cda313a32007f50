"""Explain one cell: whether it can exist, what is installed for it, whether a machine can run it (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from samcheck.cells import Cell
from samcheck.errors import BadInput, BuildFailed
from samcheck.facts import Facts, compatibility, driver_support, gpu_support, requirements, version_of
from samcheck.facts.compatibility import Obstacle
from samcheck.facts.sam_packages import name_of, releases_of
from samcheck.facts.schema import ObstacleKind
from samcheck.facts.target_machine import Machine
from samcheck.matrix import axes
from samcheck.matrix.plan_text import obstacle_json
from samcheck.suggestions import similar


@dataclass(frozen=True)
class Explained:
    """What the facts say about a cell.

    Attributes:
        against: what keeps it from existing.
        on_host: what keeps it from running on the machine's GPU, or limits it, there or anywhere.
        installs: exact pins, empty if it cannot be installed.
        backends: what it gets of ONNX Runtime and TensorRT for the machine's GPU, and why; empty without.
        compared: what of that is there only to be compared with the package under test.
        instead: ids of the nearest cells without obstacles.
    """

    cell: Cell
    host: Machine
    against: tuple[Obstacle, ...]
    on_host: tuple[Obstacle, ...]
    installs: tuple[str, ...]
    instead: tuple[str, ...]
    backends: Mapping[str, str]
    compared: tuple[str, ...] = ()

    @property
    def possible(self) -> bool:
        return not self.against and not gpu_support.hard(self.on_host)


def explain(id: str, host: Machine, facts: Facts) -> Explained:
    """Explain the cell with this id, on a machine.

    Raises:
        BadInput: no cell has that id, possible or not.
    """
    return about(find(id, facts), host, facts)


def about(cell: Cell, host: Machine, facts: Facts) -> Explained:
    """Explain a cell, on a machine."""
    against = compatibility.obstacles(cell, facts)
    on_host = (*compatibility.limits(cell, facts), *gpu_support.obstacles(cell, host, facts))
    if cell.needs_gpu_build:
        on_host = (*on_host, *driver_support.conditions(host, facts))
    possible = not against and not gpu_support.hard(on_host)
    instead = () if possible else tuple(_instead(cell, host, facts))
    installs = _installs(cell, host, facts)
    backends = requirements.backends_of(cell, facts, host) if installs and possible else {}
    compared = requirements.compared_with(cell, facts) if installs else ()
    return Explained(cell, host, against, on_host, installs, instead, backends, compared)


def find(id: str, facts: Facts) -> Cell:
    """Find a cell by its id. Ids are never parsed: the ids of all possible cells are generated and compared.

    Raises:
        BadInput: there is no such cell; suggests a similar one.
    """
    mine = [torch for torch in axes.known("torch", facts) if id.startswith(f"torch{torch}-")]
    if not mine:
        known = f"{facts.releases[0].version} to {facts.releases[-1].version}"
        newest = facts.releases[-1]
        like = Cell(newest.version, newest.default_build.tag, newest.pythons[-1]).id
        raise BadInput(f"there is no cell {id[:80]!r}: ids look like {like}, with a PyTorch from {known}")
    every = [cell for torch in mine for cell in _of(torch, facts)]
    named = next((cell for cell in every if cell.id == id), None)
    if named is not None:
        return named
    possible = [cell.id for cell in every if not cell.numpy and not compatibility.obstacles(cell, facts)]
    (near,) = similar(id, possible, cutoff=0)
    raise BadInput(f"there is no cell {id[:80]!r}; did you mean {near}?")


def _of(torch: str, facts: Facts) -> Iterator[Cell]:
    """Yield every cell of a PyTorch release that can be named, possible or not."""
    tags = (*axes.known("cuda", facts), "cpu")
    numpys = ("", *axes.known("numpy", facts))
    for cuda in tags:
        for python in axes.known("python", facts):
            for numpy, sam in product(numpys, axes.known("sam", facts)):
                yield Cell(torch, cuda, python, numpy, sam)


def _installs(cell: Cell, host: Machine, facts: Facts) -> tuple[str, ...]:
    if any(obstacle.kind is ObstacleKind.INSTALL for obstacle in compatibility.obstacles(cell, facts)):
        return ()
    try:
        return requirements.resolve(cell, facts, host).all
    except BuildFailed:
        return ()


def _instead(cell: Cell, host: Machine, facts: Facts) -> Iterator[str]:
    """Yield the nearest cells without obstacles: with another build, Python or PyTorch; and the newest."""
    ids = {other.id: None for other in nearest(cell, host, facts)}
    every = (other for torch in axes.known("torch", facts) for other in _of(torch, facts))
    like = (other for other in every if not other.numpy and other.sam == cell.sam)
    for other in like:
        if other.python == cell.python and other.needs_gpu_build and _fine(other, host, facts):
            ids[other.id] = None
            break
    yield from ids


def nearest(cell: Cell, host: Machine, facts: Facts) -> Iterator[Cell]:
    """Yield, for build, Python, PyTorch and release of SAM's package, the nearest cell that can run.

    It differs in that alone, and has the same package.
    One that certainly runs comes before a nearer one of which that is not known.
    """
    for axis in ("cuda", "python", "torch", "sam"):
        own = compatibility.fields(cell)[axis]
        values = [value for value in axes.known(axis, facts) if value != own]
        if axis == "sam":
            values = [value for value in values if name_of(value) == name_of(own)]
        others = [
            Cell(**{**compatibility.fields(cell), axis: value})
            for value in sorted(values, key=lambda value: _distance(axis, value, own, facts))
        ]
        fine = [other for other in others if _fine(other, host, facts)]
        yield from (sorted(fine, key=lambda other: _doubtful(other, host, facts)))[:1]


def _fine(cell: Cell, host: Machine, facts: Facts) -> bool:
    return not compatibility.obstacles(cell, facts) and not gpu_support.hard(
        gpu_support.obstacles(cell, host, facts)
    )


def _doubtful(cell: Cell, host: Machine, facts: Facts) -> bool:
    return any(obstacle.kind is ObstacleKind.DOUBT for obstacle in gpu_support.obstacles(cell, host, facts))


def _distance(axis: str, value: str, own: str, facts: Facts) -> tuple[int, ...]:
    """Return how far apart two values are.

    CUDA builds, and releases of a package of SAM, are as far apart as there are others between them, the
    newer one being nearer. Others differ by major and minor version; within one minor release, the newest is
    the nearest.
    """
    if axis in ("cuda", "sam"):
        releases = [row.requirement for row in releases_of(name_of(own), facts)]
        places = releases if axis == "sam" else axes.known("cuda", facts)
        place = places.index(value) if value in places else len(places)
        return abs(place - (places.index(own) if own in places else len(places))), place

    def number(text: str) -> tuple[int, ...]:
        return (*version_of(text).release, 0, 0)[:3]

    one, other = number(value), number(own)
    return (abs(one[0] - other[0]), abs(one[1] - other[1]), -one[2])


def lines(explained: Explained) -> Iterator[str]:
    """Yield the explanation in lines, for people."""
    yield f"{explained.cell.id}: {verdict(explained)}"
    for obstacle in explained.against:
        yield f"  {obstacle.kind}: {obstacle}"
    for obstacle in explained.on_host:
        yield f"  {obstacle.kind}: {obstacle}"
    for other in explained.instead:
        yield f"  instead: {other}"
    for name, chosen in explained.backends.items():
        yield f"  {name}: {chosen}"
    if explained.compared:
        yield f"  compared: {explained.cell.sam} with {' and '.join(explained.compared)}"
    if explained.installs:
        yield f"  installs: {' '.join(explained.installs)}"


def verdict(explained: Explained) -> str:
    """Return the answer in a few words; the worst obstacle decides."""
    kinds = {obstacle.kind for obstacle in explained.against}
    for kind, words in (
        (ObstacleKind.INSTALL, "cannot be installed"),
        (ObstacleKind.RUN, "can be installed, but cannot work"),
        (ObstacleKind.HOST, "can be installed, but cannot work"),
        (ObstacleKind.DOUBT, "may not exist"),
    ):
        if kind in kinds:
            return words
    if not explained.host:
        return "can be installed"
    if not explained.possible:
        return f"cannot run on {explained.host}"
    doubtful = any(obstacle.kind is ObstacleKind.DOUBT for obstacle in explained.on_host)
    return f"{'may' if doubtful else 'can'} run on {explained.host}"


def as_json(explained: Explained) -> dict[str, Any]:
    """Return the explanation for programs."""
    return {
        "id": explained.cell.id,
        "possible": explained.possible,
        "verdict": verdict(explained),
        "against": [obstacle_json(obstacle) for obstacle in explained.against],
        "on_host": [obstacle_json(obstacle) for obstacle in explained.on_host],
        "installs": list(explained.installs),
        "compared": list(explained.compared),
        "backends": dict(explained.backends),
        "instead": list(explained.instead),
    }
