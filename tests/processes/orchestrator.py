"""A samcheck to be killed: the real run, store, table and `--resume`, on cells that need no PyTorch.

    python orchestrator.py FOLDER CELLS TIMEOUT IMAGE [--resume]

Cells run in this interpreter, or in containers of IMAGE when it is not empty; with BUILD in the environment
that image is built first, if it is not there; with BUILDS_FOR_EVER a build never ends. Their suite is
FOLDER/suite, the runs are kept in FOLDER/runs, the results in FOLDER/results.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from samcheck import __main__ as entry
from samcheck import paths
from samcheck.cells import Cell
from samcheck.environments import DiskNeed, Place, here, processes
from samcheck.facts.requirements import Requirements
from samcheck.matrix import Plan, PlannedCell
from samcheck.run import progress, session
from samcheck.run.context import Settings
from samcheck.run.scheduler import Gates

#: In a container.
SUITE_MOUNT = "/suite"


@dataclass(frozen=True)
class StandIn:
    """An environment whose cells are all the interpreter, or image, that is there."""

    folder: Path
    image: str
    kind: str = "stand-in"
    installs: bool = False

    def storage(self) -> Path:
        return self.folder

    def need(self, cell: Cell, requirements: Requirements) -> DiskNeed:
        return DiskNeed(0, 0, reused=True)

    def prepare(self, cell: Cell, requirements: Requirements, log: Path) -> Place:
        if "BUILDS_FOR_EVER" in os.environ:
            processes.installed(["sleep", "600"], log, dict(os.environ))
        if not self.image:
            return here.HerePlace(sys.executable)
        from samcheck.environments import confinement, docker

        if "BUILD" in os.environ:
            _build(self.image, log)
        mounts = {**confinement.sources(), str(self.folder / "suite"): {"bind": SUITE_MOUNT, "mode": "ro"}}
        return docker.DockerPlace(docker.connect(), self.image, cell, mounts=mounts)


def _build(tag: str, log: Path) -> None:
    """Build the light image under a name, every layer of it anew, unless it is there."""
    from samcheck.environments import base_images, buildkit, docker
    from tests.container.light_image import light

    engine = docker.open_environment()
    if engine._exists(tag):
        return
    # With a package that takes seconds to install, so that the build is there to be killed.
    slow = light(
        base_images.obtain(engine.client, "3.11", log), TORCH="six==1.16.0 scipy==1.15.3 sympy==1.13.3"
    )
    image = replace(slow, tag=tag)
    anew = replace(engine.builder, command=(*engine.builder.command, "--no-cache"))
    buildkit.build(anew, image, log)


def cells(count: int) -> tuple[PlannedCell, ...]:
    """Cells that differ in their ids; what they declare and is compared is what the stand-in has."""
    return tuple(PlannedCell(Cell("absent", "cpu", "3.11", numpy=f"{n}.0")) for n in range(count))


def main() -> None:
    folder, count, timeout, image = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    paths.RUNS = folder / "runs"
    settings = Settings(
        "fast",
        StandIn(folder, image),
        "a test",
        timeout,
        suite=SUITE_MOUNT if image else str(folder / "suite"),
        version="0+test",
        gates=Gates(jobs=int(os.environ.get("JOBS", "1"))),
        deadline=time.monotonic() + float(os.environ.get("STOP_AFTER", "inf")),
    )
    plan = Plan("stand-in", "fast", cells(count))

    def command(standalone_mode: bool) -> None:
        sys.exit(session.run(progress.terminal(), plan, settings, "--resume" in sys.argv, folder / "results"))

    entry.cli = command  # type: ignore[assignment]
    entry.main()  # the real one: what it says of errors, and its exit codes


if __name__ == "__main__":
    main()
