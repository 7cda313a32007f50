"""Stored results stay whole: on a full disk, beside other runs, under kill -9, among foreign files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from samcheck import files, report
from samcheck.errors import BadInput
from samcheck.guest.record import SCHEMA_VERSION
from samcheck.storage import results
from tests.processes.rig import Rig, kill
from tests.processes.scenarios import full_store, full_work, two_at_once
from tests.processes.trial import Trial

CHECKOUT = Path(__file__).resolve().parents[2]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of half a mebibyte at `folder`."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk to fill")
    folder.mkdir(parents=True)
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], check=True)
    except subprocess.CalledProcessError:
        pytest.skip("this root may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk under `folder` to the last byte; the file that does it."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as stream:
        try:
            while stream.write(bytes(500)):
                pass
        except OSError:
            return path
    raise AssertionError("the disk has no end")


def test_full_disk_of_the_results(tmp_path: Path) -> None:
    with small_disk(tmp_path / "results"):
        damage = full_store(Rig(tmp_path), fill)
        assert not damage.lost
        assert not damage.wrong
    assert not [line for line in Path("/proc/mounts").read_text().splitlines() if str(tmp_path) in line]


def test_full_disk_of_the_journal(tmp_path: Path) -> None:
    with small_disk(tmp_path / "runs"):
        damage = full_work(Rig(tmp_path))
    assert not damage.lost
    assert not damage.wrong


@pytest.mark.parametrize("turn", range(2))
def test_two_runs_with_one_folder_of_results(tmp_path: Path, turn: int) -> None:
    (tmp_path / "a").mkdir()
    damage = two_at_once(Rig(tmp_path / "a", cells=2 - turn), Rig(tmp_path / "b", cells=3))
    assert not damage.lost
    assert not damage.wrong


#: Stores a result of its own, and tabulates.
TABULATOR = """
import sys
from dataclasses import replace
from pathlib import Path
from samcheck import report
from samcheck.storage import results
result = results.read(Path(sys.argv[1]))
for number in range(10):
    id = f"{sys.argv[3]}-{number}"
    results.store(Path(sys.argv[2]), replace(result, cell=replace(result.cell, id=id)), "machine")
    table = report.write(Path(sys.argv[2]))
    for _ in range(20):  # whatever others write from now on, it has this row
        assert f"`{id}`" in table.read_text(), id
"""


def test_the_table_has_every_result(one_result: Path, tmp_path: Path) -> None:
    """Runs that end at the same time do not write their tables over each other's last row."""
    result = results.read(one_result)
    for number in range(100):  # the more there is to tabulate, the sooner somebody else stores meanwhile
        row = replace(result, cell=replace(result.cell, id=f"before-{number}"))
        results.store(tmp_path / "store", row, "machine")
    command = [sys.executable, "-c", TABULATOR, str(one_result), str(tmp_path / "store")]
    every = [subprocess.Popen([*command, f"run{n}"], cwd=CHECKOUT) for n in range(6)]
    assert [process.wait(60) for process in every] == [0] * 6
    table = (tmp_path / "store" / report.TABLE).read_text()
    assert all(f"`run{n}-9`" in table for n in range(6))


#: Stores one result under one name for ever, with more or less in it each time.
WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from samcheck.storage import results
from samcheck.guest.record import CheckResult
result = results.read(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    checks = [CheckResult(f"test_a.py::test_{n}", "a", "passed") for n in range(number % 7 * 200)]
    results.store(Path(sys.argv[2]), replace(result, reason=sys.argv[3], checks=checks), "machine")
"""


@pytest.fixture
def one_result(trial: Trial) -> Path:
    trial.write("def test_a(variant, precision): pass\n")
    return results.store(trial.folder / "one", trial.run(), "machine")


def test_writers_that_are_killed_leave_whole_files(one_result: Path, tmp_path: Path) -> None:
    """Two at once, killed again and again while they write; what they had begun goes with the next write."""
    random = Random(5)
    store = tmp_path / "store"
    seen = set()
    for number in range(10):
        command = [sys.executable, "-c", WRITER, str(one_result), str(store)]
        pair = [subprocess.Popen([*command, f"{number} {name}"], cwd=CHECKOUT) for name in "ab"]
        end, at_work = time.monotonic() + 60, False
        while time.monotonic() < end:
            stored, problems = results.load(store)
            assert problems == []
            now = {row.result.reason for row in stored}
            if not at_work and any(reason.startswith(f"{number} ") for reason in now):
                end, at_work = time.monotonic() + random.uniform(0.0, 0.4), True
            seen |= now
        assert at_work
        for writer in pair:
            kill(writer)
    results.store(store, results.read(one_result), "machine")
    assert [path.name for path in store.rglob("*") if path.is_file()] == [one_result.name]
    assert len(seen) > 5


def test_a_draft_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    """Only drafts that nobody writes any more are swept."""
    with files._draft(tmp_path / "mine") as mine:
        files.write_atomically(tmp_path / "other", b"x")
        assert Path(mine.name).exists()
        (tmp_path / f".old.abc{files.DRAFT}").touch()
        files.write_atomically(tmp_path / "other", b"x")
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([Path(mine.name).name, "other"])


SAYS = f'"schema_version": {SCHEMA_VERSION}'.encode()
FOREIGN = {
    "older.json": (SAYS, b'"schema_version": 0', f"older than schema 1 to {SCHEMA_VERSION}"),
    "newer.json": (SAYS, b'"schema_version": 99', f"newer than schema 1 to {SCHEMA_VERSION}"),
    "worded.json": (SAYS, b'"schema_version": "one"', "not a samcheck result"),
    "without.json": (SAYS + b",", b"", "not a samcheck result"),
}


def test_files_of_other_samchecks_and_of_others(one_result: Path, tmp_path: Path) -> None:
    """Each is named with its cause, none is changed, and the others are tabulated."""
    folder = one_result.parent
    for name, (old, new, _) in FOREIGN.items():
        (folder / name).write_bytes(one_result.read_bytes().replace(old, new))
    others = {
        "package.json": b'{"name": "x", "version": 2}',
        "list.json": b"[]",
        "text.json": b"hello",
        "nothing.json": b"",
        "bytes.json": bytes(range(256)),
        "deep.json": b"[" * 50_000,
        "half.json": one_result.read_bytes()[:300],
    }
    for name, content in others.items():
        (folder / name).write_bytes(content)
    (folder / "folder.json").mkdir()
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    root = folder.parents[1]
    command = [sys.executable, "-m", "samcheck", "table", "--results", str(root)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = (root / report.TABLE).read_text().replace("\\", "")
    for name in (*FOREIGN, *others, "folder.json"):
        lines = [line for line in table.splitlines() if f"/{name}" in line]
        assert len(lines) == 1, name
        cause = FOREIGN[name][2] if name in FOREIGN else "not a samcheck result|cannot be read"
        assert any(words in lines[0] for words in cause.split("|")), lines[0]
    assert "| `torch0.0.0-cpu-py3.11` |" in table
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_result_of_a_newer_samcheck_says_what_to_do(one_result: Path) -> None:
    one_result.write_bytes(one_result.read_bytes().replace(SAYS, b'"schema_version": 99'))
    with pytest.raises(BadInput, match="read it with the samcheck that wrote it, or a newer one"):
        results.read(one_result)
