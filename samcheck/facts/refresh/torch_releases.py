"""PyTorch releases on an index that the facts lack, as rows for torch.toml."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.version import Version

from samcheck.facts.refresh.remote import NoMetadata
from samcheck.facts.refresh.simple_index import PYTHONS, PackageIndex, Wheel

_CUDA = re.compile(r"nvidia-cuda-runtime(-cu\d+)?|cuda-toolkit")
_CUDNN = re.compile(r"nvidia-cudnn(-cu\d+)?")
#: First PyTorch that was not compiled against NumPy 1 (rule numpy2-old-torch).
_NUMPY_2 = Version("2.3")
_BY_HAND = "and their builds on PyTorch's own index, are in no metadata: add them manually with a source"


def add(index: PackageIndex, text: str, notes: list[str]) -> str:
    """Return torch.toml with the releases of `index` that it lacks; append remarks to `notes`.

    Releases older than the oldest one in the file are ignored.
    """
    rows = tomllib.loads(text)["release"]
    known = {Version(row["version"]) for row in rows}
    wheels = index.releases("torch")
    new = sorted(version for version in wheels if version > min(known) and version not in known)
    partners = _partners(index, {Version(row["torchvision"]) for row in rows}, notes) if new else []
    added = []
    for version in new:
        try:
            block = _release(index, wheels[version], partners, notes)
        except NoMetadata as why:
            notes.append(f"torch {version} is left out, the index does not provide its metadata: {why}")
            continue
        if block:
            text = _insert(text, version, block)
            added.append(str(version))
    if added:
        notes.append(f"torch {', '.join(added)}: which GPUs they have code for, {_BY_HAND}")
    return text


@dataclass(frozen=True)
class _Partner:
    """A torchvision release, with its requirement on torch."""

    wheels: tuple[Wheel, ...]
    torch: Requirement


def _partners(index: PackageIndex, known: set[Version], notes: list[str]) -> list[_Partner]:
    """Return the torchvision releases that may match a new torch: those not in the facts, and the newest."""
    partners = []
    for version, wheels in sorted(index.releases("torchvision").items()):
        if version < min(known) or (version in known and version < max(known)):
            continue
        try:
            required = [
                requirement for requirement in index.requirements(wheels[0]) if requirement.name == "torch"
            ]
        except NoMetadata as why:
            notes.append(f"torchvision {version} is left out, the index does not provide its metadata: {why}")
            continue
        partners += [_Partner(wheels, requirement) for requirement in required]
    return partners


def _release(
    index: PackageIndex, wheels: tuple[Wheel, ...], partners: list[_Partner], notes: list[str]
) -> str:
    """Return the block of a torch release; empty, with a note, if it cannot be completed."""
    version = wheels[0].version
    required = index.requirements(wheels[0])
    partner = _partner(wheels[0], partners, notes)
    if partner is None:
        return ""
    cuda = _pinned(required, _CUDA)
    if not cuda:
        notes.append(f"torch {version} is left out: its metadata names no CUDA")
        return ""
    cudnn = _pinned(required, _CUDNN)
    return _block(wheels, partner, f"{Version(cuda).major}.{Version(cuda).minor}", cudnn)


def _partner(torch: Wheel, partners: list[_Partner], notes: list[str]) -> tuple[Wheel, ...] | None:
    """Return the torchvision for a torch: the one that pins it, else the one uploaded closest to it."""
    fitting = [partner for partner in partners if torch.version in partner.torch.specifier]
    pinning = [partner for partner in fitting if str(partner.torch.specifier) == f"=={torch.version}"]
    if pinning:
        return pinning[-1].wheels
    names = ", ".join(str(partner.wheels[0].version) for partner in fitting)
    if not fitting:
        notes.append(f"torch {torch.version} is left out: no torchvision on the index accepts it")
        return None
    if len(fitting) > 1 and torch.uploaded is None:
        why = f"torchvision {names} accept it, and the index has no dates to choose by"
        notes.append(f"torch {torch.version} is left out: {why}")
        return None
    chosen = min(fitting, key=lambda partner: _apart(torch, partner.wheels[0])).wheels
    near = f"{chosen[0].version} was uploaded closest to it"
    notes.append(f"torch {torch.version}: no torchvision pins it, {names} accept it; {near}")
    return chosen


def _apart(one: Wheel, other: Wheel) -> float:
    """Return the seconds between two uploads."""
    if one.uploaded is None or other.uploaded is None:
        return 0.0
    return abs((one.uploaded - other.uploaded).total_seconds())


def _pinned(required: list[Requirement], name: re.Pattern[str]) -> str:
    pins = [str(requirement.specifier) for requirement in required if name.fullmatch(requirement.name)]
    return next((pin.removeprefix("==") for pin in pins if re.fullmatch(r"==[\d.]+", pin)), "")


def _block(wheels: tuple[Wheel, ...], partner: tuple[Wheel, ...], cuda: str, cudnn: str) -> str:
    has = [python for python in PYTHONS if any(wheel.fits(python) for wheel in wheels)]
    both = [python for python in has if any(wheel.fits(python) for wheel in partner)]
    alone = [python for python in has if python not in both]
    platform = wheels[0].platform if re.fullmatch(r"manylinux1|manylinux_\d+_\d+", wheels[0].platform) else ""
    build = f'cuda = "{cuda}", tag = "cu{cuda.replace(".", "")}", index = "default", archs = []'
    build += f', cudnn = "{cudnn}"' if cudnn else ""
    lines = [
        "[[release]]",
        f'version = "{wheels[0].version}"',
        f'torchvision = "{partner[0].version}"',
        f"pythons = {json.dumps(both)}",
        f"torch_only = {json.dumps(alone)}" if alone else "",
        f'platform = "{platform}"' if platform else "",
        f"numpy2 = {'true' if wheels[0].version >= _NUMPY_2 else 'false'}",
        'status = "verified"',
        'source = ["pypi-links"]',
        "builds = [",
        f'    {{ {build}, status = "verified", source = ["pypi-meta"] }},',
        "]",
    ]
    return "".join(f"{line}\n" for line in lines if line)


def _insert(text: str, version: Version, block: str) -> str:
    """Insert a release into `text`, ordered by version."""
    for start in re.finditer(r'^\[\[release\]\]\nversion = "(.*)"$', text, re.MULTILINE):
        if Version(start[1]) > version:
            return f"{text[: start.start()]}{block}\n{text[start.start() :]}"
    return f"{text.rstrip()}\n\n{block}"
