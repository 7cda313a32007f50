"""Cells side by side: never two builds at once, never two cells on one GPU, and an end that ends all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from samcheck.run import scheduler
from samcheck.run.scheduler import Gates, Slot, Stopped, side_by_side


class Watch:
    """Counts what goes on at once."""

    def __init__(self, of: Gates) -> None:
        self.gates = of
        self.lock = threading.Lock()
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.slots: list[Slot] = []

    def during(self, what: str, seconds: float = 0.02) -> None:
        with self.lock:
            self.now[what] = self.now.get(what, 0) + 1
            self.most[what] = max(self.most.get(what, 0), self.now[what])
        time.sleep(seconds)
        with self.lock:
            self.now[what] -= 1

    def cell(self, on_gpu: bool = False) -> Callable[[], bool]:
        def step() -> bool:
            with self.gates.build():
                self.during("build")
            with self.gates.run(on_gpu) as slot:
                self.slots.append(slot)
                self.during(f"run {slot.gpu}")
            return on_gpu

        return step


def test_one_after_another_by_default() -> None:
    watch = Watch(Gates())
    assert list(side_by_side([watch.cell()] * 3, watch.gates)) == [False] * 3
    assert watch.most == {"build": 1, "run ": 1}
    assert watch.gates.builds == 3


def test_each_gpu_runs_one_cell() -> None:
    watch = Watch(Gates(jobs=2, gpus=("0", "3"), overlap=True))
    steps = [watch.cell(True) for _ in range(8)] + [watch.cell(False) for _ in range(4)]
    assert sorted(side_by_side(steps, watch.gates)) == [False] * 4 + [True] * 8
    assert watch.most["build"] == watch.most["run 0"] == watch.most["run 3"] == 1
    assert watch.most["run "] <= 2
    assert {slot.gpu for slot in watch.slots} == {"", "0", "3"}


def test_without_gpus_gpu_builds_run_on_the_cpu() -> None:
    watch = Watch(Gates())
    list(side_by_side([watch.cell(True)], watch.gates))
    assert watch.slots == [Slot()]


def test_the_next_cell_is_built_while_one_runs() -> None:
    watch = Watch(Gates(overlap=True))
    both = threading.Event()

    def first() -> None:
        with watch.gates.build():
            pass
        with watch.gates.run(False):
            assert both.wait(5)  # the other one builds meanwhile

    def second() -> None:
        time.sleep(0.05)
        with watch.gates.build():
            both.set()

    list(side_by_side([first, second], watch.gates))
    assert Gates().workers == 1


def test_an_error_ends_everything() -> None:
    shared = Gates(jobs=3)
    ended = []

    def long() -> None:
        try:
            while True:
                shared.check()
                time.sleep(0.01)
        except Stopped:
            ended.append(True)
            raise

    def broken() -> None:
        time.sleep(0.05)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        list(side_by_side([long, long, broken, long], shared))
    assert len(ended) in (2, 3)  # the fourth may have taken the place of the broken one


def test_who_waits_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "POLL_SECONDS", 0.01)
    shared = Gates()
    waiting = []

    def wait_for(what: Callable[[], object]) -> None:
        try:
            what()
        except Stopped:
            waiting.append(True)

    with shared.build(), shared.run(False):
        threads = [
            threading.Thread(target=wait_for, args=(lambda: shared.build().__enter__(),)),
            threading.Thread(target=wait_for, args=(lambda: shared.run(False).__enter__(),)),
        ]
        for thread in threads:
            thread.start()
        shared.stop.set()
        for thread in threads:
            thread.join(5)
    assert waiting == [True, True]
