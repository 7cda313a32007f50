"""Every target of tests/fuzz, with its seeds and mutations of them; `nox -s fuzz` goes on from there."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import fuzz
from tests.fuzz.mutating import changed_bytes
from tests.unit.intruders import within

TARGETS = {name: fuzz.load(name) for name in fuzz.names()}
SEEDS = [(name, number) for name, target in TARGETS.items() for number in range(len(target.seeds))]

each_target = pytest.mark.parametrize("name", TARGETS)


@pytest.mark.parametrize(("name", "number"), SEEDS)
def test_every_seed_is_taken(name: str, number: int) -> None:
    with within():
        TARGETS[name].take(TARGETS[name].seeds[number])


@each_target
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(st.data())
def test_mutations_of_seeds_are_taken(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    chance = Random(data.draw(st.integers(0, 2**32)))
    content = chance.choice(target.seeds)
    for _ in range(chance.randint(1, 5)):
        content = (target.mutate or changed_bytes)(content, chance)
    with within():
        target.take(content)


@each_target
@given(st.binary(max_size=2000))
def test_any_bytes_are_taken(name: str, content: bytes) -> None:
    TARGETS[name].take(content)


@each_target
@given(st.text(max_size=2000))
def test_any_text_is_taken(name: str, text: str) -> None:
    TARGETS[name].take(text.encode("utf-8", "surrogatepass"))
