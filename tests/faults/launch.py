"""Starts Python anew with other environment variables, and with a fault waiting in it.

    python -m tests.faults.launch SAMCHECK_FAULT=normalisation-mean -- -m pytest ...

An environment of samcheck runs Python with variables of its own choice; this puts ours on top.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    end = sys.argv.index("--")
    here = os.path.dirname(os.path.abspath(__file__))
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([os.path.join(here, "start"), before])
    for setting in sys.argv[1:end]:
        name, _, value = setting.partition("=")
        os.environ[name] = value
    os.execv(sys.executable, [sys.executable, *sys.argv[end + 1 :]])


if __name__ == "__main__":
    main()
