"""A cell on a GPU that is not well: refused with what to do, marked, or measured again; never green."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pynvml
import pytest

from samcheck.analysis.interleave import PairedRun, paired_run
from samcheck.cells import Cell
from samcheck.environments import DiskNeed, Ended, GuestJob, Place, channel, gpu_health
from samcheck.errors import EnvironmentUnavailable
from samcheck.facts.requirements import Requirements
from samcheck.guest import nvml
from samcheck.guest.outcomes import CheckOutcome, FailureCause
from samcheck.guest.record import CellResult, CheckResult, Series
from samcheck.matrix import PlannedCell
from samcheck.run import cell_runner, reproduce
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates
from samcheck.storage import results
from tests.rehearsal.nvml_stand_in import ERRORS, LOST, Driver, uuid

CELL = Cell("2.4.1", "cu121", "3.11")
SEEN = {
    "python": "3.11.2",
    "implementation": "CPython",
    "platform": "Linux",
    "libc": "glibc 2.36",
    "cpu": "some",
    "cpu_count": 2,
    "memory_mib": 1000,
    "torch": "2.4.1+cu121",
    "torch_cuda": "12.1",
    "device": "cuda",
    "gpu": "NVIDIA H200",
    "driver": "580.95.05",
}
#: What host and driver say to each other about a cell's GPU before it starts, and cannot do without.
NEEDED = ("nvmlInitWithFlags", "nvmlDeviceGetHandleByIndex_v2", "nvmlDeviceGetName", "nvmlDeviceGetUUID")


def events() -> list[dict[str, object]]:
    """A suite of one benchmark that passes."""
    check = CheckResult("test_latency.py::test_it[tiny]", "latency", CheckOutcome.NOT_RUN, variant="tiny")
    series = Series({"wall_ms": [1.0, 1.1]}, rounds=2, warmup=1, stopped="steady")
    fields = {name: getattr(check, name) for name in check.__dataclass_fields__}
    done = {**fields, "outcome": "passed", "series": [series.__dict__], "settings": {"model": "tiny"}}
    return [
        {"event": "collected", "checks": [{**fields, "outcome": "not-run"}]},
        {"event": "started", "check": check.check},
        {"event": "finished", "result": done},
        {"event": "ended", "exit_status": 0},
    ]


@dataclass
class Played:
    """An environment and its place: it answers the probe, and runs a suite while something happens."""

    meanwhile: Callable[[], object] = lambda: None
    seen: dict[str, object] = field(default_factory=lambda: dict(SEEN))
    ends: int = 0
    kind: str = "played"
    installs: bool = False
    details: dict[str, str] = field(default_factory=dict)
    jobs: list[GuestJob] = field(default_factory=list)

    def storage(self) -> Path:
        return Path("/")

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        return DiskNeed(0, 0, reused=True)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        return self

    def run(self, job: GuestJob) -> Ended:
        self.jobs.append(job)
        if "samcheck.guest.fingerprint" in job.arguments:
            lines: list[dict[str, object]] = [self.seen]
        else:
            self.meanwhile()
            lines = [] if self.ends else [{"at": 1.0, **event} for event in events()]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        with (job.given / channel.NAME).open("w", encoding="utf-8") as stream:
            stream.write(text)
        if self.ends and len(self.jobs) > 1:
            job.output.write_text("the GPU is NVIDIA A100, but NVIDIA H200 was told\n", encoding="utf-8")
            return Ended(self.ends)
        return Ended(0)

    @property
    def suites(self) -> list[GuestJob]:
        return [job for job in self.jobs if "samcheck.guest.fingerprint" not in job.arguments]


class Silent:
    def phase(self, name: str) -> None: ...

    def checks(self, done: int, total: int, current: str) -> None: ...

    def first_verdict(self, text: str) -> None: ...


def run(tmp_path: Path, played: Played, exclusive: bool = False) -> CellResult:
    gates = Gates(gpus=("0",), exclusive=exclusive)
    settings = Settings("fast", played, "", 60.0, gates=gates, processes=1)
    return cell_runner.run_cell(PlannedCell(CELL), settings, tmp_path / "cell", Silent())


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
        ("nvmlEventSetWait_v2", "31", "the driver reported Xid error 31"),
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


def test_corrected_errors_are_noted(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(lambda: driver.says("nvmlDeviceGetRemappedRows", "2 0 0 0")))
    assert result.outcome == "passed"
    assert result.environment.details["gpu_health"] == "the GPU had 2 rows remapped after corrected errors"
    assert result.checks[0].series[0].disturbed == []


def test_errors_of_the_readings_do_not_end_a_cell(driver: Driver, tmp_path: Path) -> None:
    """A T4 has no rows to remap; an old driver or a container reports no events."""
    driver.install().t4()
    driver.fails("nvmlEventSetCreate", pynvml.NVML_ERROR_NOT_SUPPORTED)
    driver.fails("nvmlDeviceRegisterEvents", pynvml.NVML_ERROR_NOT_SUPPORTED)
    assert run(tmp_path, Played(seen={**SEEN, "gpu": "Tesla T4"})).outcome == "passed"


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
    assert not gpu_health.same_model("NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB")


def test_the_suite_finds_another_gpu_than_the_probe(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(ends=69))
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert result.reason.startswith("the GPU that the probe saw is gone")
    assert "(the GPU is NVIDIA A100, but NVIDIA H200 was told)" in result.reason


def test_what_the_driver_knows_of_a_gpu_that_is_gone_is_said(driver: Driver, tmp_path: Path) -> None:
    driver.install().h200()
    result = run(tmp_path, Played(lambda: driver.says("nvmlEventSetWait_v2", "79"), ends=69))
    assert (result.outcome, result.cause) == ("refused", FailureCause.GPU)
    assert result.reason.startswith("the GPU that the probe saw is gone")
    assert result.reason.endswith("; the driver reported Xid error 79")


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
    result = run(tmp_path, changed)
    if other.get("device") == "cpu":
        assert result.outcome == "refused"
        assert result.observed is None  # it is filed under no device that did not measure it
        assert changed.suites == []
    else:
        assert len(changed.suites) == 1


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


def test_a_red_of_a_gpu_is_reproduced_on_a_gpu(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.install().h200()
    result = run(tmp_path, Played())
    monkeypatch.setattr(reproduce, "_python", lambda result: "python")
    assert "--samcheck-device=cuda" in reproduce.line(
        result, replace(result.checks[0], check="test_latency.py")
    )
