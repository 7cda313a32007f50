"""Two containers take turns: the FIFOs reach through the mounts, for a user without rights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from samcheck.analysis.interleave import PairedRun, run_in_turns
from samcheck.environments import DiskNeed, Place, confinement, docker, images
from samcheck.matrix import PlannedCell
from samcheck.run import repetitions
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates
from tests.container.engine_scenarios import containers
from tests.container.light_image import CELL
from tests.processes.rig import CONFTEST, INI
from tests.processes.trial import Silent

BENCHMARK = """
from samcheck.guest.record import Series
from samcheck.guest.benchmark.turns import PARTNER, Paced

class Gauge:
    def away(self): pass
    def back(self): pass

def test_it(series, measured, request, variant):
    paced = Paced(request.config.stash[PARTNER], 0, Gauge())
    wall = []
    for _ in range(paced.plan([1.0], 6.0)):
        paced.before(lambda: None)
        wall.append(10.0)
    series.append(Series({"wall_ms": wall, "turn_ms": paced.medians(wall)}, len(wall), 0, "budget"))
    measured["median_ms"] = 10.0
"""


@dataclass(frozen=True)
class Light:
    """The light image as every cell."""

    place: Place
    kind: str = "docker"
    installs: bool = False

    def need(self, *_: object) -> DiskNeed:
        return DiskNeed(0, 0, reused=True)

    def storage(self) -> Path:
        return Path("/")

    def prepare(self, *_: object) -> Place:
        return self.place


def test_two_containers_take_turns(
    engine: docker.Docker, image: images.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("samcheck.run.judge.compare", lambda *_: iter(()))  # nobody declared it
    suite = tmp_path / "suite"
    suite.mkdir()
    for name, text in (("pytest.ini", INI), ("conftest.py", CONFTEST), (repetitions.MODULE, BENCHMARK)):
        (suite / name).write_text(text)
    mounts = {**confinement.sources(), str(suite): {"bind": "/suite", "mode": "ro"}}
    place = docker.DockerPlace(engine.client, image.tag, CELL, mounts=mounts)
    settings = Settings(
        "fast", Light(place), "", 60.0, ("tiny",), suite="/suite", processes=2, gates=Gates(jobs=2)
    )
    cell = PlannedCell(CELL)
    sides = run_in_turns(PairedRun(settings, tmp_path, (cell, cell)), (Silent(), Silent()))
    assert [side.outcome for side in sides] == ["passed", "passed"], [side.reason for side in sides]
    turns = [series.samples["turn_ms"] for side in sides for check in side.checks for series in check.series]
    assert turns == [[10.0] * 6] * 4
    assert not list(tmp_path.rglob("turns-*"))
    assert containers(engine.client, tmp_path) == []
