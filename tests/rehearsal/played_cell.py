"""A cell whose environment is played: it answers the probe, and its suite is one benchmark that passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from samcheck.cells import Cell
from samcheck.environments import DiskNeed, Ended, GuestJob, Place, channel
from samcheck.facts.requirements import Requirements
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, Series
from samcheck.matrix import PlannedCell
from samcheck.run import cell_runner
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
    "device": "cuda",
    "gpu": "NVIDIA H200",
    "driver": "580.95.05",
}


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
    reports: Callable[[GuestJob], list[dict[str, object]]] = lambda job: events()
    seen: dict[str, object] = field(default_factory=lambda: dict(SEEN))
    ends: int = 0
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
            lines: list[dict[str, object]] = [self.seen]
        else:
            self.meanwhile()
            lines = [] if self.ends else [{"at": 1.0, **event} for event in self.reports(job)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        with (job.given / channel.NAME).open("w", encoding="utf-8") as stream:
            stream.write(text)
        if self.ends and len(self.jobs) > 1:
            job.output.write_text("the GPU is NVIDIA A100, but NVIDIA H200 was expected\n", encoding="utf-8")
            return Ended(self.ends)
        return Ended(0)

    @property
    def suites(self) -> list[GuestJob]:
        return [job for job in self.jobs if "samcheck.guest.fingerprint" not in job.arguments]


class Silent:
    def phase(self, name: str) -> None: ...

    def checks(self, done: int, total: int, current: str) -> None: ...

    def first_verdict(self, text: str) -> None: ...


def run(
    tmp_path: Path, played: Played, exclusive: bool = False, gpu: str = "0", stop: Event | None = None
) -> CellResult:
    gates = Gates(gpus=(gpu,), exclusive=exclusive, stop=stop or Event())
    settings = Settings("fast", played, "", 60.0, gates=gates, processes=1)
    return cell_runner.run_cell(PlannedCell(CELL), settings, tmp_path / "cell", Silent())
