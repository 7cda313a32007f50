"""What the cells next to the boundary do not share beside the axis: another possible cause (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from samcheck.analysis.bisect.bisection import Bisection
from samcheck.analysis.bisect.boundary_search import Boundary
from samcheck.facts import compatibility

#: Packages that SAM's code, or what the suite does with it, goes through.
SAM_PACKAGES = ("numpy", "torchvision", "onnx", "onnxruntime", "onnxscript", "ml_dtypes", "pillow")
#: Packages that are named, unless more of those differ.
MOST = 4
#: Beginnings of the names of packages that come with a PyTorch.
OF_TORCH = ("torch", "torchvision", "triton", "pytorch-triton", "nvidia", "cuda", "cmake", "lit")


def fields(bisection: Bisection, end: Boundary) -> Iterator[str]:
    """Other axes on which the two cells differ, ``cuda (cu128, cu130)``; builds go with PyTorch."""
    candidates = bisection.question.candidates
    good, bad = (compatibility.fields(candidates[at].cell) for at in (end.good, end.bad))
    for axis in compatibility.AXES:
        if axis not in (bisection.question.axis, "numpy") and good[axis] != bad[axis]:
            yield f"{axis} ({good[axis]}, {bad[axis]})"


def packages(bisection: Bisection, end: Boundary) -> dict[str, str]:
    """Installed packages of other versions, ``(1.26.4, 2.2.6)`` by their names, the most telling first."""
    good, bad = (_installed(bisection, at) for at in (end.good, end.bad))
    if not good or not bad:
        return {}
    changed = [name for name in {**good, **bad} if good.get(name) != bad.get(name)]
    own = [name for name in changed if not _of_axis(name, bisection.question.axis)]
    ranked = sorted(
        own, key=lambda name: (SAM_PACKAGES.index(name) if name in SAM_PACKAGES else len(SAM_PACKAGES), name)
    )
    return {name: f"({good.get(name, 'none')}, {bad.get(name, 'none')})" for name in ranked}


def numpy_hint(bisection: Bisection, end: Boundary) -> str:
    """How to keep NumPy from being the cause, where it can be."""
    if bisection.question.axis == "numpy" or "numpy" not in packages(bisection, end):
        return ""
    version = _installed(bisection, end.good).get("numpy")
    return f"; --numpy {version} would hold NumPy" if version else ""


def _installed(bisection: Bisection, at: int) -> Mapping[str, str]:
    """What was installed around the last run of a value in which the check had an outcome."""
    runs = bisection.observations.get(at, [])
    return next((run.packages for run in reversed(runs) if run.outcome and run.packages), {})


def _of_axis(name: str, axis: str) -> bool:
    """Whether a package is what the axis is about, or comes with it."""
    if axis in ("torch", "cuda"):
        return name.startswith(OF_TORCH)
    return name == {"numpy": "numpy", "sam": "segment-anything"}.get(axis)


def describe(bisection: Bisection, end: Boundary) -> str:
    """What differs, as a part of a sentence; empty where nothing does."""
    versions = packages(bisection, end)
    most = max(MOST, sum(name in SAM_PACKAGES for name in versions))
    parts = [*fields(bisection, end), *(f"{name} {both}" for name, both in [*versions.items()][:most])]
    if len(versions) > most:
        parts.append(f"{len(versions) - most} more packages")
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else ""
