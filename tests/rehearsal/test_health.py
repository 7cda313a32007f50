"""What happens to a GPU while a cell runs: refused and measured again, marked, or noted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pynvml
import pytest

from samcheck.analysis.interleave import PairedRun, paired_run
from samcheck.guest import nvml
from samcheck.guest.outcomes import FailureCause
from samcheck.matrix import PlannedCell
from samcheck.run import judge
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates, Stopped
from samcheck.storage import results
from samcheck.storage.runs import SIDES
from tests.rehearsal.nvml_stand_in import ERRORS, LOST, Driver
from tests.rehearsal.played_cell import CELL, SEEN, Played, Silent, run

#: What is asked of the GPU before and after a cell, beside what it needs.
WATCHED = (
    "nvmlDeviceIsMigDeviceHandle",
    "nvmlDeviceGetComputeMode",
    "nvmlDeviceGetMigMode",
    "nvmlDeviceGetEccMode",
    "nvmlDeviceGetPersistenceMode",
    "nvmlDeviceGetEnforcedPowerLimit",
    "nvmlDeviceGetFieldValues",
    "nvmlDeviceGetTotalEccErrors",
    "nvmlDeviceGetRemappedRows",
    "nvmlEventSetCreate",
    "nvmlDeviceRegisterEvents",
    "nvmlEventSetWait_v2",
)
FREED = ("nvmlEventSetFree", "nvmlShutdown")


#: Every error that means that nothing can be computed any more, and some of each other kind; test_gauges.py
#: tries them all on the same readings.
SOME = (*sorted(nvml.LOST), 3, 4, nvml.TIMEOUT, 20, 999)


@pytest.mark.parametrize("error", SOME, ids=ERRORS.get)
@pytest.mark.parametrize("call", [*WATCHED, *FREED])
def test_an_error_while_the_cell_runs_is_said(driver: Driver, tmp_path: Path, call: str, error: int) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(lambda: driver.fails(call, error)))
    said = result.environment.details.get("gpu_health", "")
    left_out = error in nvml.UNREPORTED or call in FREED
    nothing_more = call == "nvmlEventSetWait_v2" and error == nvml.TIMEOUT
    if left_out or nothing_more or call in WATCHED[:1] + WATCHED[-3:-1]:  # asked only before
        assert (result.outcome, said) == ("passed", "")
        return
    assert said.startswith("the NVIDIA driver says '")
    assert result.outcome == ("refused" if error in nvml.LOST else "passed")
    assert all(series.disturbed for check in result.checks for series in check.series)


@pytest.mark.parametrize("error", SOME, ids=ERRORS.get)
@pytest.mark.parametrize("call", ["nvmlDeviceGetTotalEccErrors", "nvmlEventSetCreate"])
def test_a_gpu_that_cannot_be_watched_is_said(driver: Driver, tmp_path: Path, call: str, error: int) -> None:
    driver.install().h200().fails(call, error)
    result = run(tmp_path, Played())
    said = result.environment.details.get("gpu_health", "")
    assert bool(said) is (error not in nvml.UNREPORTED)
    assert result.outcome == ("refused" if error in nvml.LOST else "passed")


def test_a_gpu_that_is_lost_while_the_cell_runs_is_not_green(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(lambda: driver.fails("nvmlDeviceGetTotalEccErrors", LOST)))
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert "'GPU is lost'" in result.reason
    assert "nvidia-smi --gpu-reset" in result.reason


@pytest.mark.parametrize(
    ("call", "answer", "said"),
    [
        ("nvmlDeviceGetTotalEccErrors", "2", "the GPU had 2 uncorrected ECC errors"),
        ("nvmlDeviceGetRemappedRows", "0 1 0 0", "the GPU had 1 rows remapped after uncorrected errors"),
        ("nvmlDeviceGetRemappedRows", "0 0 0 1", "the GPU had 1 failed row remapping"),
        ("nvmlEventSetWait_v2", "79", "the driver reported Xid error 79"),
        ("nvmlEventSetWait_v2", "13 48", "the driver reported Xid error 48"),
    ],
)
def test_damage_refuses_the_cell_and_is_measured_again(
    driver: Driver, tmp_path: Path, call: str, answer: str, said: str
) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(lambda: driver.says(call, answer)))
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert said in result.reason
    assert "may be wrong" in result.reason
    assert not result.is_conclusive
    assert all(series.disturbed for check in result.checks for series in check.series)
    results.to_json(result)
    driver.says("nvmlEventSetWait_v2", "")
    again = Played()
    assert run(tmp_path, again).outcome == "passed"
    assert len(again.suites) == 1  # --resume must not make a green of what was set aside


@pytest.mark.parametrize(
    ("call", "answer", "said"),
    [
        ("nvmlDeviceGetEnforcedPowerLimit", "300000", "power_limit_watts of the GPU changed from 700 to 300"),
        ("nvmlDeviceGetComputeMode", "3", "compute_mode of the GPU changed from 0 to 3"),
    ],
)
def test_what_says_little_of_the_software_marks_the_benchmarks(
    driver: Driver, tmp_path: Path, call: str, answer: str, said: str
) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(lambda: driver.says(call, answer)))
    assert result.outcome == "passed"
    assert result.environment.details["gpu_health"] == said
    assert [series.disturbed for check in result.checks for series in check.series] == [[said]]


@pytest.mark.parametrize(
    ("call", "answer", "said"),
    [
        ("nvmlDeviceGetRemappedRows", "2 0 0 0", "the GPU had 2 rows remapped after corrected errors"),
        # Of a check that provokes a fault, in a process of its own.
        ("nvmlEventSetWait_v2", "31", "the driver reported Xid error 31"),
    ],
)
def test_what_changes_no_measurement_is_noted(
    driver: Driver, tmp_path: Path, call: str, answer: str, said: str
) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(lambda: driver.says(call, answer)))
    assert result.outcome == "passed"
    assert result.environment.details["gpu_health"] == said
    assert result.checks[0].series[0].disturbed == []


def interrupted(tmp_path: Path, meanwhile: Callable[[], object]) -> None:
    """Run a cell that ends with the whole run, once its suite is finished."""
    stop = Event()

    def happens() -> None:
        meanwhile()
        stop.set()

    with pytest.raises(Stopped):
        run(tmp_path, Played(happens), stop=stop)


@pytest.mark.parametrize(
    ("call", "answer"), [("nvmlDeviceGetTotalEccErrors", "3"), ("nvmlEventSetWait_v2", "79")]
)
def test_what_is_interrupted_after_damage_is_measured_again(
    driver: Driver, tmp_path: Path, call: str, answer: str
) -> None:
    driver.install().h200()
    interrupted(tmp_path, lambda: driver.says(call, answer))
    driver.says("nvmlEventSetWait_v2", "")
    again = Played()
    assert run(tmp_path, again).outcome == "passed"
    assert len(again.suites) == 1


def test_damage_that_only_the_next_start_sees_is_measured_again(driver: Driver, tmp_path: Path) -> None:
    """As after SIGKILL, or a power failure, which lets nothing look at the GPU."""
    driver.install().h200().says("nvmlDeviceGetTotalEccErrors", "7")  # of earlier days
    interrupted(tmp_path, lambda: None)
    kept = Played()
    assert "set_aside" not in run(tmp_path, kept).environment.details
    assert kept.suites == []
    driver.fails("nvmlDeviceGetTotalEccErrors", pynvml.NVML_ERROR_UNKNOWN)
    run(tmp_path, Played())  # which cannot be compared, and forgets nothing
    driver.says("nvmlDeviceGetTotalEccErrors", "10")
    again = Played()
    result = run(tmp_path, again)
    assert (result.outcome, len(again.suites)) == ("passed", 1)
    assert result.environment.details["set_aside"] == (
        "the GPU had 3 uncorrected ECC errors; the GPU had 3 uncorrected ECC errors since it was made"
    )


def test_an_unexpected_error_after_damage_leaves_nothing_to_keep(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.install().h200()

    def breaks(*_: object) -> None:
        driver.says("nvmlEventSetWait_v2", "79")
        raise OSError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(judge, "judge", breaks)
        assert run(tmp_path, Played()).outcome == "not-run"
    driver.says("nvmlEventSetWait_v2", "")
    again = Played()
    assert run(tmp_path, again).outcome == "passed"
    assert len(again.suites) == 1


def test_two_cells_in_turns_that_are_interrupted_after_damage_keep_nothing(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.install().h200()
    settings = Settings("fast", Played(), "", 60.0, gates=Gates(gpus=("0",)), processes=2)
    paired = PairedRun(settings, tmp_path, (PlannedCell(CELL), PlannedCell(CELL)))

    def measure(*_: object) -> None:
        for side in SIDES:
            (tmp_path / side / "pass-1").mkdir()
        driver.says("nvmlEventSetWait_v2", "79")
        raise Stopped

    monkeypatch.setattr(paired_run, "_measure", measure)
    with pytest.raises(Stopped):
        paired_run.run_in_turns(paired, (Silent(), Silent()))
    assert not list(tmp_path.glob("*/pass-1"))
    assert len(list(tmp_path.glob("*/set-aside-1/pass-1"))) == 2


def test_errors_of_the_readings_do_not_end_a_cell(driver: Driver, tmp_path: Path) -> None:
    """A T4 has no rows to remap; an old driver or a container reports no events."""
    driver.install().t4()
    driver.fails("nvmlEventSetCreate", pynvml.NVML_ERROR_NOT_SUPPORTED)
    driver.fails("nvmlDeviceRegisterEvents", pynvml.NVML_ERROR_NOT_SUPPORTED)
    assert run(tmp_path, Played(seen={**SEEN, "gpu": "Tesla T4"})).outcome == "passed"


def test_what_the_driver_knows_of_a_gpu_that_is_gone_is_said(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(lambda: driver.says("nvmlEventSetWait_v2", "79"), ends=69))
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert result.reason.startswith("the GPU that the probe saw is gone")
    assert result.reason.endswith("; the driver reported Xid error 79")


def test_two_cells_in_turns_share_the_health_of_their_gpu(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.install().h200()
    passed = run(tmp_path / "before", Played())
    settings = Settings("fast", Played(), "", 60.0, gates=Gates(gpus=("0",)), processes=2)
    paired = PairedRun(settings, tmp_path, (PlannedCell(CELL), PlannedCell(CELL)))
    monkeypatch.setattr(paired_run.Side, "result", lambda side: passed)
    monkeypatch.setattr(paired_run, "_measure", lambda *_: driver.says("nvmlEventSetWait_v2", "79"))
    for result in paired_run.run_in_turns(paired, (Silent(), Silent())):
        assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
        assert "Xid error 79" in result.reason
