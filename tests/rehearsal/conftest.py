"""CUDA rehearsed without a GPU: only what this machine lacks is played."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from samcheck.environments import machine
from tests.cells.conftest import interpreter
from tests.rehearsal import nvml_stand_in
from tests.rehearsal.nvml_stand_in import Driver

__all__ = ["interpreter"]  # a fixture


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled stand-in of the driver's library."""
    if shutil.which("cc") is None and not os.environ.get("CI"):
        pytest.skip("the stand-in of NVML needs a C compiler: install gcc")
    return nvml_stand_in.compiled(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def driver(nvml_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    """A machine whose driver answers what the test says; at first there is none."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine.nvidia.cache_clear()
    with nvml_stand_in.loaded(nvml_library) as installed:
        yield installed
    machine.nvidia.cache_clear()


@pytest.fixture(scope="session")
def cudart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled stand-in of the CUDA runtime."""
    if shutil.which("cc") is None and not os.environ.get("CI"):
        pytest.skip("the stand-in of the CUDA runtime needs a C compiler: install gcc")
    library = tmp_path_factory.mktemp("cudart") / "libstub.so"
    source = Path(__file__).with_name("cudart_stub.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source], check=True)
    return library
