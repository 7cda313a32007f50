"""What a machine's driver says decides what is planned; a driver in trouble is never taken for no GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pynvml
import pytest
from click.testing import CliRunner

from samcheck import facts, matrix, paths
from samcheck.commands.run import matrix_command
from samcheck.environments import machine
from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.target_machine import NO_GPU, GpuDevice
from samcheck.run.context import Settings
from tests.rehearsal.nvml_stand_in import ERRORS, LOST, MISMATCH, Driver, environment

CHECKOUT = Path(__file__).resolve().parents[2]
#: Every call with which samcheck finds out about a machine.
LOOKED_AT = (
    "nvmlInitWithFlags",
    "nvmlSystemGetDriverVersion",
    "nvmlDeviceGetCount_v2",
    "nvmlDeviceGetHandleByIndex_v2",
    "nvmlDeviceGetName",
    "nvmlDeviceGetCudaComputeCapability",
)
NO_DRIVER = (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "pytorch_index_answers", lambda: False)


@pytest.mark.parametrize("error", sorted(ERRORS), ids=ERRORS.get)
@pytest.mark.parametrize("call", LOOKED_AT)
def test_every_error_is_said(driver: Driver, call: str, error: int) -> None:
    driver.install().h200().fails(call, error)
    if call == "nvmlInitWithFlags" and error in NO_DRIVER:
        assert machine.look() == NO_GPU
        return
    with pytest.raises(EnvironmentUnavailable) as raised:
        machine.look()
    what, remedy = str(raised.value).split(": ", 1)
    assert what.startswith("the NVIDIA driver says '")
    assert str(pynvml.NVMLError(error)) in what
    assert "`" in remedy or "reboot" in remedy or "check" in remedy or "upgrade" in remedy
    assert "CUDA_VISIBLE_DEVICES=-1" in remedy


def test_machines(driver: Driver) -> None:
    driver.install().h200()
    assert machine.look().gpus == (GpuDevice("NVIDIA H200", "9.0"),)
    assert machine.look().driver == "580.95.05"
    machine.nvidia.cache_clear()
    driver.t4()
    assert [gpu.capability for gpu in machine.look().gpus] == ["9.0", "7.5"]


def test_hidden_gpus_are_not_asked(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the remedy says: with them hidden, the rest can be tested on the CPU."""
    driver.fails("nvmlInitWithFlags", MISMATCH)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert machine.look() == NO_GPU


def test_a_plan_fits_every_gpu_of_the_machine(driver: Driver) -> None:
    """A T4 beside an H200: each may get any cell."""
    driver.install().h200().t4()
    plan = matrix.plan(paths.ROOT / "matrices" / "default.toml", facts.load(), machine.look())
    assert plan.cells
    for planned in plan.cells:
        build = facts.load().release(planned.cell.torch).build(planned.cell.cuda)  # type: ignore[union-attr]
        assert build is not None
        assert {"7.5", "9.0"} <= set(build.archs) or not build.archs, planned.cell.id


@pytest.fixture
def one_lost(driver: Driver) -> Driver:
    """Two GPUs, of which the second is lost."""
    driver.install().h200().h200().fails("nvmlDeviceGetHandleByIndex_v2", LOST, 1)
    return driver


def test_a_lost_gpu_does_not_block_another(one_lost: Driver) -> None:
    assert machine.look().gpus == (GpuDevice("NVIDIA H200", "9.0"),)
    (note,) = machine.left_out()
    assert note.startswith("GPU 1 is left out: the NVIDIA driver says 'GPU is lost'")
    machine.require_answers(("0",))
    with pytest.raises(EnvironmentUnavailable, match="leave it out with --gpus"):
        machine.require_answers(("0", "1"))


def test_a_lost_gpu_that_is_not_allotted_is_not_asked(
    one_lost: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert machine.look().gpus == (GpuDevice("NVIDIA H200", "9.0"),)
    assert machine.left_out() == []


def test_the_lost_gpu_that_is_allotted_is_said(one_lost: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with pytest.raises(EnvironmentUnavailable, match="'GPU is lost' when asked for GPU 1"):
        machine.look()


@pytest.mark.parametrize(("given", "used"), [(("--gpus", "0"), ("0",)), ((), None), (("--gpus", "1"), None)])
def test_a_run_needs_only_the_gpus_that_it_uses(
    one_lost: Driver, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], used: tuple[str, ...] | None
) -> None:
    gpus: list[object] = []

    def begin(console: object, plan: object, settings: Settings, *_: object) -> int:
        gpus.append(settings.gates.gpus)
        return 0

    monkeypatch.setattr("samcheck.run.session.run", begin)
    done = CliRunner().invoke(matrix_command, ["default", "--environment", "venv", *given])
    assert gpus == ([] if used is None else [used])
    assert isinstance(done.exception, EnvironmentUnavailable) is (used is None)


@pytest.mark.parametrize(
    "command", [("plan", "default"), ("advise", "--driver", "590.10", "--from", "580.95.05", "--json")]
)
def test_a_plan_says_that_a_gpu_is_left_out(one_lost: Driver, command: tuple[str, ...]) -> None:
    done = asked(one_lost, "-m", "samcheck", *command)
    assert done.returncode != EnvironmentUnavailable.exit_code
    assert "samcheck: GPU 1 is left out: the NVIDIA driver says 'GPU is lost'" in done.stderr
    assert "Traceback" not in done.stderr


def asked(driver: Driver, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        env=environment(driver.folder / "libnvidia-ml.so.1", PYTHONPATH=str(CHECKOUT)),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_says_what_to_do(driver: Driver) -> None:
    driver.fails("nvmlInitWithFlags", MISMATCH)
    done = asked(driver, "-m", "samcheck", "plan", "default")
    assert done.returncode == EnvironmentUnavailable.exit_code
    assert "reboot, or reload the kernel module" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_machine_can_still_be_planned_for(driver: Driver) -> None:
    driver.fails("nvmlInitWithFlags", MISMATCH)
    done = asked(driver, "-m", "samcheck", "plan", "default", "--gpu", "H200", "--driver", "580.95.05")
    assert done.returncode == 0, done.stderr


NOXFILE = (
    "import runpy, sys; from unittest.mock import MagicMock; sys.modules['nox'] = MagicMock(); "
    "print(len(runpy.run_path('noxfile.py')['CELLS']))"
)


def test_nox_lists_its_other_sessions_without_cells(driver: Driver) -> None:
    driver.install().h200()
    assert int(asked(driver, "-c", NOXFILE).stdout) > 0
    driver.fails("nvmlDeviceGetName", LOST)
    done = asked(driver, "-c", NOXFILE)
    assert done.stdout == "0\n"
    assert done.stderr.startswith("noxfile: no cells to list: the NVIDIA driver says 'GPU is lost'")
