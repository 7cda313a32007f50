"""What happens to a container, to its engine or to samcheck costs what was running, and leaves nothing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import psutil
import pytest

from samcheck.environments import Ended, base_images, confinement, docker, engine_loss, images
from tests.container.engine_scenarios import containers, engine_restarted, killed_while_building
from tests.container.light_image import CELL, Guest
from tests.container.own_engine import OwnEngine
from tests.processes.rig import Rig, gone
from tests.processes.scenarios import killed, misbehaving
from tests.processes.trial import Trial, outcomes

SEED = int(os.environ.get("SAMCHECK_SURVIVAL_SEED", "2026"))
AROUND = "import os, time\ndef test_before(): pass\n\ndef test_it():\n    {}\n\ndef test_after(): pass\n"


@pytest.fixture
def trial(engine: docker.Docker, image: images.Image, tmp_path: Path) -> Iterator[Trial]:
    """A small suite in containers of the light image, none of which may be left."""
    mounts = {**confinement.sources(), str(tmp_path / "suite"): {"bind": "/suite", "mode": "ro"}}
    yield Trial(
        tmp_path, place=docker.DockerPlace(engine.client, image.tag, CELL, mounts=mounts), suite="/suite"
    )
    assert containers(engine.client, tmp_path) == []


def test_memory_limit_is_the_cause(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a bare 137: in the check's reason, in the cell's, and in the table."""
    monkeypatch.setattr(confinement, "memory_limit", lambda: 150 * 2**20)
    trial.write(AROUND.format("block = bytearray(2**30)"))
    result = trial.run()
    assert outcomes(result) == {"before": "passed", "it": "crashed", "after": "passed"}
    assert result.checks[1].reason == "the interpreter died: memory limit"
    assert result.outcome == "crashed"
    assert "memory limit" in trial.table(result)


def test_swap_is_no_way_around_the_memory_limit(guest: Guest) -> None:
    with guest.place._container(guest.job("pass")) as container:
        container.reload()
        host = container.attrs["HostConfig"]
    assert host["MemorySwap"] in (host["Memory"], -1)  # -1: this kernel has no limit on swap


BOMBS = {
    # Twice as many copies as there may be processes; each that could fork no more comes out of the check.
    "ends": ("try:\n        for _ in range(8): os.fork()\n    except OSError: pass", "passed", 60.0),
    # No copy ever comes out; the machine is busy with them until the check's time is over.
    "never ends": ("while True:\n        try: os.fork()\n        except OSError: pass", "timed-out", 4.0),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_fork_bomb_costs_its_check_only(trial: Trial, bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "pids_limit", lambda: 128)  # the fewer, the sooner they are gone
    body, outcome, trial.check_timeout = BOMBS[bomb]
    after = "test_after(): os.write(1, b'after all' + bytes([10]))"
    trial.write(AROUND.format(body).replace("test_after(): pass", after))
    result = trial.run()
    assert outcomes(result) == {"before": "passed", "it": outcome, "after": "passed"}
    printed = b"".join(path.read_bytes() for path in (trial.folder / "cell").glob("output-*.log"))
    assert printed.count(b"after all") == 1  # no copy went on with the next check
    assert result.checks[1].reason in trial.table(result)


def test_misbehaving_checks_cost_themselves(
    image: images.Image, engine: docker.Docker, tmp_path: Path
) -> None:
    damage = misbehaving(Rig(tmp_path, image=image.tag, check_timeout=5.0), mebibytes=64, forks=6)
    assert not damage.lost
    assert not damage.wrong
    assert containers(engine.client, tmp_path) == []


@pytest.mark.parametrize("lines", [1000, 1013, 1026, 1039])
def test_last_words_survive_a_full_log(guest: Guest, monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    """However full the file was that they came into: a traceback is useless without its first half."""
    monkeypatch.setattr(docker, "LOG_LIMITS", {**docker.LOG_LIMITS, "max-size": "10k"})  # about 50 lines
    _, printed = guest.run(f"for n in range({lines}): print(n, 'x' * 95)")
    kept = [int(line.split()[0]) for line in printed.splitlines()]
    assert kept[-1] == lines - 1
    assert 40 <= len(kept) <= 120


def test_deaf_guest_is_ended(guest: Guest) -> None:
    """One that ignores SIGTERM and gets nowhere."""
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    end = time.monotonic() + 1
    assert guest.place.run(guest.job(deaf, lambda: time.monotonic() < end)).cause == "no progress"
    assert time.monotonic() < end + docker.STOP_SECONDS + 5
    assert containers(guest.place.client, guest.given.parent) == []


def test_kills_at_random_moments_lose_nothing(
    image: images.Image, engine: docker.Docker, tmp_path: Path
) -> None:
    """The container of a killed samcheck lives on; the next start ends it and goes on."""
    rig = Rig(tmp_path, image=image.tag)
    rig.steady(20, 0.4)
    damage = killed(rig, Random(SEED), kills=4, longest=4.0)
    assert not damage.lost
    assert not damage.wrong
    assert containers(engine.client, tmp_path) == []


@pytest.mark.parametrize("sign", [signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT], ids=lambda sign: sign.name)
def test_a_signal_removes_the_container(
    image: images.Image, engine: docker.Docker, tmp_path: Path, sign: signal.Signals
) -> None:
    """Whichever it is, and however often it comes."""
    rig = Rig(tmp_path, image=image.tag)
    rig.steady(12, 0.4)
    orchestrator = rig.start()
    assert gone(lambda: len(rig.finished()) > 1, 60)
    assert containers(engine.client, tmp_path)
    while orchestrator.poll() is None:
        orchestrator.send_signal(sign)
        time.sleep(0.1)
    assert orchestrator.returncode == 130, rig.said
    assert "Traceback" not in rig.said
    assert containers(engine.client, tmp_path) == []
    assert rig.run(resume=True) == 0, rig.said


def test_kills_while_an_image_is_built(
    engine: docker.Docker, base: base_images.Present, tmp_path: Path
) -> None:
    """`base` is there already: what is killed is the build on top of it."""
    rig = Rig(tmp_path, image=f"samcheck:killed-build-{os.getpid()}", environment={"BUILD": "1"})
    rig.steady(2, 0.0)
    damage = killed_while_building(rig, engine.client, Random(SEED), kills=3, longest=1.5)
    assert not damage.lost
    assert not damage.wrong


@pytest.fixture(scope="module")
def own_engine(engine: docker.Docker, image: images.Image) -> Iterator[OwnEngine]:
    """A second engine that holds the light image."""
    if OwnEngine.obstacle():
        pytest.skip(OwnEngine.obstacle())
    own = OwnEngine()
    try:
        own.start()
        own.client().images.load(engine.client.images.get(image.tag).save(named=image.tag))
        yield own
    finally:
        own.remove()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_restarts_loses_no_finished_check(
    own_engine: OwnEngine, image: images.Image, tmp_path: Path, sign: signal.Signals
) -> None:
    rig = Rig(tmp_path, image=image.tag, environment={"DOCKER_HOST": own_engine.address})
    rig.steady(12, 0.3)
    damage = engine_restarted(rig, own_engine, Random(SEED), sign)
    assert not damage.lost
    assert not damage.wrong


DEAF = ["python", "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"]


def test_an_engine_that_is_stopping_does_not_answer(own_engine: OwnEngine, image: images.Image) -> None:
    """It ends its guests then, and still serves connections that are open: no check is to be blamed."""
    client = own_engine.client()
    ended = Ended(engine_loss.SIGTERM_STATUS)
    container = client.containers.run(image.tag, DEAF, detach=True, network_mode="none")
    try:
        engine_loss.require(client, container.id, ended)  # while it answers, a guest was ended by itself
        container.reload()
        own_engine.tell(signal.SIGTERM)
        time.sleep(1.0)
        with pytest.raises(engine_loss.ERRORS):
            engine_loss.require(client, container.id, ended)
        psutil.Process(container.attrs["State"]["Pid"]).kill()  # the engine waits for it
    finally:
        own_engine.end(signal.SIGTERM)
        own_engine.start()
    with pytest.raises(engine_loss.ERRORS, match="it was restarted"):
        engine_loss.require(client, container.id, ended)
    client.containers.get(container.id).remove()


def test_engine_that_stays_away(own_engine: OwnEngine, image: images.Image, tmp_path: Path) -> None:
    """Found out at the start: one sentence, and nothing runs."""
    own_engine.end(signal.SIGTERM)
    try:
        rig = Rig(tmp_path, image=image.tag, environment={"DOCKER_HOST": own_engine.address})
        rig.steady(1)
        assert rig.run() != 0
        assert "no Docker engine answers" in rig.said
        assert "Traceback" not in rig.said
    finally:
        own_engine.start()
