"""The index of `samcheck query`: killed at any moment, and asked by several at once, it answers right."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from samcheck.cells import Cell
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CheckResult
from samcheck.storage import results
from tests.processes.rig import gone
from tests.unit import made

pytest.importorskip("duckdb")

CHECKOUT = Path(__file__).resolve().parents[2]
RESULTS = 20
#: Ctrl-C is for them also where whoever started the tests ignores it, as a shell's background jobs do.
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
#: Parts so small that reading has many steps to be killed between.
SMALL = HEARS + "import sys; from samcheck.storage.index import parts; parts.PART = 4; parts.FEW = 2; "
PROGRAM = SMALL + "from samcheck.__main__ import main; main()"
COUNT = "SELECT count(*) AS n, count(DISTINCT cell) AS cells, max(samcheck) AS newest FROM cells"


def put(root: Path, number: int, version: str) -> None:
    cell = Cell(f"2.{number}.0", "cu121", "3.11").record(())
    checks = [CheckResult(f"test_x.py::test_{number}", "x", CheckOutcome.PASSED) for number in range(20)]
    results.store(root, replace(made.RESULT, cell=cell, samcheck=version, checks=checks), "x")


def start(root: Path, sql: str = COUNT) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "query", sql, "--json", "--results", str(root)],
        cwd=CHECKOUT,
        env={**os.environ, "SAMCHECK_HOME": str(root.parent / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def answer(asked: subprocess.Popen[bytes]) -> dict[str, object]:
    out, err = asked.communicate(timeout=120)
    assert asked.returncode == 0, err.decode()
    (row,) = json.loads(out)
    return dict(row)


def test_an_index_that_was_killed_at_any_moment_answers_right(tmp_path: Path) -> None:
    root, chance = tmp_path / "results", Random(1)
    for number in range(RESULTS):
        put(root, number, "1")
    begin = time.monotonic()
    assert answer(start(root)) == {"n": RESULTS, "cells": RESULTS, "newest": "1"}
    whole = time.monotonic() - begin
    for round in range(2, 6):
        for number in range(RESULTS):
            put(root, number, str(round))
        killed = start(root)
        time.sleep(chance.uniform(0.3, 1.0) * whole)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        assert answer(start(root)) == {"n": RESULTS, "cells": RESULTS, "newest": str(round)}
    (folder,) = (tmp_path / "home" / "index").iterdir()
    listed = json.loads((folder / "index.json").read_text())["parts"]
    assert len(list(folder.iterdir())) == 2 * len(listed) + 3, "what a killed one left is gone"


def test_several_at_once_while_results_change(tmp_path: Path) -> None:
    root = tmp_path / "results"
    for number in range(RESULTS):
        put(root, number, "1")
    for round in range(2):
        asked = [start(root) for _ in range(3)]
        for number in range(0, RESULTS, 4):
            put(root, number, str(round))
        for process in asked:
            assert answer(process)["cells"] == RESULTS
    (folder,) = (tmp_path / "home" / "index").iterdir()
    assert answer(start(root, "SELECT count(*) AS n FROM checks")) == {"n": 20 * RESULTS}
    assert len(json.loads((folder / "index.json").read_text())["parts"]) <= RESULTS // 2


def test_interrupted_it_ends_and_says_so(tmp_path: Path) -> None:
    put(tmp_path / "results", 1, "1")
    endless = start(tmp_path / "results", "SELECT count(*) AS n FROM range(10000000000) a, range(1000) b")
    try:
        # It reads first; a moment after that it computes.
        assert gone(lambda: bool([*tmp_path.glob("home/index/*/index.json")]), 60)
        time.sleep(1)
        assert endless.poll() is None
        endless.send_signal(signal.SIGINT)
        _, said = endless.communicate(timeout=20)
    finally:
        endless.kill()  # else it computes for ever
    assert endless.returncode == 130, said
    assert b"Traceback" not in said


#: Mostly texts that functions make of others, which DuckDB's own limit does not count.
LARGE_TEXTS = (
    "SELECT max(length(repeat('x', 1000000) || range)) AS n FROM range(1500)",
    "SELECT md5(repeat('x', 1000000) || range) AS n FROM range(1500)",
    "SELECT regexp_replace(repeat('ab', 500000) || range, 'a', 'ccc', 'g')[1] AS n FROM range(1500)",
    "SELECT json_object('a', repeat('x', 1000000) || range)::VARCHAR[1] AS n FROM range(1500)",
    "SELECT length(printf('%100000000d', range)) AS n FROM range(50)",
    "SELECT list_transform(range(1500), lambda x: length(repeat('x', 1000000) || x)) AS n",
    "SELECT string_split(repeat('a,', 20000000), ',') AS n",
    "SELECT list(range) AS n FROM range(20000000)",
    "SELECT repeat('ä', 10000000) || range AS n FROM range(50)",
)
#: Prints the most memory that it had, in KiB, behind everything else. The kernel's other figure for that,
#: `ru_maxrss`, counts what the process had that it was forked from.
PEAK = (
    "; import atexit, re, sys; from samcheck.__main__ import main; atexit.register(lambda: print("
    r"re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read())[1], file=sys.stderr)); main()"
)


@pytest.mark.parametrize(
    ("sql", "form"), [*zip(LARGE_TEXTS, cycle(["--json", "--csv", "--rows=9"]), strict=False)]
)
def test_texts_of_an_answer_count_as_memory(sql: str, form: str, tmp_path: Path) -> None:
    put(tmp_path / "results", 1, "1")
    command = [sys.executable, "-c", HEARS + PEAK[2:], "query", sql, form, "--memory", "100MiB"]
    done = subprocess.run(
        [*command, "--results", str(tmp_path / "results")],
        cwd=CHECKOUT,
        env={**os.environ, "SAMCHECK_HOME": str(tmp_path / "home")},
        capture_output=True,
        timeout=100,
        check=False,
    )
    said, _, most = done.stderr.decode().strip().rpartition("\n")
    assert said == ("samcheck: the query needs more than 100MiB of memory: narrow it, or raise --memory")
    assert done.returncode == 2
    assert int(most) < 400 * 1024
