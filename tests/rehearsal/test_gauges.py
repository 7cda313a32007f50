"""What happens to a GPU while a benchmark runs marks it; an error is left out by design, or marks it too."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pynvml
import pytest

from samcheck.guest import fingerprint, gpu, nvml
from samcheck.guest.benchmark.disturbance import DisturbanceMonitor
from tests.rehearsal.nvml_stand_in import ERRORS, LOST, Driver

#: Every call that is made around a benchmark.
CALLS = (
    "nvmlInitWithFlags",
    "nvmlDeviceGetHandleByIndex_v2",
    "nvmlDeviceIsMigDeviceHandle",
    "nvmlDeviceGetClockInfo",
    "nvmlDeviceGetTemperature",
    "nvmlDeviceGetPowerUsage",
    "nvmlDeviceGetCurrentClocksEventReasons",
    "nvmlDeviceGetComputeRunningProcesses_v3",
    "nvmlDeviceGetMPSComputeRunningProcesses_v3",
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetTotalEccErrors",
    "nvmlDeviceGetRemappedRows",
    "nvmlDeviceGetComputeMode",
    "nvmlDeviceGetMigMode",
    "nvmlDeviceGetEccMode",
    "nvmlDeviceGetPersistenceMode",
    "nvmlDeviceGetEnforcedPowerLimit",
)
#: Calls without whose answer there is no GPU to read.
NEEDED = ("nvmlInitWithFlags", "nvmlDeviceGetHandleByIndex_v2")
ONCE = (*NEEDED, "nvmlDeviceIsMigDeviceHandle")


def measured(meanwhile: Callable[[], object] = lambda: None) -> DisturbanceMonitor:
    monitor = DisturbanceMonitor("cuda")
    monitor.before()
    meanwhile()
    monitor.during()
    monitor.after()
    return monitor


def test_a_quiet_gpu(driver: Driver) -> None:
    driver.install().h200()
    monitor = measured()
    assert monitor.disturbed == []
    assert monitor.readings["before_sm_mhz"] == 1980
    assert monitor.readings["after_watts"] == 120
    assert monitor.readings["after_power_limit_watts"] == 700
    assert monitor.readings["grown_ecc_uncorrected"] == 0
    assert monitor.readings["grown_thermal_ns"] == 0


@pytest.mark.parametrize("error", sorted(ERRORS), ids=ERRORS.get)
@pytest.mark.parametrize("call", CALLS)
def test_an_error_is_left_out_by_design_or_marks(driver: Driver, call: str, error: int) -> None:
    driver.install().h200().fails(call, error)
    monitor = measured()
    absent = call == "nvmlInitWithFlags" and error in nvml.NO_DRIVER
    grows_an_array = error == pynvml.NVML_ERROR_INSUFFICIENT_SIZE and "Processes" in call
    if not grows_an_array and (absent or (error in nvml.UNREPORTED and call not in NEEDED)):
        assert monitor.disturbed == []
        return
    (said,) = monitor.disturbed
    assert said.startswith("the NVIDIA driver says '")
    assert said.count(": ") >= 1


@pytest.mark.parametrize("call", [call for call in CALLS if call not in ONCE])
def test_a_gpu_that_is_lost_meanwhile_marks(driver: Driver, call: str) -> None:
    driver.install().h200()
    (said,) = measured(lambda: driver.fails(call, LOST)).disturbed
    assert "'GPU is lost'" in said
    assert "nvidia-smi --gpu-reset" in said


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (74, ""),  # the power limit: usual on a busy GPU
        (77, ""),
        (75, "temperature"),
        (76, "sync boost"),
        (269, "software slowdown"),
        (270, "hardware slowdown"),
        (271, "power brake"),
    ],
)
def test_a_slowdown_between_two_looks_is_seen(driver: Driver, field: int, said: str) -> None:
    """The clocks are fine whenever they are looked at: between rounds the GPU idles, and cools down."""
    driver.install().h200()
    grown = "nvmlDeviceGetFieldValues"
    monitor = measured(lambda: driver.says(grown, str(10**12), argument=field))
    assert [said in text for text in monitor.disturbed] == ([True] if said else [])


def test_a_slowdown_of_under_a_percent_is_not_marked(driver: Driver) -> None:
    driver.install().h200()
    monitor = measured(lambda: driver.says("nvmlDeviceGetFieldValues", "1", argument=75))
    assert monitor.disturbed == []
    assert monitor.readings["grown_thermal_ns"] == 1


@pytest.mark.parametrize(
    ("error", "counter", "marked"),
    [
        (pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC, True),
        (pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_AGGREGATE_ECC, True),
        (pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_VOLATILE_ECC, False),
    ],
)
def test_ecc_errors(driver: Driver, error: int, counter: int, marked: bool) -> None:
    driver.install().h200().says("nvmlDeviceGetTotalEccErrors", "7")  # of earlier days
    monitor = measured(lambda: driver.says("nvmlDeviceGetTotalEccErrors", "9", argument=2 * error + counter))
    assert [text.startswith("the GPU had 2 uncorrected ECC errors") for text in monitor.disturbed] == (
        [True] if marked else []
    )


def test_rows_that_are_remapped(driver: Driver) -> None:
    driver.install().h200()
    monitor = measured(lambda: driver.says("nvmlDeviceGetRemappedRows", "3 1 1 0"))
    assert monitor.disturbed == [
        "the GPU had 1 rows remapped after uncorrected errors",
        "the GPU had 1 pending row remapping",
    ]
    assert monitor.readings["grown_rows_corrected"] == 3


@pytest.mark.parametrize(
    ("call", "answer", "said"),
    [
        ("nvmlDeviceGetEnforcedPowerLimit", "300000", "power_limit_watts of the GPU changed from 700 to 300"),
        ("nvmlDeviceGetComputeMode", "3", "compute_mode of the GPU changed from 0 to 3"),
        ("nvmlDeviceGetPersistenceMode", "0", "persistence_mode of the GPU changed from 1 to 0"),
    ],
)
def test_what_an_administrator_changes(driver: Driver, call: str, answer: str, said: str) -> None:
    driver.install().h200()
    assert measured(lambda: driver.says(call, answer)).disturbed == [said]


def test_health_is_that_of_the_card_of_a_mig_slice(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.install().a100_with_mig()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-slice")
    driver.says("nvmlDeviceGetComputeRunningProcesses_v3", "", 1)
    monitor = measured(lambda: driver.says("nvmlDeviceGetTotalEccErrors", "1", 0))
    assert monitor.readings["after_mig_mode"] == 1
    assert any("uncorrected ECC errors" in text for text in monitor.disturbed)


def test_a_driver_that_lacks_newer_calls(driver: Driver) -> None:
    """pynvml's error for a newer call than the driver's is none of NVML's own."""
    missing = pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
    driver.install().t4()
    driver.fails("nvmlDeviceGetComputeRunningProcesses_v3", missing)
    driver.fails("nvmlDeviceGetMPSComputeRunningProcesses_v3", missing)
    driver.fails("nvmlDeviceGetCurrentClocksEventReasons", missing)
    driver.says("nvmlDeviceGetComputeRunningProcesses_v2", "11 12")
    driver.says("nvmlDeviceGetCurrentClocksThrottleReasons", str(0x40))
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    with pytest.raises(pynvml.NVMLLibraryMismatchError):
        pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    assert measured().disturbed == [
        "hardware thermal slowdown of the GPU",
        "other processes computed on the GPU",
    ]


def test_the_server_of_mps_is_not_another_process(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver.install().h200()
    driver.says("nvmlDeviceGetComputeRunningProcesses_v3", "4711")
    driver.says("nvmlDeviceGetMPSComputeRunningProcesses_v3", str(os.getpid()))
    assert measured().disturbed == ["other processes computed on the GPU"]
    monkeypatch.setattr(gpu, "is_mps", lambda pid: pid == 4711)
    assert measured().disturbed == []


def test_the_server_of_mps_is_known_by_its_name(tmp_path: Path) -> None:
    server = tmp_path / "nvidia-cuda-mps-server"
    shutil.copy("/bin/sleep", server)
    with subprocess.Popen([server, "60"]) as process:
        try:
            end = time.monotonic() + 10  # its name changes shortly after it has started
            while not gpu.is_mps(process.pid) and time.monotonic() < end:
                time.sleep(0.01)
            assert gpu.is_mps(process.pid)
        finally:
            process.kill()
    assert not gpu.is_mps(os.getpid())
    assert not gpu.is_mps(2**22 + 1)  # beyond what Linux gives


@pytest.mark.parametrize("error", sorted(ERRORS), ids=ERRORS.get)
@pytest.mark.parametrize(
    "call", ["nvmlInitWithFlags", "nvmlSystemGetDriverVersion", "nvmlSystemGetCudaDriverVersion_v2"]
)
def test_the_probe_says_why_it_has_no_driver(driver: Driver, call: str, error: int) -> None:
    driver.install().h200().fails(call, error)
    seen = fingerprint.take()
    assert seen.driver is None
    absent = call == "nvmlInitWithFlags" and error in nvml.NO_DRIVER
    assert ("nvml" in seen.import_errors) is not absent


def test_memory_in_use_is_that_of_all_processes(driver: Driver) -> None:
    driver.install().h200()
    driver.says("nvmlDeviceGetMemoryInfo", f"{140 * 2**30} {3 * 2**30}")
    with nvml.started() as library:
        assert gpu.Gpu(library, "0").used_bytes() == 3 * 2**30
        driver.fails("nvmlDeviceGetMemoryInfo", pynvml.NVML_ERROR_NOT_SUPPORTED)
        assert gpu.Gpu(library, "0").used_bytes() is None
