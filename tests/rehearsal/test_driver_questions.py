"""What samcheck asks libcuda, with a stand-in of it in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

import pytest

from samcheck import paths

STUB = Path(__file__).with_name("cuda_driver_stub.c")
ASK = """
from samcheck.guest import driver_compatibility as driver
try:
    print(driver.driver_cuda())
except Exception as error:
    print(type(error).__name__, error)
print(driver.loading_mode())
print(driver.loaded_libcuda())
"""


@pytest.fixture(scope="module")
def libcuda(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None and not os.environ.get("CI"):
        pytest.skip("the stand-in of libcuda needs a C compiler: install gcc")
    path = tmp_path_factory.mktemp("cuda") / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", path, STUB], check=True)
    return path


def ask(folder: Path, **answers: str) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(folder), **answers}
    environment["PYTHONPATH"] = str(paths.ROOT)
    said = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return said.stdout.splitlines()


def test_a_driver_answers(libcuda: Path) -> None:
    lazy = ask(libcuda.parent, STUB_CUDA="12040", STUB_LOADING="2")
    assert lazy == ["12.4", "LAZY", str(libcuda)]
    assert ask(libcuda.parent, STUB_CUDA="13000", STUB_LOADING="1") == ["13.0", "EAGER", str(libcuda)]


def test_an_error_is_no_version(libcuda: Path) -> None:
    version, loading, _ = ask(libcuda.parent, STUB_CUDA="12040", STUB_LOADING="2", STUB_ERROR="3")
    assert version == "RuntimeError cuDriverGetVersion returned error 3"
    assert loading == ""


def test_without_a_driver_there_is_none(tmp_path: Path) -> None:
    if find_library("cuda"):
        pytest.skip("this machine has a driver")
    version, loading, path = ask(tmp_path)
    assert version.startswith("OSError")
    assert (loading, path) == ("", "")
