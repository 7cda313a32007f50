"""Tiny wheels on a shelf, which installers take in place of an index: nothing in them runs."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path


def put(
    shelf: Path, name: str, version: str, requires: Sequence[str] = (), tag: str = "py3-none-any"
) -> Path:
    """Write a wheel whose only module has the package's name."""
    module = name.replace("-", "_")
    path = shelf / f"{module}-{version}-{tag}.whl"
    info = f"{module}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    shelf.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{module}/__init__.py", f"__version__ = {version!r}\n")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
        )
        wheel.writestr(
            f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
        )
        wheel.writestr(
            f"{info}/RECORD", f"{module}/__init__.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"
        )
    return path


def with_tested(shelf: Path) -> None:
    """Put what the suite tests on the shelf."""
    put(shelf, "torch", "2.4.1", ["nvidia-cudnn-cu12==9.1"])
    put(shelf, "torch", "2.15.0", ["nvidia-cudnn-cu13==9.26"])
    put(shelf, "nvidia-cudnn-cu12", "9.1")
    put(shelf, "nvidia-cudnn-cu13", "9.26")
    for version in ("1.26.4", "2.1.0"):
        put(shelf, "numpy", version)
    for version in ("0.19.1", "0.30.0"):
        put(shelf, "torchvision", version)
    for name in ("pip", "setuptools", "wheel"):  # which uv puts into a new environment
        put(shelf, name, "80.0")
