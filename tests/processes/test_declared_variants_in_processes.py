"""Where a guest that is a process finds the user's own variants."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from samcheck.environments import GuestJob, processes
from samcheck.environments.own_variant import OwnVariant
from samcheck.guest.variant_names import DECLARED_VARIABLE

LARGE = OwnVariant("acme_large", Path("/models/b/acme.pth"), base="vit_b")


def test_a_process_sees_them_where_they_are(tmp_path: Path) -> None:
    code = f"import os; open('told', 'w').write(os.environ['{DECLARED_VARIABLE}'])"
    job = GuestJob(("-c", code), tmp_path, tmp_path, tmp_path / "log", variants=(LARGE,))
    assert processes.run(sys.executable, job).exit_code == 0
    (entry,) = json.loads((tmp_path / "told").read_text())
    assert entry == {
        "name": "acme_large",
        "path": "/models/b/acme.pth",
        "base": "vit_b",
        "target": "",
        "tier": "",
    }
