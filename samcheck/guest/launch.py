"""Runs a module like ``python -m``, but without importing from the working directory.

    python launch.py MODULE ARGUMENTS...

A check may leave a ``json.py`` there. ``python -P`` does the same since Python 3.11.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import List


def command(module: str, *arguments: str) -> List[str]:
    """The command that runs `module` in a new process of this interpreter."""
    return [sys.executable, os.path.abspath(__file__), module, *arguments]


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    # Python has added this folder; an empty entry, possible in PYTHONPATH, means the working directory.
    sys.path[:] = [path for path in sys.path if path and os.path.abspath(path) != here]
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
