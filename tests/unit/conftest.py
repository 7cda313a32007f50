"""Unit tests: no engine, no GPU, no network, and no process is started."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

# How long an example takes is the machine's affair; otherwise as it is, on CI always the same examples.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("unit tests start no process and open no connection")

    monkeypatch.setattr(subprocess, "Popen", forbidden)
    monkeypatch.setattr(socket, "create_connection", forbidden)
    monkeypatch.setattr(socket.socket, "connect", forbidden)
