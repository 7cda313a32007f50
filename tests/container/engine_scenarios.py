"""What a run must survive in containers, each as a real run: gives what was lost, and what else was wrong."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from random import Random
from typing import Any

import psutil

from tests.container.own_engine import OwnEngine
from tests.processes.rig import Rig, gone, kill
from tests.processes.scenarios import Damage, all_passed, starts


def containers(client: Any, folder: Path) -> list[str]:
    """Names of the containers that samcheck made for what is under `folder`."""
    every = client.containers.list(
        all=True, filters={"label": "samcheck.kind=container"}, ignore_removed=True
    )
    return [
        container.name
        for container in every
        if container.labels.get("samcheck.work", "").startswith(f"{folder}/")
    ]


def engine_restarted(rig: Rig, engine: OwnEngine, random: Random, sign: signal.Signals) -> Damage:
    """The engine ends in the middle of a run, and comes back: the cell waits for --resume."""
    damage = Damage()
    orchestrator = rig.start()
    gone(lambda: len(rig.finished()) >= 2 or orchestrator.poll() is not None, 60)
    damage.require(len(rig.finished()) >= 2, f"the run did not get on: {rig.said[-500:]}")
    time.sleep(random.uniform(0.0, 0.5))
    engine.end(sign)
    engine.start()
    status = orchestrator.wait(timeout=120)
    damage.require(status == 1, f"exit status {status}: {rig.said[-500:]}")
    (result,) = rig.results().values()
    passed = {check.check for check in result.checks if check.outcome == "passed"}
    damage.lost += [f"{check} is not in the result" for _, check in rig.finished() if check not in passed]
    damage.require(result.outcome == "refused", f"the cell is {result.outcome}: {result.reason}")
    damage.require("the Docker engine failed or stopped" in rig.table, "the table does not name the cause")
    damage.wrong += containers(engine.client(), rig.folder)
    kept = rig.finished()
    before = starts(rig, kept)
    status = rig.run(resume=True)
    damage.require(status == 0, f"--resume ended with {status}: {rig.said[-500:]}")
    after = starts(rig, kept)
    damage.lost += [f"{check} ran again" for check in kept if after[check] != before[check]]
    all_passed(damage, rig)
    damage.wrong += [*rig.left_over(), *containers(engine.client(), rig.folder)]
    return damage


def killed_while_building(rig: Rig, client: Any, random: Random, kills: int, longest: float) -> Damage:
    """kill -9 while the image of the run is built: no builder goes on, and the next start builds it."""
    damage, struck, again = Damage(), 0, False
    for _ in range(5 * kills):
        orchestrator = rig.start(resume=not again)
        seen = gone(lambda: bool(building(rig)), 30)
        damage.require(seen, f"no build was seen: {rig.said[-500:]}")
        time.sleep(random.uniform(0.0, longest))
        in_time = bool(building(rig))
        kill(orchestrator)
        damage.require(gone(lambda: not building(rig) and not rig.processes()), "the build outlived samcheck")
        # An engine that was naming the image when its client was killed still names it, a moment later.
        again = gone(lambda: bool(client.images.list(rig.image)), 3.0)
        struck += in_time and not again
        if struck == kills:
            break
        if again:  # A fast machine had built it before: nothing is proven, so strike sooner.
            longest /= 2
            client.images.remove(rig.image, force=True)
    damage.require(struck == kills, f"samcheck was killed in {struck} builds only, of {kills} wanted")
    damage.require(not client.images.list(rig.image), "half an image has its name")
    status = rig.run(resume=True)
    damage.require(status == 0, f"the last --resume ended with {status}: {rig.said[-500:]}")
    all_passed(damage, rig)
    damage.wrong += [*rig.left_over(), *containers(client, rig.folder)]
    if client.images.list(rig.image):
        client.images.remove(rig.image, force=True)
    return damage


def building(rig: Rig) -> list[psutil.Process]:
    """What builds the run's image: clients that name it, and what runs in its layers."""
    builders = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        # uv comes to a layer through this mount, and nothing else does.
        if (rig.image in words and "build" in words) or words[:1] == ["/run/uv"]:
            builders.append(process)
    return builders
