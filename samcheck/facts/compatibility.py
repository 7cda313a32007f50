"""Why a combination cannot exist by the facts: obstacles with rule and source (pure).

The facts constrain two fields of a cell at a time; planners need them in that form (`constraints`), and
`obstacles` checks a single cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from samcheck.cells import Cell
from samcheck.facts import Facts, sam_packages, version_of
from samcheck.facts.schema import Feature, ObstacleKind

#: Fields of a cell that a matrix can vary, most significant first.
AXES = ("torch", "cuda", "python", "numpy", "sam")


@dataclass(frozen=True)
class Obstacle:
    """Something that keeps a combination from existing or running.

    Attributes:
        rule: id in the facts' rules, or ``matrix`` for what a matrix file itself leaves out.
        text: one sentence about this specific combination.
        source: ids in the facts' sources.
        condition: in a few words, what has to be there as well if the kind is `CONDITION`, and what does not
            work if it is `SOFT`.
    """

    rule: str
    kind: ObstacleKind
    text: str
    source: tuple[str, ...] = ()
    condition: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others, also where the text names another version of the same cell."""
        return self.rule, self.condition or self.text

    def __str__(self) -> str:
        origin = f"; source: {', '.join(self.source)}" if self.source else ""
        return f"{self.text} ({self.rule}{origin})"


@dataclass(frozen=True)
class Constraint:
    """A constraint between a few axes, checked with one value for each of `axes`."""

    axes: tuple[str, ...]
    obstacle: Callable[..., Obstacle | None]

    def check(self, values: Mapping[str, str]) -> Obstacle | None:
        """Return the obstacle among `values`; None if one of the axes has no value yet."""
        if any(axis not in values for axis in self.axes):
            return None
        return self.obstacle(*(values[axis] for axis in self.axes))


def constraints(facts: Facts) -> tuple[Constraint, ...]:
    """Return the facts as constraints between two fields each, cached for planners."""

    def python(torch: str, python: str) -> Obstacle | None:
        return _python(facts, torch, python)

    def build(torch: str, cuda: str) -> Obstacle | None:
        return _build(facts, torch, cuda)

    def old_torch(torch: str, numpy: str) -> Obstacle | None:
        return _old_torch(facts, torch, numpy)

    def numpy_wheel(python: str, numpy: str) -> Obstacle | None:
        return _numpy_wheel(facts, python, numpy)

    def sam_python(python: str, sam: str) -> Obstacle | None:
        return _sam_python(facts, python, sam)

    def sam_torch(torch: str, sam: str) -> Obstacle | None:
        return _sam_torch(facts, torch, sam)

    def sam_cuda(cuda: str, sam: str) -> Obstacle | None:
        return _sam_cuda(facts, cuda, sam)

    def sam_numpy(numpy: str, sam: str) -> Obstacle | None:
        return _sam_numpy(facts, numpy, sam)

    return (
        Constraint(("torch", "python"), cache(python)),
        Constraint(("torch", "cuda"), cache(build)),
        Constraint(("torch", "numpy"), cache(old_torch)),
        Constraint(("python", "numpy"), cache(numpy_wheel)),
        Constraint(("python", "sam"), cache(sam_python)),
        Constraint(("torch", "sam"), cache(sam_torch)),
        Constraint(("cuda", "sam"), cache(sam_cuda)),
        Constraint(("numpy", "sam"), cache(sam_numpy)),
    )


def obstacles(cell: Cell, facts: Facts) -> tuple[Obstacle, ...]:
    """Return all obstacles to a cell in the facts; empty if there are none."""
    values = fields(cell)
    checked = (constraint.check(values) for constraint in constraints(facts))
    return tuple(obstacle for obstacle in checked if obstacle is not None)


def limits(cell: Cell, facts: Facts) -> Iterator[Obstacle]:
    """Yield what does not work in a cell although it can be installed and runs."""
    release = facts.release(cell.torch)
    if release is None or cell.python not in release.pythons:
        return
    for feature in facts.features:
        if not _concerns(feature, cell):
            continue
        python = f" on Python {cell.python}" if feature.python else ""
        text = f"{feature.name} does not work with PyTorch {cell.torch}{python}"
        if feature.since and version_of(cell.torch) < version_of(feature.since):
            text = f"{text}: {feature.since} is the first release with which it does"
            yield Obstacle("feature-later", ObstacleKind.SOFT, text, feature.source, feature.name)
        if feature.until and not feature.capability and version_of(cell.torch) >= version_of(feature.until):
            instead = f"; {feature.instead}" if feature.instead else ""
            text = f"{text}: since {feature.until} it does not{instead}"
            yield Obstacle("feature-gone", ObstacleKind.SOFT, text, feature.source, feature.name)


def _concerns(feature: Feature, cell: Cell) -> bool:
    """Return whether a feature depends on what is in a cell, and on just this; MIG is the GPU's."""
    if feature.mig or feature.python not in ("", cell.python):
        return False
    if feature.package not in ("", cell.package):
        return False
    return not feature.versions or version_of(cell.sam.partition("==")[2]) in SpecifierSet(feature.versions)


def fields(cell: Cell) -> dict[str, str]:
    """Return a cell's value on each axis."""
    return {axis: str(getattr(cell, axis)) for axis in AXES}


def _python(facts: Facts, torch: str, python: str) -> Obstacle | None:
    release = facts.release(torch)
    if release is None:
        known = f"{facts.releases[0].version} to {facts.releases[-1].version}"
        return Obstacle("torch-unknown", ObstacleKind.INSTALL, f"PyTorch {torch} is unknown; known: {known}")
    if python in release.torch_only:
        text = (
            f"PyTorch {torch} has a wheel for Python {python}, but torchvision {release.torchvision} has none"
        )
        return Obstacle("python-no-torchvision", ObstacleKind.INSTALL, text, release.source)
    if python not in release.pythons:
        text = (
            f"PyTorch {torch} with torchvision {release.torchvision} has wheels for Python "
            f"{', '.join(release.pythons)}, not {python}"
        )
        return Obstacle("python-no-wheel", ObstacleKind.INSTALL, text, release.source)
    if not facts.pin("tool", python):
        text = f"samcheck's own tools have no release for Python {python}"
        return Obstacle("guest-python", ObstacleKind.INSTALL, text)
    if not release.numpy2 and not facts.pin("numpy1", python):
        text = f"PyTorch {torch} needs NumPy 1, which has no wheel for Python {python}"
        return Obstacle("numpy1-new-python", ObstacleKind.INSTALL, text, release.source)
    return None


def _build(facts: Facts, torch: str, cuda: str) -> Obstacle | None:
    release = facts.release(torch)
    if release is None or cuda == "cpu":  # PyTorch's index has a CPU build of every release
        return None
    build = release.build(cuda)
    if build is None:
        tags = ", ".join(build.tag for build in release.builds)
        text = f"PyTorch {torch} was built for {tags}, not {cuda}"
        return Obstacle("cuda-build-absent", ObstacleKind.INSTALL, text, release.source)
    if build.status == "unverified":
        text = f"no reliable source says that PyTorch {torch} has a {cuda} build"
        return Obstacle("build-unverified", ObstacleKind.DOUBT, text, build.source)
    return None


def _old_torch(facts: Facts, torch: str, numpy: str) -> Obstacle | None:
    release = facts.release(torch)
    if release is None or release.numpy2 or not numpy or version_of(numpy).major < 2:
        return None
    text = f"PyTorch {torch} was compiled against NumPy 1 and does not work with NumPy {numpy}"
    return Obstacle("numpy2-old-torch", ObstacleKind.RUN, text, ("pt132179",))


def _numpy_wheel(facts: Facts, python: str, numpy: str) -> Obstacle | None:
    if not numpy:
        return None
    series = facts.series(numpy)
    if series is None:
        known = ", ".join(row.series for row in facts.numpy)
        return Obstacle(
            "numpy-no-wheel", ObstacleKind.DOUBT, f"NumPy {numpy} is unknown; known series: {known}"
        )
    if python in series.pythons:
        return _export(facts, python, numpy)
    text = f"NumPy {series.series} has wheels for Python {', '.join(series.pythons)}, not {python}"
    return Obstacle("numpy-no-wheel", ObstacleKind.INSTALL, text, series.source)


def _export(facts: Facts, python: str, numpy: str) -> Obstacle | None:
    for row in facts.packages:
        needed = row.numpy_min.get(python, "0")
        if row.role == "export" and version_of(numpy) < Version(needed):
            pinned = f"{row.name} {row.versions[python]}, pinned for Python {python},"
            text = f"{pinned} needs NumPy {needed} or newer, not {numpy}"
            return Obstacle("export-needs-numpy", ObstacleKind.INSTALL, text, row.source)
    return None


def _sam_python(facts: Facts, python: str, sam: str) -> Obstacle | None:
    row = sam_packages.find(sam, facts)
    if row is None:
        known = ", ".join(other.requirement for other in facts.sam)
        return Obstacle("sam-unknown", ObstacleKind.DOUBT, f"{sam} is unknown; known: {known}")
    text = f"{sam} needs Python {row.python}, not {python}"
    missing = sam_packages.without_release(row, python, facts)
    if missing:
        text = f"{missing}, which {sam} imports, has no known release for Python {python}"
    elif row.allows("python", python):
        return None
    return Obstacle("sam-python", ObstacleKind.INSTALL, text, row.source)


def _sam_torch(facts: Facts, torch: str, sam: str) -> Obstacle | None:
    row, release = sam_packages.find(sam, facts), facts.release(torch)
    if row is None or release is None:
        return None
    text = f"{sam} needs PyTorch {row.torch}, not {torch}"
    if row.allows("torch", torch):
        if row.allows("torchvision", release.torchvision):
            return None
        own = f"{release.torchvision}, which belongs to PyTorch {torch}"
        text = f"{sam} needs torchvision {row.torchvision}, not {own}"
    return Obstacle("sam-torch", ObstacleKind.INSTALL, text, row.source)


def _sam_cuda(facts: Facts, cuda: str, sam: str) -> Obstacle | None:
    row = sam_packages.find(sam, facts)
    if row is None:
        return None
    if cuda == "cpu":
        text = f"{sam} works only on an NVIDIA GPU, which a CPU build of PyTorch cannot use"
        return Obstacle("sam-gpu", ObstacleKind.HOST, text, row.source) if row.gpu else None
    builds = (build for release in facts.releases for build in release.builds if build.tag == cuda)
    version = next((build.cuda for build in builds), None)
    if version is None or row.allows("cuda", version):
        return None
    text = f"{sam} needs CUDA {row.cuda}, not {version}"
    return Obstacle("sam-cuda", ObstacleKind.INSTALL, text, row.source)


def _sam_numpy(facts: Facts, numpy: str, sam: str) -> Obstacle | None:
    row = sam_packages.find(sam, facts)
    if row is None or not numpy or row.allows("numpy", numpy):
        return None
    text = f"{sam} needs NumPy {row.numpy}, not {numpy}"
    return Obstacle("sam-numpy", ObstacleKind.INSTALL, text, row.source)
