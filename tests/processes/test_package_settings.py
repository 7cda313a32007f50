"""Packages of SAM neither download anything in a guest nor write into the user's home folder."""

from __future__ import annotations

import sys
from pathlib import Path

from samcheck.environments import GuestJob, processes


def test_a_guest_has_the_variables_that_packages_need(tmp_path: Path) -> None:
    code = "import os; print(os.environ['YOLO_CONFIG_DIR'], os.environ['HF_HUB_OFFLINE'])"
    output = tmp_path / "output.log"
    output.touch()
    assert processes.run(sys.executable, GuestJob(("-c", code), tmp_path, tmp_path, output)).exit_code == 0
    assert output.read_text().split() == [str(tmp_path), "1"]
