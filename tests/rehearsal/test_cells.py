"""A cell gets exactly the GPU that was given, or is refused with what to do; it is never green without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pynvml
import pytest
from click.testing import CliRunner

from samcheck import paths
from samcheck.cells import Cell
from samcheck.commands import interleave
from samcheck.environments import gpu_health
from samcheck.errors import EnvironmentUnavailable
from samcheck.guest.outcomes import FailureCause
from samcheck.run import reproduce
from tests.rehearsal.nvml_stand_in import ERRORS, LOST, Driver, uuid
from tests.rehearsal.played_cell import SEEN, Played, run

#: What host and driver say to each other about a cell's GPU before it starts, and cannot do without.
NEEDED = ("nvmlInitWithFlags", "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetName", "nvmlDeviceGetUUID")


def test_a_cell_on_a_healthy_gpu(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    played = Played()
    result = run(tmp_path, played)
    assert (result.outcome, result.reason) == ("passed", "")
    assert {job.gpu for job in played.jobs} == {uuid(0)}  # not its number, which the next GPU may inherit
    (suite,) = played.suites
    assert {"--samcheck-device=cuda", "--samcheck-gpu=NVIDIA H200"} <= set(suite.arguments)
    assert result.environment.details == {"gpu": "0", "gpu_model": "NVIDIA H200"}


@pytest.mark.parametrize("error", sorted(ERRORS), ids=ERRORS.get)
@pytest.mark.parametrize("call", NEEDED)
def test_a_gpu_that_does_not_answer_is_refused(driver: Driver, tmp_path: Path, call: str, error: int) -> None:
    driver.install().h200().fails(call, error)
    played = Played()
    result = run(tmp_path, played)
    if call == "nvmlInitWithFlags" and error in (9, 12):
        assert result.outcome == "passed"  # CUDA without NVML, as in WSL: the probe's word counts
        return
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert result.reason.startswith("the NVIDIA driver says '")
    assert played.jobs == []


def test_another_gpu_than_the_one_given_is_misbuilt(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200().t4()
    played = Played(seen={**SEEN, "gpu": "Tesla T4"})
    result = run(tmp_path, played)
    assert (result.outcome, result.reason) == (
        "misbuilt",
        "GPU: declared NVIDIA H200, observed Tesla T4",
    )
    assert played.suites == []


def test_a_slice_is_called_after_its_gpu() -> None:
    assert gpu_health.same_model("NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB MIG 1g.5gb")
    assert gpu_health.same_model("A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB")
    slice_of_h200 = "NVIDIA H200 MIG 1g.18gb"
    assert gpu_health.same_model(slice_of_h200, slice_of_h200)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB"),
        ("NVIDIA L4", "NVIDIA L40S"),
        ("NVIDIA A10", "NVIDIA A100-SXM4-40GB"),
        ("NVIDIA H200", "NVIDIA H200 NVL"),
        ("NVIDIA H200", "NVIDIA H200 NVL MIG 1g.18gb"),
        ("Tesla P4", "Tesla P40"),
        ("NVIDIA GeForce RTX 3060", "NVIDIA GeForce RTX 3060 Ti"),
    ],
)
def test_a_model_whose_name_begins_like_another_is_not_that_one(one: str, other: str) -> None:
    assert not gpu_health.same_model(one, other)
    assert not gpu_health.same_model(other, one)


def test_the_suite_finds_another_gpu_than_the_probe(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(ends=69))
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert result.reason.startswith("the GPU that the probe saw is gone")
    assert "(the GPU is NVIDIA A100, but NVIDIA H200 was expected)" in result.reason


@pytest.mark.parametrize(
    "other", [{"device": "cpu", "gpu": None}, {"driver": "570.86.15"}, {"gpu": "NVIDIA H200 NVL"}]
)
def test_resumed_on_another_device_everything_is_measured_there(
    driver: Driver, tmp_path: Path, other: dict[str, object]
) -> None:
    """Else a result would mix what two devices, or two drivers, have measured."""
    driver.install().h200()
    assert run(tmp_path, Played()).outcome == "passed"
    same = Played()
    assert run(tmp_path, same).outcome == "passed"
    assert same.suites == []
    changed = Played(seen={**SEEN, **other})
    driver.says("nvmlDeviceGetName", str(other.get("gpu") or SEEN["gpu"]))
    result = run(tmp_path, changed)
    if other.get("device") == "cpu":
        assert result.outcome == "refused"
        assert result.observed is None  # it is filed under no device that did not measure it
        assert changed.suites == []
    else:
        assert len(changed.suites) == 1


def test_resumed_on_another_gpu_of_that_model_everything_is_measured_there(
    driver: Driver, tmp_path: Path
) -> None:
    """Any two cards differ in speed, and only one of them may be broken."""
    driver.install().h200().h200()
    assert run(tmp_path, Played(), gpu="1").outcome == "passed"
    same, other = Played(), Played()
    assert "set_aside" not in run(tmp_path, same, gpu="1").environment.details
    assert same.suites == []
    result = run(tmp_path, other, gpu="0")
    assert len(other.suites) == 1
    assert result.environment.details["set_aside"] == "an earlier start ran on another device"


def test_a_gpu_for_one_process_only_is_refused(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200().says("nvmlDeviceGetComputeMode", "3")
    result = run(tmp_path, Played())
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert result.reason.startswith("GPU 0 is in compute mode EXCLUSIVE_PROCESS")
    assert result.reason.endswith("`sudo nvidia-smi -i 0 -c DEFAULT` allows it")
    driver.says("nvmlDeviceGetComputeMode", "2")
    assert "PROHIBITED" in run(tmp_path, Played()).reason


def test_mps_shares_a_gpu_that_is_for_one_process(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.install().h200().says("nvmlDeviceGetComputeMode", "3")
    driver.says("nvmlDeviceGetComputeRunningProcesses_v3", "4711")
    monkeypatch.setattr("samcheck.guest.gpu.is_mps", lambda pid: pid == 4711)
    result = run(tmp_path, Played(), exclusive=True)  # MPS's server is nobody else
    assert result.outcome == "passed"
    assert result.environment.details["gpu_shared"] == "by MPS"
    refused = run(tmp_path / "docker", Played(kind="docker"))
    assert "use --environment venv" in refused.reason


def test_others_on_the_gpu(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    gone = 2**22 + 1  # a process that has ended since
    driver.says("nvmlDeviceGetComputeRunningProcesses_v3", str(gone))
    result = run(tmp_path / "shared", Played())
    assert result.environment.details["foreign_processes"] == f"{gone} (not visible here)"
    assert "end them" in run(tmp_path / "exclusive", Played(), exclusive=True).reason


def test_unknown_processes_are_not_none(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    for call in ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"):
        driver.fails(call, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND)
    result = run(tmp_path / "shared", Played())
    assert result.outcome == "passed"
    assert result.environment.details["foreign_processes"].startswith("unknown")
    refused = run(tmp_path / "exclusive", Played(), exclusive=True)
    assert "does not report which processes use it" in refused.reason


@pytest.mark.parametrize(("mode", "said"), [("3", "EXCLUSIVE_PROCESS"), ("2", "PROHIBITED")])
def test_a_gpu_that_checks_cannot_use_is_said_before_anything_is_built(
    driver: Driver, mode: str, said: str
) -> None:
    driver.install().h200().h200()
    driver.says("nvmlDeviceGetComputeMode", mode, 1)
    gpu_health.require_usable(("0",), in_container=True)
    with pytest.raises(EnvironmentUnavailable, match=f"GPU 1 is in compute mode {said}") as raised:
        gpu_health.require_usable(("0", "1"), in_container=False)
    assert str(raised.value).endswith("-c DEFAULT` allows it; or leave it out with --gpus")
    driver.fails("nvmlDeviceGetName", LOST)
    gpu_health.require_usable(("0", "1"), in_container=False)  # the cell that gets it is refused


class Started(Exception):
    """The measuring would begin."""


@pytest.fixture
def in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], BaseException | None]:
    """With what `samcheck interleave` of two cells of a build ends."""

    def start(*_: object) -> None:
        raise Started

    def ends(build: str) -> BaseException | None:
        cell = Cell("2.4.1", build, "3.11").id
        arguments = [cell, cell, "--environment", "venv"]
        return CliRunner().invoke(interleave.interleave_command, arguments).exception

    monkeypatch.setattr(interleave, "run_in_turns", start)
    monkeypatch.setattr(paths, "RUNS", tmp_path)
    return ends


def test_two_cells_on_the_cpu_need_no_gpu(
    driver: Driver, in_turns: Callable[[str], BaseException | None]
) -> None:
    driver.install().h200().says("nvmlDeviceGetComputeMode", "2")
    assert isinstance(in_turns("cpu"), Started)
    assert isinstance(in_turns("cu121"), EnvironmentUnavailable)


def test_what_could_not_be_stored_is_not_measured(
    driver: Driver, in_turns: Callable[[str], BaseException | None]
) -> None:
    """Results are stored under the GPU's name; the remedy says how to have them under the CPU's."""
    driver.install().h200().fails("nvmlDeviceGetName", LOST)
    error = in_turns("cpu")
    assert isinstance(error, EnvironmentUnavailable)
    assert "CUDA_VISIBLE_DEVICES=-1" in str(error)


def test_a_red_of_a_gpu_is_reproduced_on_a_gpu(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.install().h200()
    result = run(tmp_path, Played())
    monkeypatch.setattr(reproduce, "_python", lambda result: "python")
    assert "--samcheck-device=cuda" in reproduce.line(
        result, replace(result.checks[0], check="test_latency.py")
    )
