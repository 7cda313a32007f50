"""A cell that was given a GPU: exactly that one, noted who else is on it, and never silently on the CPU.

The GPU is played: the guest's own words about it are, and what the driver says of other processes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from samcheck.cells import Cell
from samcheck.environments import DiskNeed, Ended, GuestJob, Place, channel, docker, gpu_processes, machine
from samcheck.errors import BadInput
from samcheck.facts.requirements import Requirements
from samcheck.guest.record import CellResult
from samcheck.matrix import PlannedCell
from samcheck.run import cell_runner, scheduler
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates

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
}


@dataclass
class Played:
    """An environment and its place; it answers the probe, and ends the suite at once."""

    seen: dict[str, object]
    kind: str = "played"
    installs: bool = False
    details: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
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
            (job.given / channel.NAME).write_text(json.dumps(self.seen) + "\n", encoding="utf-8")
        return Ended(0)


class Silent:
    def phase(self, name: str) -> None: ...

    def checks(self, done: int, total: int, current: str) -> None: ...

    def first_verdict(self, text: str) -> None: ...


def run(tmp_path: Path, played: Played, gates: Gates) -> CellResult:
    settings = Settings("fast", played, "", 60.0, gates=gates)
    return cell_runner.run_cell(PlannedCell(CELL), settings, tmp_path / "cell", Silent())


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who else computes on any GPU."""
    noted: list[str] = []
    monkeypatch.setattr(gpu_processes, "on_gpu", lambda number: noted)
    return noted


ON_GPU = dict(SEEN, device="cuda", gpu="NVIDIA H200")


def test_every_process_gets_the_same_gpu(tmp_path: Path, others: list[str]) -> None:
    played = Played(ON_GPU)
    result = run(tmp_path, played, Gates(gpus=("3",)))
    assert {job.gpu for job in played.jobs} == {"3"}
    assert result.environment.details["gpu"] == "3"
    assert "foreign_processes" not in result.environment.details


def test_a_gpu_that_is_not_seen_is_a_refusal(tmp_path: Path, others: list[str]) -> None:
    """The suite would pass on the CPU, and the table would say that the GPU works."""
    said = "RuntimeError: Error 804: forward compatibility was attempted on non supported HW"
    played = Played(dict(SEEN, device="cpu", cuda_unavailable=said))
    result = run(tmp_path, played, Gates(gpus=("0",)))
    assert result.outcome == "refused"
    assert "cuda-compat" in result.reason
    assert len(played.jobs) == 1  # the probe only


def test_without_a_gpu_the_cpu_is_meant(tmp_path: Path, others: list[str]) -> None:
    played = Played(dict(SEEN, device="cpu"))
    assert run(tmp_path, played, Gates()).outcome != "refused"
    assert {job.gpu for job in played.jobs} == {""}


def test_others_on_the_gpu_are_noted_or_refused(tmp_path: Path, others: list[str]) -> None:
    others.append("4711 python")
    result = run(tmp_path / "shared", Played(ON_GPU), Gates(gpus=("0",)))
    assert result.environment.details["foreign_processes"] == "4711 python"
    assert result.outcome != "refused"
    played = Played(ON_GPU)
    result = run(tmp_path / "exclusive", played, Gates(gpus=("0",), exclusive=True))
    assert result.outcome == "refused"
    assert result.reason.startswith("GPU 0 is used by 4711 python: end them")
    assert played.jobs == []


def test_a_container_gets_exactly_one_device(tmp_path: Path) -> None:
    job = GuestJob((), tmp_path, tmp_path, tmp_path / "log", gpu="2")
    (request,) = docker._gpu_request(job)
    assert request["DeviceIDs"] == ["2"]
    assert request["Capabilities"] == [["gpu"]]
    assert docker._gpu_request(GuestJob((), tmp_path, tmp_path, tmp_path / "log")) == []


def test_gpus_are_given_by_their_numbers() -> None:
    assert scheduler.gpus("", 2) == ()
    assert scheduler.gpus("1", 2) == ("1",)
    assert scheduler.gpus("1, 0", 2) == ("1", "0")
    for given in ("2", "0,0", "all", "-1", "0;1"):
        with pytest.raises(BadInput, match="--gpus: "):
            scheduler.gpus(given, 2)


@pytest.mark.parametrize(
    ("variable", "allotted"),
    [
        (None, None),
        ("3", ("3",)),
        ("1, 0", ("1", "0")),
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6",)),
        ("0,-1,1", ("0",)),
        ("", ()),
        ("-1", ()),
    ],
)
def test_a_scheduler_allots_gpus(
    variable: str | None, allotted: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a job of one GPU of eight would compute on the first, which is somebody else's."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert machine.allotted_gpus() == allotted
