"""Which GPU is meant: CUDA and NVML number them differently, and a GPU with MIG is as many as its slices."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pynvml
import pytest

from samcheck.environments import gpu_processes, machine
from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.target_machine import NO_GPU, GpuDevice
from samcheck.guest import cuda_driver
from samcheck.guest.benchmark import disturbance
from tests.rehearsal.nvml_stand_in import LOST, Driver, uuid

A100 = GpuDevice("NVIDIA A100-SXM4-40GB", "8.0")


@pytest.fixture
def cuda(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What CUDA's driver knows, for this process and others: without the file there is no device."""
    known, library = driver.folder / "cuda", driver.folder / "libcuda.so.1"
    if not library.exists():
        source = Path(__file__).with_name("cuda_stub.c")
        options = ("-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wl,-soname,libcuda.so.1")
        subprocess.run(["cc", *options, "-o", library, source, "-ldl"], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(driver.folder))
    monkeypatch.setattr(cuda_driver, "LIBRARY", str(library))
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    yield known
    known.unlink(missing_ok=True)


@pytest.fixture
def t4_before_h200(driver: Driver, cuda: Path) -> Driver:
    """A T4 is first on the bus, and an H200 is faster."""
    cuda.write_text("1 0\n0 0\n")
    return driver.install().t4().h200()


def monitored() -> str:
    """The name of the GPU that a benchmark's readings come from."""
    monitor = disturbance.DisturbanceMonitor("cuda")
    assert monitor.gpu is not None, monitor.disturbed
    return str(pynvml.nvmlDeviceGetName(monitor.gpu.handle))


def test_readings_come_from_the_gpu_that_cuda_counts_first(t4_before_h200: Driver) -> None:
    assert monitored() == "NVIDIA H200"


@pytest.mark.parametrize("given", ["0", uuid(1)[:-1]])
def test_a_number_or_a_short_uuid_is_cudas(
    t4_before_h200: Driver, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert monitored() == "NVIDIA H200"


def test_a_uuid_is_taken_at_its_word(t4_before_h200: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", uuid(0))
    assert monitored() == "Tesla T4"


def test_readings_of_a_slice_come_from_its_card(driver: Driver, cuda: Path) -> None:
    driver.install().a100_with_mig()
    driver.says("nvmlDeviceGetUUID", f"MIG-{uuid(7)[4:]}", 1)
    cuda.write_text("0 7\n")
    assert cuda_driver.uuids() == [f"MIG-{uuid(7)[4:]}"]
    assert monitored() == "NVIDIA A100-SXM4-40GB MIG 1g.5gb"


def test_without_cuda_the_number_is_nvmls(driver: Driver, cuda: Path) -> None:
    driver.install().t4().h200()
    assert cuda_driver.uuids() == []
    assert monitored() == "Tesla T4"


def test_the_gpu_that_the_user_chose_is_the_one_that_is_used(
    t4_before_h200: Driver, cuda: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA_VISIBLE_DEVICES=0 is the H200, as for every other program."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    cuda.write_text("1 0\n")
    assert machine.look().gpus == (GpuDevice("NVIDIA H200", "9.0"),)
    assert machine.places(()) == (uuid(1),)


@pytest.mark.parametrize("order", ["PCI_BUS_ID", ""])
def test_where_numbers_agree_cuda_is_not_asked(
    driver: Driver, cuda: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.install().h200().h200() if not order else driver.install().t4().h200()
    monkeypatch.setenv("CUDA_DEVICE_ORDER", order)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    cuda.write_text("0 0\n")
    assert machine.places(()) == ("1",)


def test_a_short_uuid_is_completed(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.install().h200().t4()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", uuid(1)[:-1])
    assert machine.places(()) == (uuid(1)[:-1],), "it fits both, as CUDA would say"
    machine.nvidia.cache_clear()
    driver.says("nvmlDeviceGetUUID", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8932f937")
    assert machine.places(()) == ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",)
    assert machine.look().gpus == (GpuDevice("Tesla T4", "7.5"),)


def test_each_slice_of_a_gpu_with_mig_is_a_place_for_cells(driver: Driver) -> None:
    driver.install().a100_with_mig(slices=2)
    assert machine.look().gpus == (A100, A100)
    assert machine.places(()) == machine.places(("0",)) == ("MIG-slice", "MIG-slice-2")
    machine.require_answers(machine.places(()))


def test_what_computes_on_another_slice_is_no_neighbour(driver: Driver) -> None:
    driver.install().a100_with_mig(slices=2)
    driver.says("nvmlDeviceGetComputeRunningProcesses_v3", "", 1)
    driver.says("nvmlDeviceGetComputeRunningProcesses_v3", "4711", 2)
    driver.says("nvmlDeviceGetComputeRunningProcesses_v3", "4711", 0)
    first, second = machine.places(())
    assert gpu_processes.on_gpu(first) == []
    assert len(gpu_processes.on_gpu(second) or ()) == 1


def test_a_gpu_with_mig_and_no_slice_is_left_out(driver: Driver) -> None:
    driver.install().a100_with_mig(slices=0)
    assert machine.look().gpus == NO_GPU.gpus
    assert machine.left_out() == [f"GPU 0 is left out: {machine.NO_SLICE}: {machine.MAKE_SLICE.format(0)}"]
    with pytest.raises(EnvironmentUnavailable, match="GPU 0: MIG is enabled, and it has no slice"):
        machine.places(("0",))


def test_a_lost_slice_is_said(driver: Driver) -> None:
    driver.install().a100_with_mig().fails("nvmlDeviceGetMigDeviceHandleByIndex", LOST, 0, 4)
    with pytest.raises(EnvironmentUnavailable, match="GPU is lost"):
        machine.look()
