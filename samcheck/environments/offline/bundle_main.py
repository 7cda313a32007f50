"""Run `samcheck here` in this Python, taking what it lacks from the folders next to this file.

    python3 FOLDER --tier full

`samcheck carry` copies this file into the folder that it makes. The Python's own packages are never replaced:
a package is only taken from the folder if the Python has none of that name.
"""

from __future__ import annotations

import hashlib
import os
import re
import runpy
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

OLDEST = (3, 11)
FOLDER = Path(__file__).resolve().parent


def key(name: str) -> str:
    """Return the folder name of a distribution."""
    return re.sub(r"[-_.]+", "-", name).lower()


def has(paths: Sequence[str]) -> set[str]:
    """Return the distributions of a Python with these paths."""
    names = (distribution.metadata["Name"] for distribution in metadata.distributions(path=list(paths)))
    return {key(name) for name in names if name}


def lacking(folder: Path, own: set[str]) -> list[str]:
    """Return the packages in `folder`, each in its own folder, that are not among the Python's `own`."""
    return sorted(str(path) for path in folder.iterdir() if path.name not in own)


def code(checkout: Path) -> str:
    """Return the SHA-256 of the code that runs."""
    summary = hashlib.sha256()
    for path in sorted([*checkout.glob("samcheck/**/*.py"), *checkout.glob("tests/suite/*.py")]):
        summary.update(path.relative_to(checkout).as_posix().encode() + path.read_bytes())
    return summary.hexdigest()


def version(folder: Path, checkout: Path) -> str:
    """Return samcheck's version when the folder was made, marked if the code has changed since."""
    name, digest = (folder / "version").read_text(encoding="utf-8").split()
    return name if code(checkout) == digest else name.removesuffix(".changed") + ".changed"


def main() -> None:
    """Set the paths of both halves, then run samcheck's command line."""
    if sys.version_info < OLDEST:
        sys.exit("samcheck needs Python {}.{} or newer; this is {}".format(*OLDEST, sys.version.split()[0]))
    checkout = next((path for path in FOLDER.parents if (path / "samcheck" / "guest").is_dir()), None)
    if checkout is None:
        sys.exit(f"{FOLDER} must be inside samcheck's checkout, but there is none above it")
    own = has([entry for entry in sys.path if entry and Path(entry).resolve() != FOLDER])
    sys.path[0] = str(checkout)  # instead of this folder
    sys.path += lacking(FOLDER / "host", own)
    # Cluster modules provide PyTorch through PYTHONPATH, which guests do not get otherwise.
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    os.environ["SAMCHECK_PACKAGES"] = os.pathsep.join([*lacking(FOLDER / "guest", own), *given])
    os.environ["SAMCHECK_VERSION"] = version(FOLDER, checkout)
    os.environ.setdefault("SAMCHECK_CACHE", str(FOLDER / "oracle"))
    sys.argv = ["samcheck", "here", "--python", sys.executable, *sys.argv[1:]]
    runpy.run_module("samcheck", run_name="__main__")


if __name__ == "__main__":
    main()
