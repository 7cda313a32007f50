"""Versions of PyTorch that people have and that are none of the releases in the facts (pure)."""

from __future__ import annotations

import re

#: What a version says of itself, in the order in which it counts.
_OTHERS = (
    (r"\+.*rocm", "is a build for ROCm: samcheck's facts cover builds for NVIDIA's GPUs and for CPUs only"),
    (r"\+.*xpu", "is a build for Intel's GPUs: samcheck's facts cover those for NVIDIA's and for CPUs only"),
    (
        r"\+.*\.nv\d",
        "is NVIDIA's own build, of its containers: samcheck's facts cover PyTorch's own releases only",
    ),
    (r"\ddev|\.dev|nightly", "is a nightly build: samcheck's facts cover releases only"),
    (r"\d(a|b|rc)\d", "is a preview: samcheck's facts cover releases only"),
    (r"\+(cu\d+|cpu)", "names a build: give the version without it, and the build with --at-cuda"),
)


def not_a_release(version: str) -> str:
    """Return what a version is that no release has; empty if that cannot be seen."""
    return next((text for pattern, text in _OTHERS if re.search(pattern, version, re.IGNORECASE)), "")
