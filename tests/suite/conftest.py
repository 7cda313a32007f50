"""What every check shares: the device, and models and references that are made once per session.

Runs on Python 3.8. Loads samcheck's plugin, so that plain ``pytest`` from the checkout has it.
"""

from __future__ import annotations

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

pytest_plugins = [
    "samcheck.guest.plugin",
    "samcheck.guest.plugin.session_fixtures",
    "samcheck.guest.memory.process_fixtures",
]
