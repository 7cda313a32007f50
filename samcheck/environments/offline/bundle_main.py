"""Runs `samcheck here` in the Python that runs this, with what it lacks from the folders beside this file.

    python3 FOLDER --tier full

`samcheck carry` puts a copy of it into the folder that it makes. What the Python has by itself is never
replaced: a package is taken from the folder only where the Python has none of that name.
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
    """A distribution's name, as its folder is called."""
    return re.sub(r"[-_.]+", "-", name).lower()


def has(paths: Sequence[str]) -> set[str]:
    """The distributions that a Python with these paths has."""
    names = (distribution.metadata["Name"] for distribution in metadata.distributions(path=list(paths)))
    return {key(name) for name in names if name}


def lacking(folder: Path, own: set[str]) -> list[str]:
    """Of the packages in `folder`, each in a folder of its own, those that are not among its `own`."""
    return sorted(str(path) for path in folder.iterdir() if path.name not in own)


def code(checkout: Path) -> str:
    """SHA-256 over the code that runs."""
    summary = hashlib.sha256()
    for path in sorted([*checkout.glob("samcheck/**/*.py"), *checkout.glob("tests/suite/*.py")]):
        summary.update(path.relative_to(checkout).as_posix().encode() + path.read_bytes())
    return summary.hexdigest()


def version(folder: Path, checkout: Path) -> str:
    """What samcheck called itself when the folder was made, and whether the code is another since."""
    name, digest = (folder / "version").read_text(encoding="utf-8").split()
    return name if code(checkout) == digest else name.removesuffix(".changed") + ".changed"


def main() -> None:
    """Set the paths of both halves, and go on as the command line of samcheck does."""
    if sys.version_info < OLDEST:
        sys.exit("samcheck needs Python {}.{} or newer; this is {}".format(*OLDEST, sys.version.split()[0]))
    checkout = next((path for path in FOLDER.parents if (path / "samcheck" / "guest").is_dir()), None)
    if checkout is None:
        sys.exit(f"{FOLDER} has to lie in samcheck's checkout, of which nothing is found above it")
    own = has([entry for entry in sys.path if entry and Path(entry).resolve() != FOLDER])
    sys.path[0] = str(checkout)  # instead of this folder
    sys.path += lacking(FOLDER / "host", own)
    # Modules of a cluster bring PyTorch by PYTHONPATH, of which a guest else gets nothing.
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    os.environ["SAMCHECK_PACKAGES"] = os.pathsep.join([*lacking(FOLDER / "guest", own), *given])
    os.environ["SAMCHECK_VERSION"] = version(FOLDER, checkout)
    os.environ.setdefault("SAMCHECK_CACHE", str(FOLDER / "oracle"))
    sys.argv = ["samcheck", "here", "--python", sys.executable, *sys.argv[1:]]
    runpy.run_module("samcheck", run_name="__main__")


if __name__ == "__main__":
    main()
