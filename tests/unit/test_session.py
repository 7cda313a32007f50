"""Runs on disk, and what is said before one begins."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from samcheck import paths
from samcheck.errors import BadInput
from samcheck.matrix import Plan
from samcheck.run import session
from samcheck.run.context import Settings
from samcheck.storage import runs

RUN = runs.RunManifest(
    "default", "venv", "full", ("vit_h",), "0.1.0", ("torch2.4.1-cu121-py3.11",), groups=("peaks",)
)


def test_only_the_same_run_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "RUNS", tmp_path)
    folder = runs.open_folder(RUN, resume=False)
    assert runs.open_folder(RUN, resume=True) == folder
    for other in ((), ("latency",), ("peaks", "latency")):
        with pytest.raises(BadInput, match="nothing to resume"):
            runs.open_folder(replace(RUN, groups=other), resume=True)


def test_a_run_from_before_there_were_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "RUNS", tmp_path)
    folder = runs.open_folder(replace(RUN, groups=()), resume=False)
    noted = json.loads((folder / "run.json").read_text())
    del noted["groups"]
    (folder / "run.json").write_text(json.dumps(noted))
    assert runs.open_folder(replace(RUN, groups=()), resume=True) == folder


class Nowhere:
    """An environment without a cell in it."""

    kind = "venv"
    installs = True

    def storage(self) -> Path:
        return Path("/")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "tier full, run"),
        ({"groups": ("peaks",)}, "tier full, only group peaks, run"),
        (
            {"variants": ("vit_h",), "groups": ("recovery", "peaks")},
            "only vit_h; groups recovery, peaks, run",
        ),
    ],
)
def test_what_a_run_is_restricted_to_is_said_first(asked: Any, said: str) -> None:
    console = Console(file=io.StringIO(), width=200)
    settings = Settings("full", Nowhere(), "asked for", 60.0, **asked)  # type: ignore[arg-type]
    session.announce(console, Plan("default", "full", ()), settings, Path("20261128-000000-1"))
    assert said in console.file.getvalue()  # type: ignore[attr-defined]
