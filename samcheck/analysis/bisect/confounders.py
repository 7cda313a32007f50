"""What the cells next to the boundary do not share beside the axis: another possible cause (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from samcheck.analysis.bisect.bisect import Hunt
from samcheck.analysis.bisect.search import Answer
from samcheck.facts import compatibility

#: Packages that SAM's code, or what the suite does with it, goes through.
TELLING = ("numpy", "torchvision", "onnx", "onnxruntime", "onnxscript", "ml_dtypes", "pillow")
#: Packages that are named, unless more of those differ.
MOST = 4
#: Beginnings of the names of packages that come with a PyTorch.
OF_TORCH = ("torch", "torchvision", "triton", "pytorch-triton", "nvidia", "cuda", "cmake", "lit")


def fields(hunt: Hunt, end: Answer) -> Iterator[str]:
    """Other axes on which the two cells differ, ``cuda (cu128, cu130)``; builds go with PyTorch."""
    one, other = (compatibility.fields(hunt.question.candidates[at].cell) for at in (end.good, end.bad))
    for axis in compatibility.AXES:
        if axis not in (hunt.question.axis, "numpy") and one[axis] != other[axis]:
            yield f"{axis} ({one[axis]}, {other[axis]})"


def packages(hunt: Hunt, end: Answer) -> dict[str, str]:
    """Installed packages of other versions, ``(1.26.4, 2.2.6)`` by their names, the most telling first."""
    one, other = (_installed(hunt, at) for at in (end.good, end.bad))
    if not one or not other:
        return {}
    changed = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    own = [name for name in changed if not _of_axis(name, hunt.question.axis)]
    ranked = sorted(own, key=lambda name: (TELLING.index(name) if name in TELLING else len(TELLING), name))
    return {name: f"({one.get(name, 'none')}, {other.get(name, 'none')})" for name in ranked}


def held(hunt: Hunt, end: Answer) -> str:
    """How to keep NumPy from being the cause, where it can be."""
    if hunt.question.axis == "numpy" or "numpy" not in packages(hunt, end):
        return ""
    was = _installed(hunt, end.good).get("numpy")
    return f"; --numpy {was} would hold NumPy" if was else ""


def _installed(hunt: Hunt, at: int) -> Mapping[str, str]:
    """What the last run of a value that told anything had around it."""
    seen = [one.packages for one in hunt.seen.get(at, []) if one.outcome and one.packages]
    return seen[-1] if seen else {}


def _of_axis(name: str, axis: str) -> bool:
    """Whether a package is what the axis is about, or comes with it."""
    if axis in ("torch", "cuda"):
        return name.startswith(OF_TORCH)
    return name == {"numpy": "numpy", "sam": "segment-anything"}.get(axis)


def told(hunt: Hunt, end: Answer) -> str:
    """One part of a sentence; empty where nothing else differs."""
    found = packages(hunt, end)
    most = max(MOST, sum(name in TELLING for name in found))
    parts = [*fields(hunt, end), *(f"{name} {versions}" for name, versions in [*found.items()][:most])]
    if len(found) > most:
        parts.append(f"{len(found) - most} more packages")
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else ""
