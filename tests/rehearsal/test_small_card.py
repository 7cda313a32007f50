"""A card with less memory than a memory check needs: the check is skipped, with the reason."""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from samcheck.guest.memory import fork_server
from samcheck.guest.memory.process_fixtures import Tasks

MIB = 2**20


def fraction(value: float) -> None:
    """As PyTorch's own."""
    if value < 0 or value > 1:
        raise ValueError(f"Invalid fraction value: {value}. Allowed range: 0~1")


@pytest.fixture
def process_memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, on a played GPU of 1000 MiB of which 800 are taken."""
    cuda = SimpleNamespace(
        get_device_properties=lambda index: SimpleNamespace(total_memory=1000 * MIB),
        memory_reserved=lambda: 800 * MIB,
        memory_allocated=lambda: 800 * MIB,
        memory_snapshot=list,
        empty_cache=lambda: None,
        set_per_process_memory_fraction=fraction,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    name = "samcheck.guest.memory.process_memory"
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def test_a_limit_beyond_the_card(process_memory: Any) -> None:
    with process_memory.gpu_fraction(100 * MIB):
        pass
    with pytest.raises(fork_server.Impossible, match=r"the GPU has 1000 MiB, too little for a limit of 1050"):
        process_memory.gpu_fraction(250 * MIB).__enter__()


def test_a_fork_passes_the_reason_on() -> None:
    def work() -> NoReturn:
        raise fork_server.Impossible("the GPU has 1000 MiB")

    assert json.loads(fork_server.in_a_copy(work)) == {"impossible": "the GPU has 1000 MiB"}


def test_the_check_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = Tasks("cuda", "tiny")
    monkeypatch.setattr(tasks, "_answer", lambda line: {"impossible": "the GPU has 1000 MiB"})
    with pytest.raises(pytest.skip.Exception, match="the GPU has 1000 MiB"):
        tasks.ask("largest")
    tasks.close()
