"""What tables keep of results is the same whether one process or several take it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck import report
from samcheck.cells import Cell
from samcheck.report import extracts
from samcheck.storage import results
from samcheck.storage.results import UnreadableFile
from tests.unit import hostile


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Seven results, and a file that is none."""
    for minor in range(7):
        cell = Cell(f"2.{minor}.0", "cu128", "3.12").record(())
        path = results.store(tmp_path, replace(hostile.RESULT, cell=cell), "machine")
    path.with_name("torn.json").write_text("{")
    return tmp_path


def test_several_processes_keep_the_same(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone: list[UnreadableFile] = []
    expected = list(extracts.of_store(store, alone))
    tables = report.documents(store)
    monkeypatch.setattr(extracts, "MANY", 1)
    monkeypatch.setattr(extracts, "PART", 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    together: list[UnreadableFile] = []
    found = list(extracts.of_store(store, together))
    assert together == alone
    assert len(alone) == 1
    names = [each.row.result.cell.id for each in found]
    assert names == [each.row.result.cell.id for each in expected]
    assert report.documents(store) == tables
