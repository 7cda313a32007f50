"""CUDA toolkits and driver branches that an index names and the facts lack, as rows for drivers.toml.

No index has drivers themselves, but NVIDIA numbers its packages after them: nvidia-ml-py 13.615.71 belongs to
CUDA 13 and driver branch R615, and cuda-toolkit has the version of the toolkit.
"""

from __future__ import annotations

import re
import tomllib

from packaging.version import Version

from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.refresh.simple_index import PackageIndex

#: A version of nvidia-ml-py since it has had the branch in it.
_BINDING = re.compile(r"\d{2}\.(?P<branch>\d{3})\.\d+")


def add(index: PackageIndex, text: str, notes: list[str]) -> str:
    """Return drivers.toml with the toolkits of `index` that it lacks; append what to look up to `notes`."""
    rows = tomllib.loads(text)
    _branches(index, {row["number"] for row in rows["branch"]}, notes)
    known = {Version(row["version"]).release[:2] for row in rows["toolkit"]}
    try:
        found = {version.release[:2] for version in index.releases("cuda-toolkit")}
    except EnvironmentUnavailable as lacking:  # a mirror need not have it
        notes.append(f"new CUDA toolkits were not looked for: {lacking}")
        return text
    new = [f"{major}.{minor}" for major, minor in sorted(found - known) if (major, minor) > max(known)]
    for version in new:
        notes.append(f"CUDA {version} is new: the driver that it came with is in NVIDIA's release notes only")
    blocks = "".join(
        f'[[toolkit]]\nversion = "{version}"\nstatus = "unverified"\nsource = ["pypi-links"]\n\n'
        for version in new
    )
    return _behind_the_last(text, blocks)


def _branches(index: PackageIndex, known: set[int], notes: list[str]) -> None:
    found = {
        int(match["branch"])
        for version in index.releases("nvidia-ml-py")
        if (match := _BINDING.fullmatch(str(version)))
    }
    for branch in sorted(number for number in found - known if number > max(known)):
        notes.append(
            f"driver branch R{branch} is new (nvidia-ml-py): its kind and end of life are on NVIDIA's pages "
            "only; add it manually with a source"
        )


def _behind_the_last(text: str, blocks: str) -> str:
    """Insert rows behind the last toolkit, before what follows it and its comment."""
    if not blocks:
        return text
    end = text.index("\n\n", text.rindex("[[toolkit]]")) + 2
    return text[:end] + blocks + text[end:]
