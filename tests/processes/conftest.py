"""Tests with real guest processes in this interpreter, on small suites that need no torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes.trial import Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)
