"""What disturbs a measurement is seen; NVML, which is not to be had without a GPU, is a stand-in.

tests/rehearsal plays more of it.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from samcheck.guest.benchmark import disturbance
from samcheck.guest.gpu import Gpu

UUID = "GPU-00000000-0000-0000-0000-000000000000"


class NVMLError(Exception):
    value = 3  # NOT_SUPPORTED


class Nvml:
    """Answers as NVML does: functions by their names; what is not given is not supported."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 1, 2, 0
    NVML_MEMORY_ERROR_TYPE_UNCORRECTED, NVML_VOLATILE_ECC = 1, 0
    NVMLError, NVMLLibraryMismatchError = NVMLError, None

    def __init__(self, **answers: Any) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answers = {
            "nvmlInit": None,
            "nvmlDeviceGetHandleByIndex": "handle",
            "nvmlShutdown": None,
            "nvmlDeviceIsMigDeviceHandle": 0,
            **answers,
        }

    def __getattr__(self, name: str) -> Any:
        def ask(*arguments: object) -> Any:
            self.asked.append((name, *arguments))
            if name not in self.answers:
                raise NVMLError("not supported")
            return self.answers[name]

        return ask


def measured(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> disturbance.DisturbanceMonitor:
    monkeypatch.setitem(sys.modules, "pynvml", Nvml(**answers))
    monitor = disturbance.DisturbanceMonitor("cuda")
    monitor.before()
    monitor.during()
    monitor.after()
    return monitor


@pytest.mark.parametrize(
    ("bits", "marks"),
    [
        (0x00, []),
        (0x01, []),  # idle
        (0x04, []),  # the power cap: usual on a busy GPU
        (0x08, ["hardware slowdown of the GPU"]),
        (0x60, ["software thermal slowdown of the GPU", "hardware thermal slowdown of the GPU"]),
        (0x80, ["power brake of the GPU"]),
    ],
)
def test_throttling_is_marked(monkeypatch: pytest.MonkeyPatch, bits: int, marks: list[str]) -> None:
    assert measured(monkeypatch, nvmlDeviceGetCurrentClocksThrottleReasons=bits).disturbed == marks


@pytest.mark.parametrize(("count", "marked"), [(0, False), (1, False), (2, True)])
def test_other_processes_are_marked(monkeypatch: pytest.MonkeyPatch, count: int, marked: bool) -> None:
    processes = [SimpleNamespace(pid=-number) for number in range(1, count + 1)]
    monitor = measured(monkeypatch, nvmlDeviceGetComputeRunningProcesses=processes)
    assert (monitor.disturbed == ["other processes computed on the GPU"]) == marked


def test_readings_have_units_and_leave_out_what_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = measured(monkeypatch, nvmlDeviceGetTemperature=61, nvmlDeviceGetPowerUsage=512_000)
    assert monitor.readings["before_celsius"] == 61
    assert monitor.readings["after_watts"] == 512
    assert "before_sm_mhz" not in monitor.readings


def test_without_a_driver_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = Nvml()
    del nvml.answers["nvmlInit"]
    monkeypatch.setattr(NVMLError, "value", 9)  # DRIVER_NOT_LOADED
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monitor = disturbance.DisturbanceMonitor("cuda")
    assert monitor.gpu is None


@pytest.mark.parametrize(
    ("seen", "asked"),
    [
        ("", ("nvmlDeviceGetHandleByIndex", 0)),
        ("3,1", ("nvmlDeviceGetHandleByIndex", 3)),
        (UUID, ("nvmlDeviceGetHandleByUUID", UUID)),
    ],
)
def test_the_gpu_that_cuda_shows_first_is_read(
    monkeypatch: pytest.MonkeyPatch, seen: str, asked: tuple[str, object]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen)
    nvml = Nvml(nvmlDeviceGetHandleByUUID="handle")
    Gpu(nvml, disturbance.first_visible())
    assert nvml.asked[0] == asked


def test_the_share_of_others_is_what_this_process_did_not_use() -> None:
    assert disturbance.others_share((10.0, 5.0), (12.0, 6.5)) == pytest.approx(0.25)
    assert disturbance.others_share((10.0, 5.0), (10.1, 5.0)) is None  # too short for the kernel's clock
    assert disturbance.others_share((10.0, 5.0), (11.0, 7.0)) == 0.0


def test_busy_cpu_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([(0.0, 0.0), (10.0, 8.0)])
    monkeypatch.setattr(disturbance, "cpu_seconds", lambda: next(times))
    monitor = disturbance.DisturbanceMonitor("cpu")
    monitor.before()
    monitor.after()
    assert monitor.disturbed == ["other processes had over 10% of the CPU"]
    assert monitor.readings == {"others_cpu_share": 0.2}
