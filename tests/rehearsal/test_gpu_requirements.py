"""A cell built beside a GPU gets the backends that use it; a command that reruns a check finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from samcheck import facts, paths
from samcheck.environments import machine, venv
from samcheck.facts import requirements
from samcheck.run import cell_runner, reproduce
from tests.rehearsal.nvml_stand_in import Driver
from tests.rehearsal.played_cell import CELL, SEEN, Played, run

#: What the pins of the cell say, as the probe of a cell that was really built reports it.
INSTALLED = {
    **SEEN,
    "gpu_capability": "9.0",
    "torchvision": "0.19.1",
    "numpy": "2.4.6",
    "segment_anything": "1.0",
}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "pytorch_index_answers", lambda: False)


def test_a_cell_beside_a_gpu_gets_its_onnx_runtime(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    pins = cell_runner.requirements_of(CELL, Played(installs=True))
    assert "onnxruntime-gpu[cuda,cudnn]==1.26.0" in pins.export
    result = run(tmp_path, Played(seen=dict(INSTALLED), installs=True))
    assert (result.outcome, result.reason) == ("passed", "")
    details = result.environment.details
    assert details["onnxruntime"].startswith("onnxruntime-gpu[cuda,cudnn]==1.26.0: built for CUDA 12.8")
    assert details["tensorrt"].startswith("none: tensorrt-cu12 ")


def test_a_cell_without_a_gpu_gets_the_one_for_cpus(driver: Driver) -> None:
    pins = cell_runner.requirements_of(CELL, Played(installs=True))
    assert "onnxruntime==1.32.0" in pins.export
    assert requirements.backends_of(CELL, facts.load(), machine.look()) == {}


def test_hidden_gpus_are_not_installed_for(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.install().h200()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "onnxruntime==1.32.0" in cell_runner.requirements_of(CELL, Played(installs=True)).export


def test_a_check_is_rerun_in_the_environment_of_its_gpu(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of environment has a folder of its own, and the command names the one of the result."""
    driver.install().h200()
    monkeypatch.setattr(paths, "home", lambda: tmp_path / "home")
    played = Played(seen=dict(INSTALLED), installs=True, kind="venv")
    result = run(tmp_path, played)
    pins = requirements.resolve(CELL, facts.load(), machine.look())
    folder = venv.Venv().folder(CELL, pins)
    assert folder != venv.Venv().folder(CELL, requirements.resolve(CELL, facts.load()))
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch(mode=0o755)
    check = result.checks[0]
    assert str(python) in reproduce.line(result, check)
