"""What values are that people give and the facts do not list, as far as they say it (pure)."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

from samcheck.facts import Facts

#: Of versions of PyTorch, in the order in which it counts.
_TORCH = (
    (r"rocm", "is a build for ROCm: samcheck's facts cover builds for NVIDIA's GPUs and for CPUs only"),
    (r"xpu", "is a build for Intel's GPUs: samcheck's facts cover those for NVIDIA's and for CPUs only"),
    (
        r"\+.*\.nv\d",
        "is NVIDIA's own build, of its containers: samcheck's facts cover PyTorch's releases only",
    ),
    (r"dev|nightly", "is a nightly build: samcheck's facts cover releases only"),
    (r"\d(a|b|rc)\d", "is a preview: samcheck's facts cover releases only"),
    (r"\+(cu\d+|cpu)", "names a build: give the version without it, and the build with --at-cuda"),
)
#: Of GPUs of other vendors. M4 is an Apple or a Tesla.
_GPUS = (
    (r"\b(radeon|instinct|rx ?\d{3,4}|mi ?\d{2,3}[a-z]?|gfx\d+|firepro|strix)\b", "AMD"),
    (r"\b(arc|iris|gaudi ?\d?|ponte vecchio|xe|battlemage|data center gpu max)\b", "Intel"),
    (r"^(apple\b.*|m[1235]( (pro|max|ultra))?|mps)$", "Apple"),
)


def vendor_of(gpu: str) -> str:
    """Return who makes a GPU, if it is not NVIDIA; empty if its name does not say so."""
    return next((name for pattern, name in _GPUS if re.search(pattern, gpu.strip(), re.IGNORECASE)), "")


def what_is(axis: str, text: str, known: list[str], facts: Facts) -> str:
    """Return what a value of an axis is, as the rest of a sentence; empty if that cannot be seen."""
    if axis in ("torch", "cuda"):
        rows = _TORCH if axis == "torch" else _TORCH[:2]
        said = next((said for pattern, said in rows if re.search(pattern, text, re.IGNORECASE)), "")
        if said:
            return said
    if axis == "python" and re.fullmatch(r"3\.\d+(\.\d+)?t", text):
        return "is a free-threaded Python: samcheck's facts cover the usual ones only"
    if axis == "python" and (match := re.fullmatch(r"(3\.\d+)\.\d+", text)):
        only = f" ({facts.rule('python-3141').text.rstrip('.')})" if text == "3.14.1" else ""
        return f"is a release of Python {match[1]}: give that{only}"
    try:
        newer = axis != "cuda" and Version(text) > max(map(Version, known))
    except InvalidVersion:
        return ""
    return f"is newer than all that the facts know (up to {known[0]})" if newer else ""
