"""Files that several distributions say are theirs, and whose content is there now.

pip and uv write one over the other without a word, and remove the files with whichever is uninstalled:
https://github.com/opencv/opencv-python/issues/962, https://github.com/sgl-project/sglang/pull/31035
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import defaultdict
from typing import Dict, Iterable, Iterator, List, Set, Tuple

from .inventory import SharedFiles
from .recorded import Recorded, RecordedFile

#: How many files are named as examples.
EXAMPLES = 3

#: The files of one path, each with the package that records it.
Claims = List[Tuple[Recorded, RecordedFile]]


def claims_by_path(packages: Iterable[Recorded]) -> Dict[str, Claims]:
    """Return the paths that packages of different names record."""
    every: Dict[str, Claims] = defaultdict(list)
    for package in packages:
        for file in package.files:
            every[file.path].append((package, file))
    return {
        path: claims for path, claims in every.items() if len({package.name for package, _ in claims}) > 1
    }


def shared(packages: Iterable[Recorded], by_path: Dict[str, Claims]) -> List[SharedFiles]:
    """Return the sets of packages that share files, with what is known of these files."""
    count = {package.key: sum(_counts(file) for file in package.files) for package in packages}
    return [
        described
        for paths in _together(by_path)
        for described in [_described(paths, by_path)]
        if described.different or 2 * described.code >= min(count[key] for key in described.owners)
        if described.code
    ]


def _counts(file: RecordedFile) -> bool:
    """Whether a file is code with content: packages of one namespace share its empty `__init__.py`."""
    return file.is_code and file.size != 0


def _together(by_path: Dict[str, Claims]) -> Iterator[List[str]]:
    """Yield the paths whose packages are connected by any of them, as three builds of OpenCV are."""
    groups: Dict[str, Set[str]] = {}
    for claims in by_path.values():
        if not any(_counts(file) for _, file in claims):
            continue
        joined = {package.key for package, _ in claims}
        for key in list(joined):
            joined |= groups.get(key, set())
        for key in joined:
            groups[key] = joined
    for group in {min(group): group for group in groups.values()}.values():
        yield [path for path, claims in by_path.items() if all(package.key in group for package, _ in claims)]


def _described(paths: List[str], by_path: Dict[str, Claims]) -> SharedFiles:
    # "a==1" sorts behind "a-b==1".
    owners = sorted(
        {package.key for path in paths for package, _ in by_path[path]}, key=lambda key: key.split("==")
    )
    code = [path for path in paths if any(_counts(file) for _, file in by_path[path])]
    different = [path for path in code if _differ(path, by_path[path])]
    present: Dict[str, int] = defaultdict(int)
    for path in different:
        for key in _owners_now(path, by_path[path]):
            present[key] += 1
    # Compiled files first: what they are is better known.
    different.sort(key=lambda path: (path.endswith(".py"), path))
    examples = different[:EXAMPLES] or code[:EXAMPLES]
    return SharedFiles(owners, len(paths), len(code), len(different), examples, dict(present))


def _differ(path: str, claims: Claims) -> bool:
    """Whether packages record different contents; those of a namespace's `__init__.py` do no harm."""
    if os.path.basename(path) == "__init__.py":
        return False
    digests = {file.digest for _, file in claims}
    return len(digests) > 1 if "" not in digests else len({file.size for _, file in claims}) > 1


def _owners_now(path: str, claims: Claims) -> List[str]:
    """Return whose content a file has: by its size, and where that is not enough by its hash."""
    try:
        size = os.stat(path).st_size
    except OSError:
        return []
    fitting = [(package, file) for package, file in claims if file.size in (size, None)]
    if len({file.digest for _, file in fitting}) > 1:
        digests = {name: _digest(path, name) for name in {_algorithm(file) for _, file in fitting}}
        fitting = [(package, file) for package, file in fitting if digests[_algorithm(file)] == file.digest]
    return [package.key for package, _ in fitting]


def _algorithm(file: RecordedFile) -> str:
    return file.digest.partition("=")[0]


def _digest(path: str, algorithm: str) -> str:
    """The hash of a file as RECORD writes it; empty if it cannot be computed."""
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return ""
    digest = hashlib.new(algorithm)
    try:
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(2**20), b""):
                digest.update(block)
    except OSError:
        return ""
    return algorithm + "=" + base64.urlsafe_b64encode(digest.digest()).decode().rstrip("=")
