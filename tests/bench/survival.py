"""What runs survive, many times: prints scenarios × repetitions, and the results that were lost (goal: 0).

    python -m tests.bench.survival [REPETITIONS] [SEED] [PART OF A NAME]

Each repetition of a scenario is a real run in a folder of its own, at other moments than the one before.
Those in containers need a Docker engine, and root for engines of their own; without, they are left out, and
that is said. The script ends with status 1 if anything was lost or wrong.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from samcheck.environments import base_images, buildkit, docker, images
from samcheck.errors import EnvironmentUnavailable
from tests.container.engine_scenarios import containers, engine_restarted, killed_while_building
from tests.container.light_image import light
from tests.container.own_engine import OwnEngine
from tests.processes import scenarios
from tests.processes.rig import Rig
from tests.processes.scenarios import Damage
from tests.processes.test_store import fill, small_disk

Scenario = Callable[[Path, Random], Damage]


def killed(folder: Path, random: Random) -> Damage:
    rig = Rig(folder, cells=2)
    rig.steady(20, 0.2)
    return scenarios.killed(rig, random)


def misbehaving(folder: Path, random: Random) -> Damage:
    return scenarios.misbehaving(Rig(folder, check_timeout=8.0), 1024, random.randint(3, 7))


def full_store(folder: Path, _: Random) -> Damage:
    with small_disk(folder / "results"):
        return scenarios.full_store(Rig(folder), fill)


def full_work(folder: Path, _: Random) -> Damage:
    with small_disk(folder / "runs"):
        return scenarios.full_work(Rig(folder))


def two_at_once(folder: Path, random: Random) -> Damage:
    (folder / "a").mkdir()
    first, second = random.randint(1, 3), random.randint(1, 3)
    return scenarios.two_at_once(Rig(folder / "a", cells=first), Rig(folder / "b", cells=second))


PROCESSES: dict[str, Scenario] = {
    "kill -9 of samcheck, 10 moments": killed,
    "checks that die, hang, flood, fork": misbehaving,
    "disk of the results full": full_store,
    "disk of the journal full": full_work,
    "two runs, one folder of results": two_at_once,
}


class InContainers:
    """The same in containers of a light image, and with engines that end."""

    def __init__(self, engine: docker.Docker, image: images.Image, own: OwnEngine | None) -> None:
        self.engine, self.image, self.own = engine, image, own

    def killed(self, folder: Path, random: Random) -> Damage:
        rig = Rig(folder, image=self.image.tag)
        rig.steady(30, 0.4)
        return self._nothing_left(rig, scenarios.killed(rig, random, longest=4.0))

    def misbehaving(self, folder: Path, random: Random) -> Damage:
        rig = Rig(folder, image=self.image.tag, check_timeout=20.0)
        return self._nothing_left(rig, scenarios.misbehaving(rig, 1024, random.randint(3, 7)))

    def build_killed(self, folder: Path, random: Random) -> Damage:
        tag = f"samcheck:killed-build-{random.randrange(10**6)}"
        rig = Rig(folder, image=tag, environment={"BUILD": "1"})
        rig.steady(2, 0.0)
        return killed_while_building(rig, self.engine.client, random, kills=3, longest=1.5)

    def stopped(self, folder: Path, random: Random) -> Damage:
        return self._restarted(folder, random, signal.SIGTERM)

    def engine_killed(self, folder: Path, random: Random) -> Damage:
        return self._restarted(folder, random, signal.SIGKILL)

    def _restarted(self, folder: Path, random: Random, sign: signal.Signals) -> Damage:
        assert self.own is not None
        rig = Rig(folder, image=self.image.tag, environment={"DOCKER_HOST": self.own.address})
        rig.steady(12, 0.3)
        return engine_restarted(rig, self.own, random, sign)

    def _nothing_left(self, rig: Rig, damage: Damage) -> Damage:
        damage.wrong += [f"container {name}" for name in containers(self.engine.client, rig.folder)]
        return damage

    def scenarios(self) -> dict[str, Scenario]:
        every: dict[str, Scenario] = {
            "docker: kill -9 of samcheck, 10 moments": self.killed,
            "docker: checks that die, hang, flood, fork": self.misbehaving,
            "docker: kill -9 of samcheck in a build, 3 moments": self.build_killed,
        }
        if self.own is None:
            return every
        return {
            **every,
            "docker: engine stopped and restarted": self.stopped,
            "docker: engine killed and restarted": self.engine_killed,
        }


@contextmanager
def in_containers(scratch: Path) -> Iterator[dict[str, Scenario]]:
    """The scenarios that this machine's engine allows."""
    try:
        engine = docker.open_environment()
    except EnvironmentUnavailable as error:
        print(f"left out: all in containers: {error}")
        yield {}
        return
    made = light(base_images.obtain(engine.client, "3.11", scratch / "base.log"))
    image = replace(made, tag="samcheck:survival-bench")  # tests that run meanwhile remove theirs
    buildkit.build(engine.builder, image, scratch / "build.log")
    with ExitStack() as stack:
        stack.callback(engine.client.images.remove, image.tag, force=True)
        own = None
        if OwnEngine.obstacle():
            print(f"left out: engines that end: {OwnEngine.obstacle()}")
        else:
            own = OwnEngine()
            stack.callback(own.remove)
            own.start()
            own.client().images.load(engine.client.images.get(image.tag).save(named=image.tag))
        yield InContainers(engine, image, own).scenarios()


def repeat(name: str, scenario: Scenario, repetitions: int, seed: int, scratch: Path) -> tuple[int, int]:
    """Run a scenario so often; how much was lost, and how much else was wrong."""
    lost = wrong = 0
    begin = time.monotonic()
    for number in range(repetitions):
        folder = Path(tempfile.mkdtemp(prefix="run-", dir=scratch))
        damage = scenario(folder, Random(f"{seed} {name} {number}"))
        lost, wrong = lost + len(damage.lost), wrong + len(damage.wrong)
        for words in (*damage.lost, *damage.wrong):
            print(f"    {name}, repetition {number}: {words}")
        shutil.rmtree(folder, ignore_errors=True)
    seconds = (time.monotonic() - begin) / repetitions
    print(f"{name:<52} {repetitions:>6} {lost:>6} {wrong:>6} {seconds:>8.1f}", flush=True)
    return lost, wrong


def main() -> None:
    repetitions, seed, part = (*sys.argv[1:], *("10", "2026", "")[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory(prefix="samcheck-survival-") as scratch, ExitStack() as stack:
        every = {**PROCESSES, **stack.enter_context(in_containers(Path(scratch)))}
        print(f"{'scenario':<52}  times   lost  wrong  seconds each")
        counts = [
            repeat(name, scenario, int(repetitions), int(seed), Path(scratch))
            for name, scenario in every.items()
            if part in name
        ]
    lost, wrong = (sum(column) for column in zip(*counts, strict=True))
    print(f"{len(counts)} scenarios × {repetitions}: {lost} results lost, {wrong} other complaints")
    sys.exit(1 if lost or wrong else 0)


if __name__ == "__main__":
    main()
