"""Two processes in turns: one computes at a time, whoever is behind first, and nobody waits for the dead."""

from __future__ import annotations

import random
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samcheck.analysis.interleave.turn_server import TurnServer, TurnTaker
from samcheck.guest.benchmark import turns


@pytest.fixture
def works(tmp_path: Path) -> tuple[Path, Path]:
    folders = tmp_path / "base", tmp_path / "new"
    for folder in folders:
        folder.mkdir()
    return folders


class Guest(threading.Thread):
    """Waits where it is told to, and notes when it was let on."""

    def __init__(self, work: Path, positions: list[tuple[int, int]], noted: list[object], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._positions, self._noted = work, positions, noted

    def run(self) -> None:
        with closing(turns.Turns(str(self._work))) as partner:
            for position in self._positions:
                partner.wait(*position)
                self._noted.append((self.name, position, "on"))
                time.sleep(0.002)
                self._noted.append((self.name, position, "off"))


def played(
    works: tuple[Path, Path], base: list[tuple[int, int]], new: list[tuple[int, int]]
) -> list[tuple[str, tuple[int, int], str]]:
    """Who was on when."""
    noted: list[object] = []
    guests = [
        Guest(work, positions, noted, name)
        for work, positions, name in zip(works, (base, new), ("base", "new"), strict=True)
    ]
    with TurnServer(works, seed=1) as turn_server:
        for guest in guests:
            guest.start()
        while any(guest.is_alive() for guest in guests):
            for number, guest in enumerate(guests):
                guest.join(0.01)
                if not guest.is_alive():
                    turn_server.left(number)
    return noted  # type: ignore[return-value]


CHECKS = [turns.START, *((check, turn) for check in range(2) for turn in range(4))]


def test_only_one_computes_at_a_time(works: tuple[Path, Path]) -> None:
    noted = played(works, CHECKS, CHECKS)
    assert len(noted) == 4 * len(CHECKS)
    for on, off in zip(noted[::2], noted[1::2], strict=True):
        assert (on[2], off[2]) == ("on", "off")
        assert on[:2] == off[:2]


def test_turns_of_one_number_follow_each_other_in_either_order(works: tuple[Path, Path]) -> None:
    noted = played(works, CHECKS, CHECKS)[::2]
    rounds = [noted[at : at + 2] for at in range(0, len(noted), 2)]
    assert [sorted(name for name, _, _ in pair) for pair in rounds] == [["base", "new"]] * len(CHECKS)
    assert all(one[1] == other[1] for one, other in rounds)
    assert len({pair[0][0] for pair in rounds}) == 2  # by lot, so that no side is always the first


def test_a_side_that_skips_a_check_waits_for_the_other(works: tuple[Path, Path]) -> None:
    noted = played(works, CHECKS, [position for position in CHECKS if position[0] != 0])[::2]
    order = [(name, position) for name, position, _ in noted]
    assert order.index(("base", (0, 3))) < order.index(("new", (1, 0)))


def test_nobody_waits_for_one_that_has_ended(works: tuple[Path, Path]) -> None:
    noted = played(works, CHECKS, CHECKS[:3])
    assert [note for note in noted if note[0] == "base"][-1][1] == CHECKS[-1]


def test_a_guest_whose_host_has_gone_says_so(works: tuple[Path, Path]) -> None:
    with ExitStack() as stack:
        seat = TurnTaker(works[0])
        seat.open(stack)
        partner = turns.Turns(str(works[0]))
    with closing(partner):
        for _ in range(2):  # as it speaks, and as it listens
            with pytest.raises(turns.Deserted, match="samcheck has ended"):
                partner.wait(0, 0)


def test_what_else_is_written_there_is_passed_over(works: tuple[Path, Path]) -> None:
    with ExitStack() as stack:
        seat = TurnTaker(works[0])
        seat.open(stack)
        partner = stack.enter_context(closing(turns.Turns(str(works[0]))))
        partner._said.write(b"nonsense\n1\n2 3\n4")
        seat.listen()
        assert seat.position == (2, 3)


def test_fifos_of_an_earlier_pair_are_not_used(works: tuple[Path, Path]) -> None:
    (works[0] / "turns-said").write_text("0 0\n")
    assert len(played(works, CHECKS, CHECKS)) == 4 * len(CHECKS)
    assert not list(works[0].iterdir())


@given(
    st.lists(st.floats(1e-4, 100.0), min_size=1, max_size=5),
    st.floats(0.1, 10.0),
)
def test_turns_take_the_time_that_is_given(pilot: list[float], seconds: float) -> None:
    count, per_turn = turns.divided(pilot, seconds)
    typical = sorted(pilot)[len(pilot) // 2]
    assert turns.FEWEST <= count <= turns.MOST
    assert count * per_turn * min(pilot) <= max(seconds * 1.01, turns.FEWEST * typical)


class Noted:
    """Notes the calls of everything that it stands for."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def wait(self, check: int, turn: int) -> None:
        self.calls.append((check, turn))

    def away(self) -> None:
        self.calls.append("away")

    def back(self) -> None:
        self.calls.append("back")

    def step(self) -> None:
        self.calls.append("step")


@pytest.fixture
def noted() -> Noted:
    return Noted()


def test_a_round_waits_only_where_a_turn_begins(noted: Noted) -> None:
    paced = turns.Paced(noted, 7, noted)  # type: ignore[arg-type]
    assert paced.plan([0.125], 1.5) == 12
    for _ in range(12):
        paced.before(noted.step)
    assert noted.calls == [call for turn in range(12) for call in ("away", (7, turn), "back")]


def test_short_rounds_get_their_caches_back_untimed(noted: Noted) -> None:
    paced = turns.Paced(noted, 0, noted)  # type: ignore[arg-type]
    rounds = paced.plan([2**-10], 12 * 100 * 2**-10)
    assert (rounds, paced.turns, paced.per_turn) == (1200, 12, 100)
    for _ in range(101):
        paced.before(noted.step)
    assert noted.calls == ["away", (0, 0), "back", "step", "away", (0, 1), "back", "step"]


def test_medians_are_those_of_the_turns() -> None:
    paced = turns.Paced(SimpleNamespace(), 0, SimpleNamespace())  # type: ignore[arg-type]
    paced.per_turn = 3
    drawn = random.Random(1)
    wall = [drawn.random() for _ in range(9)]
    assert paced.medians(wall) == [sorted(wall[at : at + 3])[1] for at in (0, 3, 6)]
