"""What a run must survive, each as a real run: gives what was lost, and what else was not as it must be."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from samcheck.guest.record import CellResult
from tests.processes.rig import Rig, gone, kill, write_suite

#: Checks that misbehave, each in its own way, between two that must pass all the same. Variants come first.
MISBEHAVING = """
import ctypes, faulthandler, os, signal, time

def test_a_before(variant): pass
def test_b_segfault(): ctypes.string_at(0)
def test_c_exit(): os._exit(7)
def test_d_abort(): os.abort()
def test_e_hang(): time.sleep(600)
def test_f_deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
def test_g_much_output():
    block = b"x" * 2**20
    for _ in range({mebibytes}): os.write(1, block)
    os.write(1, b"the last words" + bytes([10]))
    os._exit(3)
def test_h_bomb():
    for _ in range({forks}): os.fork()
def test_i_closes_all():
    faulthandler.cancel_dump_traceback_later()
    os.closerange(3, 256)
def test_j_after(): os.write(1, b"after all" + bytes([10]))
"""
EXPECTED = {
    "a_before[tiny]": ("passed", ""),
    "b_segfault": ("crashed", "the interpreter died: SIGSEGV"),
    "c_exit": ("crashed", "the interpreter died: exit status 7"),
    "d_abort": ("crashed", "the interpreter died: SIGABRT"),
    "e_hang": ("timed-out", "stopped at its time limit"),
    "f_deaf": ("timed-out", "stopped at its time limit"),
    "g_much_output": ("crashed", "the interpreter died: exit status 3"),
    "h_bomb": ("passed", ""),
    "i_closes_all": ("passed", ""),
    "j_after": ("passed", ""),
}


@dataclass
class Damage:
    """What was lost: finished checks or stored results; and what was wrong beside that."""

    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def require(self, condition: object, words: str) -> None:
        if not condition:
            self.wrong.append(words)


def killed(rig: Rig, random: Random, kills: int = 10, longest: float = 2.5) -> Damage:
    """kill -9 at random moments of one run, each time resumed, in the end to its end."""
    damage = Damage()
    finished: set[tuple[str, str]] = set()
    starts_of_finished: dict[tuple[str, str], int] = {}
    for number in range(kills):
        orchestrator = rig.start(resume=True)
        time.sleep(random.uniform(0.0, longest))
        damage.require(orchestrator.poll() is None, f"the run had ended before kill {number}")
        kill(orchestrator)
        if not rig.image:
            damage.require(gone(lambda: not rig.processes()), "processes outlived the killed samcheck")
        damage.lost += [f"{check} is no longer in a journal" for check in finished - rig.finished()]
        finished = rig.finished()
        starts_of_finished.update(starts(rig, finished))
    status = rig.run(resume=True)
    damage.require(status == 0, f"the last --resume ended with {status}: {rig.said[-500:]}")
    again = starts(rig, finished)
    damage.lost += [
        f"{check} ran again" for check, count in starts_of_finished.items() if again[check] != count
    ]
    all_passed(damage, rig)
    damage.wrong += rig.left_over()
    return damage


def starts(rig: Rig, checks: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    begun = rig.begun()
    return {check: begun[check] for check in sorted(checks)}


def all_passed(damage: Damage, rig: Rig) -> None:
    results = rig.results()
    damage.require(len(results) == rig.cells, f"{len(results)} of {rig.cells} cells have a result")
    known = {(cell, check.check) for cell, result in results.items() for check in result.checks}
    damage.lost += [f"{check} is in no result" for check in rig.finished() - known]
    damage.wrong += [
        f"{check.check} of {cell}: {check.outcome}: {check.reason}"
        for cell, result in results.items()
        for check in result.checks
        if check.outcome != "passed"
    ]


def misbehaving(rig: Rig, mebibytes: int, forks: int) -> Damage:
    """Checks that die, hang, flood and fork cost themselves, and the table says why."""
    damage = Damage()
    write_suite(rig.folder / "suite", MISBEHAVING.format(mebibytes=mebibytes, forks=forks))
    status = rig.run()
    damage.require(status == 1, f"exit status {status}: {rig.said[-500:]}")
    (result,) = rig.results().values()
    seen = {check.check.partition("::test_")[2]: check for check in result.checks}
    for name, (outcome, reason) in EXPECTED.items():
        if name not in seen:
            damage.lost.append(name)
        elif (seen[name].outcome, seen[name].reason[: len(reason)]) != (outcome, reason):
            damage.wrong.append(f"{name}: {seen[name].outcome}: {seen[name].reason}")
        damage.require(reason in rig.table, f"the table does not say {reason!r} of {name}")
    damage.require("in test_e_hang" in seen["e_hang"].details, "no stack of the check that hung")
    damage.require("the last words" in seen["g_much_output"].details, "the last words were lost")
    damage.require(
        _printed(rig).count(b"after all") == 1, "copies that a check forked went on with other checks"
    )
    damage.require(_output_bytes(rig) < 50 * 2**20, "the output was kept without limit")
    damage.wrong += rig.left_over()
    return damage


def _output_bytes(rig: Rig) -> int:
    return sum(path.stat().st_size for path in rig.folder.glob("runs/*/*/output-*.log"))


def _printed(rig: Rig) -> bytes:
    return b"".join(path.read_bytes() for path in rig.folder.glob("runs/*/*/output-*.log"))


def full_store(rig: Rig, fill: Callable[[Path], Path]) -> Damage:
    """The disk of the results is full when a result is to be stored: `fill` fills it with a file."""
    damage = Damage()
    rig.steady(3, 0.0)
    damage.require(rig.run() == 0, f"the first run: {rig.said[-500:]}")
    before = _stored(rig)
    filler = fill(rig.folder / "results")
    status = rig.run()
    damage.require(status == 1, f"exit status {status} on a full disk")
    said = rig.said.strip().splitlines()[-1]
    damage.require("No space left on device at" in said and "--resume" in said, f"it said: {said}")
    for name in before:
        kept = f"the result of {Path(name).stem}, which is kept in {rig.folder}/runs/"
        damage.require(kept in rig.said, f"it does not say where the result of {name} is: {rig.said[-800:]}")
    damage.lost += [
        f"{name} is not as it was" for name, content in before.items() if _stored(rig).get(name) != content
    ]
    filler.unlink()
    damage.require(rig.run(resume=True) == 0, f"--resume: {rig.said[-500:]}")
    damage.require(_stored(rig) != before, "the new result was not stored")
    all_passed(damage, rig)
    damage.wrong += [line for line in rig.left_over() if not line.startswith("mount ")]
    return damage


def _stored(rig: Rig) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in rig.folder.glob("results/*/*/*.json")}


#: The second check fills the disk when it is run first, and leaves it so. What the record has still room
#: for behind it depends on the file system, hence so many.
FILLING = """
import os, time, pytest

def fill():
    with open("fill", "wb", buffering=0) as stream:
        while stream.write(bytes(1000)): pass

@pytest.mark.parametrize("n", range(40))
def test_it(n, variant):
    if n == 1 and not os.path.exists({marker!r}):
        open({marker!r}, "w").close()
        time.sleep(1.0)  # samcheck keeps what was reported before
        try:
            fill()
        except OSError:
            pass
"""


def full_work(rig: Rig) -> Damage:
    """A check fills the disk of the journal: nobody is blamed, and what was finished before is kept."""
    damage = Damage()
    write_suite(rig.folder / "suite", FILLING.format(marker=str(rig.folder / "was-full")))
    status = rig.run()
    damage.require(status == 1, f"exit status {status} on a full disk")
    damage.require("(No space left on device)" in rig.said and "--resume" in rig.said, f"it said: {rig.said}")
    kept = rig.finished()
    damage.require(1 <= len(kept) < 40, f"{len(kept)} checks were finished before")
    damage.require(rig.run(resume=True) == 0, f"--resume: {rig.said[-500:]}")
    damage.lost += [f"{check} ran again" for check, count in starts(rig, kept).items() if count != 1]
    all_passed(damage, rig)
    damage.wrong += [line for line in rig.left_over() if not line.startswith("mount ")]
    return damage


def two_at_once(first: Rig, second: Rig) -> Damage:
    """Two runs of the same and of other cells, with one folder of results."""
    damage = Damage()
    second.folder.mkdir()
    (first.folder / "results").mkdir()
    (second.folder / "results").symlink_to(first.folder / "results")
    for rig in (first, second):
        rig.steady(4, 0.02)
    both = [rig.start() for rig in (first, second)]
    while any(process.poll() is None for process in both):
        first.results()  # each file is whole at each moment
        time.sleep(0.01)
    damage.require([process.returncode for process in both] == [0, 0], first.said[-300:] + second.said[-300:])
    stored = first.results()
    for number in range(max(first.cells, second.cells)):
        id = f"torchabsent-cpu-py3.11-numpy{number}.0"
        if id not in stored or not _whole(stored[id], 4):
            damage.lost.append(f"the result of {id}")
        elif id not in first.table:
            damage.lost.append(f"the row of {id}")
    damage.wrong += [*first.left_over(), *second.left_over()]
    return damage


def _whole(result: CellResult, checks: int) -> bool:
    return [check.outcome for check in result.checks] == ["passed"] * checks
