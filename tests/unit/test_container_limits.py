"""What a container may take fits what runs in it: checkpoints of every size, threads of every core."""

from __future__ import annotations

import os

import pytest

from samcheck.environments import confinement

#: Bytes of the official files: samcheck/guest/models/variants.py.
OFFICIAL = (375042383, 1249524607, 2564550879)


def scratch(monkeypatch: pytest.MonkeyPatch, gib: int) -> int:
    monkeypatch.setattr(confinement, "memory_limit", lambda: gib * 2**30)
    options = confinement.memory_folders()[confinement.SCRATCH_MOUNT]
    assert options.endswith("mode=1777,exec,nosuid,nodev")
    return int(options.partition(",")[0].removeprefix("size="))


def test_tmp_holds_the_checkpoint_of_every_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scratch(monkeypatch, gib=128) > confinement.COPIES * sum(OFFICIAL)


def test_tmp_leaves_half_of_a_small_machines_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scratch(monkeypatch, gib=16) == 8 * 2**30
    assert scratch(monkeypatch, gib=1) == confinement.SMALL_BYTES


@pytest.mark.parametrize("cores", [1, 2, 128, None])
def test_every_core_has_its_threads(monkeypatch: pytest.MonkeyPatch, cores: int | None) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert confinement.pids_limit() >= 512 + 12 * (cores or 1)
