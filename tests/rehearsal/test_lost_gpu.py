"""A GPU that goes away between two processes of one cell: real guests, in which only PyTorch is played.

Its GPU is a file with the name of one; without it `is_available` is False, and a suite that fell back to the
CPU would pass.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from samcheck.cells import Cell
from samcheck.environments import DiskNeed, Place, here
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import FailureCause
from samcheck.guest.record import CellResult
from samcheck.matrix import PlannedCell
from samcheck.run import cell_runner
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates
from tests.rehearsal.nvml_stand_in import Driver, uuid
from tests.rehearsal.played_cell import Silent

TORCH = """
from types import SimpleNamespace

__version__ = "2.4.1+cu121"
version = SimpleNamespace(cuda="12.1")
backends = SimpleNamespace(cudnn=SimpleNamespace(version=lambda: 90100))

def _name():
    try:
        with open({gpu!r}) as stream:
            return stream.read()
    except FileNotFoundError:
        raise RuntimeError("No CUDA GPUs are available") from None

def _properties(index):
    return SimpleNamespace(name=_name(), major=9, minor=0, total_memory=2**37)

def _available():
    import os
    return os.path.exists({gpu!r})

_started = []

def _init():
    _started.append(_name())

cuda = SimpleNamespace(
    init=_init,
    is_available=_available,
    is_initialized=lambda: bool(_started),
    synchronize=_name,
    get_device_properties=_properties,
)

def set_grad_enabled(enabled): ...

def ones(count, device):
    return SimpleNamespace(sum=lambda: float(bool(_name())))
"""
SUITE = """
import os
import pytest

GPU, GROUP = {gpu!r}, "correctness"

def test_before(device, settings):
    settings["model"] = "tiny"
    assert device == "cuda"
    {told}

def test_of_the_fault(device):
    {fault}

def test_after(device, settings):
    settings["device"] = device
"""
PLUGINS = 'pytest_plugins = ["samcheck.guest.plugin", "samcheck.guest.plugin.session_fixtures"]\n'
#: What the driver does while a check runs, and the process dies of it.
FAULTS = {
    "lost": "os.unlink(GPU); os._exit(1)",
    "another": "open(GPU, 'w').write('NVIDIA A100-SXM4-80GB'); os._exit(1)",
}


@dataclass(frozen=True)
class WithTorch:
    """This interpreter, with the PyTorch that is played."""

    folder: Path
    kind: str = "played"
    installs: bool = False
    details: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def storage(self) -> Path:
        return self.folder

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        return DiskNeed(0, 0, reused=True)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        return here.HerePlace(sys.executable, packages=(str(self.folder / "packages"),))


@pytest.fixture
def gpu(tmp_path: Path) -> Path:
    """The GPU of the PyTorch that is played."""
    path = tmp_path / "gpu"
    path.write_text("NVIDIA H200")
    (tmp_path / "packages" / "torch").mkdir(parents=True)
    (tmp_path / "packages" / "torch" / "__init__.py").write_text(TORCH.format(gpu=str(path)))
    return path


#: What a guest must find of the GPU that it was given, and of MPS.
TOLD = """
    for name in ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "CUDA_MPS_PIPE_DIRECTORY"):
        settings[name] = os.environ[name]
"""


def run(folder: Path, fault: str, gpus: tuple[str, ...] = ("0",), told: str = "") -> CellResult:
    suite = folder / "suite"
    suite.mkdir(exist_ok=True)
    (suite / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    (suite / "conftest.py").write_text(PLUGINS)
    (suite / "test_correctness.py").write_text(SUITE.format(gpu=str(folder / "gpu"), fault=fault, told=told))
    gates = Gates(gpus=gpus)
    settings = Settings("fast", WithTorch(folder), "", 60.0, suite=str(suite), gates=gates, processes=1)
    planned = PlannedCell(Cell("2.4.1", "cu121", f"3.{sys.version_info.minor}"))
    return cell_runner.run_cell(planned, settings, folder / "cell", Silent())


def test_a_suite_on_a_gpu(gpu: Path) -> None:
    result = run(gpu.parent, "pass")
    assert (result.outcome, result.reason) == ("passed", "")
    assert [check.settings.get("device") for check in result.checks] == [None, None, "cuda"]


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_the_next_process_does_not_go_on_elsewhere(gpu: Path, fault: str) -> None:
    result = run(gpu.parent, FAULTS[fault])
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert result.reason.startswith("the GPU that the probe saw is gone")
    outcomes = {check.check.partition("::")[2]: str(check.outcome) for check in result.checks}
    assert outcomes == {"test_before": "passed", "test_of_the_fault": "crashed", "test_after": "not-run"}


def test_the_process_that_loses_its_gpu_does_not_go_on(gpu: Path) -> None:
    """Its check ends before CUDA says so."""
    result = run(gpu.parent, "os.unlink(GPU)")
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert [str(check.outcome) for check in result.checks] == ["passed", "failed", "not-run"]


def test_resumed_with_the_gpu_back_the_rest_runs(gpu: Path) -> None:
    run(gpu.parent, FAULTS["lost"])
    gpu.write_text("NVIDIA H200")
    result = run(gpu.parent, "pass")
    first, fault, last = (str(check.outcome) for check in result.checks)
    assert (first, last) == ("passed", "passed")
    assert fault != "passed"  # of the first start; run again, it is intermittent


def test_resumed_on_the_cpu_nothing_of_the_gpu_is_kept(gpu: Path) -> None:
    """As when the user hides the GPU: a result is of one device."""
    run(gpu.parent, FAULTS["lost"])
    result = run(gpu.parent, "pass", gpus=())
    assert result.observed is not None
    assert result.observed.device == "cpu"
    assert {check.check.partition("::")[2]: str(check.outcome) for check in result.checks} == {
        "test_before": "failed",  # it wants a GPU
        "test_of_the_fault": "passed",
        "test_after": "passed",
    }


def test_the_exit_status_of_a_check_is_its_own(gpu: Path) -> None:
    """A check that ends the process as a lost GPU would does not refuse the cell."""
    assert run(gpu.parent, "os._exit(69)").outcome == "crashed"


def test_a_guest_gets_its_gpu_by_uuid_and_reaches_mps(
    driver: Driver, gpu: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.install().h200().h200()
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/run/mps")
    result = run(gpu.parent, "pass", gpus=("1",), told=TOLD)
    assert (result.outcome, result.reason) == ("passed", "")
    assert result.checks[0].settings == {
        "model": "tiny",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": uuid(1),
        "CUDA_MPS_PIPE_DIRECTORY": "/run/mps",
    }
