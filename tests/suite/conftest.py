"""What every check shares: the device, and models and references that are made once per session.

Runs on Python 3.8. Loads samcheck's plugin, so that plain ``pytest`` from the checkout has it.
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
    "samcheck.guest.memory.process_fixtures",
]


def pytest_configure(config: pytest.Config) -> None:
    # Packages under test warn of other things in every version, often in the name of the line that called
    # them, samcheck's: no check may fail for that. Plain `pytest` takes pyproject.toml, where warnings are
    # errors. A class that pytest cannot collect is a mistake of the suite itself, and would go unseen.
    for rule in ("default", "error::pytest.PytestCollectionWarning"):
        config.addinivalue_line("filterwarnings", rule)
