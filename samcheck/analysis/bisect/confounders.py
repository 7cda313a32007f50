"""What else differs between the cells next to the boundary: other possible causes (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from packaging.utils import canonicalize_name

from samcheck.analysis.bisect.bisection import Bisection
from samcheck.analysis.bisect.boundary_search import Boundary
from samcheck.facts import compatibility
from samcheck.facts.sam_packages import name_of

#: Packages that SAM's code, or the suite's use of it, depends on.
SAM_PACKAGES = ("numpy", "torchvision", "onnx", "onnxruntime", "onnxscript", "ml_dtypes", "pillow")
#: Maximum number of packages to name, unless more of those above differ.
MOST = 4
#: Name prefixes of packages that come with PyTorch.
OF_TORCH = ("torch", "torchvision", "triton", "pytorch-triton", "nvidia", "cuda", "cmake", "lit")


def fields(bisection: Bisection, end: Boundary) -> Iterator[str]:
    """Yield other axes on which the two cells differ: ``cuda (cu128, cu130)``; builds go with PyTorch."""
    candidates = bisection.question.candidates
    good, bad = (compatibility.fields(candidates[at].cell) for at in (end.good, end.bad))
    for axis in compatibility.AXES:
        if axis not in (bisection.question.axis, "numpy") and good[axis] != bad[axis]:
            yield f"{axis} ({good[axis]}, {bad[axis]})"


def packages(bisection: Bisection, end: Boundary) -> dict[str, str]:
    """Return the packages whose versions differ, ``(1.26.4, 2.2.6)`` by name, most relevant first."""
    good, bad = (_installed(bisection, at) for at in (end.good, end.bad))
    if not good or not bad:
        return {}
    changed = [name for name in {**good, **bad} if good.get(name) != bad.get(name)]
    tested = {name_of(bisection.question.candidates[at].value) for at in (end.good, end.bad)}
    own = [name for name in changed if not _of_axis(name, bisection.question.axis, tested)]
    ranked = sorted(
        own, key=lambda name: (SAM_PACKAGES.index(name) if name in SAM_PACKAGES else len(SAM_PACKAGES), name)
    )
    return {name: f"({good.get(name, 'none')}, {bad.get(name, 'none')})" for name in ranked}


def numpy_hint(bisection: Bisection, end: Boundary) -> str:
    """Return how to rule NumPy out as the cause, if it may be."""
    if bisection.question.axis == "numpy" or "numpy" not in packages(bisection, end):
        return ""
    version = _installed(bisection, end.good).get("numpy")
    return f"; --numpy {version} keeps NumPy fixed" if version else ""


def _installed(bisection: Bisection, at: int) -> Mapping[str, str]:
    """Return the packages installed in a value's last run in which the check had an outcome."""
    runs = bisection.observations.get(at, [])
    return next((run.packages for run in reversed(runs) if run.outcome and run.packages), {})


def _of_axis(name: str, axis: str, values: Collection[str]) -> bool:
    """Return whether a package is the axis's own, or comes with it; of SAM, those named in `values`."""
    if axis in ("torch", "cuda"):
        return name.startswith(OF_TORCH)
    return canonicalize_name(name) in values if axis == "sam" else name == axis == "numpy"


def describe(bisection: Bisection, end: Boundary) -> str:
    """Return the differences as part of a sentence; empty if there are none."""
    versions = packages(bisection, end)
    most = max(MOST, sum(name in SAM_PACKAGES for name in versions))
    parts = [*fields(bisection, end), *(f"{name} {both}" for name, both in [*versions.items()][:most])]
    if len(versions) > most:
        parts.append(f"{len(versions) - most} more packages")
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else ""
