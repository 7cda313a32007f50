"""Python runs this at its start where this folder is on PYTHONPATH: seeds the fault that is asked for."""

import os

if os.environ.get("SAMCHECK_FAULT"):
    from tests.faults import seed

    try:
        seed.install(os.environ["SAMCHECK_FAULT"])
    except Exception:
        seed.die()
