"""The fixtures that all checks share, from samcheck's plugin, which plain ``pytest`` in the checkout needs.

Runs on Python 3.8.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest

if find_spec("samcheck") is None:  # plain pytest in a checkout that is not installed
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

pytest_plugins = [
    "samcheck.guest.plugin",
    "samcheck.guest.plugin.session_fixtures",
    "samcheck.guest.agreement.pair_fixtures",
    "samcheck.guest.memory.process_fixtures",
]


def pytest_configure(config: pytest.Config) -> None:
    # The packages under test warn about different things in every version, often attributed to the line
    # that called them, samcheck's: no check may fail because of that. Plain `pytest` reads pyproject.toml,
    # where warnings are errors. A class that pytest cannot collect is a bug in the suite itself, and would
    # go unnoticed.
    for rule in ("default", "error::pytest.PytestCollectionWarning"):
        config.addinivalue_line("filterwarnings", rule)
