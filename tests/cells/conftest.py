"""An interpreter with PyTorch, which several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from samcheck import facts, matrix
from samcheck.environments import machine, venv
from samcheck.facts import requirements


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> str:
    """That of the cell which the other tests here need too."""
    return of_cell(tmp_path_factory.mktemp("interpreter"), 'torch = "2.4.1"\npython = "3.11"')


def of_cell(folder: Path, fields: str) -> str:
    """The interpreter of a cell with these fields, in TOML."""
    path = folder / "one.toml"
    path.write_text(f"[[cell]]\n{fields}\n")
    cell = matrix.plan(path, facts.load(), machine.look()).cells[0].cell
    return venv.Venv().prepare(cell, requirements.resolve(cell, facts.load()), folder / "build.log").python
