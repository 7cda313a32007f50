"""Only what samcheck has marked as its own is removed or counted, wherever it lies."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock

from samcheck import owned, paths
from samcheck.analysis.bisect import state_file
from samcheck.analysis.bisect.bisection import BisectionQuestion
from samcheck.cells import Cell
from samcheck.commands import interleave
from samcheck.commands.disk import clean_command
from samcheck.environments import docker, offline, venv
from samcheck.errors import BadInput, BuildFailed, EnvironmentUnavailable
from samcheck.facts.requirements import NOTHING
from samcheck.storage import clean, disk_usage, runs
from samcheck.storage.clean import CleanRequest
from samcheck.storage.index import index

RUN = runs.RunManifest("default", "venv", "fast", (), "0.1.0", ("torch2.4.1-cu121-py3.11",))
ALL = {"environments": True, "runs": True}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def none() -> None:
        raise EnvironmentUnavailable("no Docker engine answers", "start one")

    monkeypatch.setattr(docker, "connect", none)
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAMCHECK_CACHE", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    places = ((tmp_path / "tmp", pattern) for _, pattern in disk_usage.TEMPORARY)
    monkeypatch.setattr(disk_usage, "TEMPORARY", tuple(places))
    monkeypatch.setattr(disk_usage, "_commands", lambda: iter(()))
    return tmp_path


def put(path: Path, content: str = "mine") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def steps(**wanted: object) -> list[tuple[str, str]]:
    return [(step.done, step.what) for step in clean.clean(CleanRequest(**wanted), 2e9)]  # type: ignore[arg-type]


def removed(**wanted: object) -> set[str]:
    return {what for done, what in steps(**wanted) if done == "removed"}


#: What people have in places where samcheck has things as well.
THEIRS = (
    *("home/venvs/project/pyvenv.cfg", "home/venvs/torch2.4.1-cu121-py3.11-0123456789ab/pyvenv.cfg"),
    *("home/venvs/requirements.txt", "home/index/book/index.json", "home/index/results-0123/x.parquet"),
    *("runs/keep/notes.txt", "runs/20260101-000000-1/notes.txt", "runs/bisect-mine/x", "runs/run.json"),
    *("runs/other/run.json", "tmp/samcheck-build-notes/x", "tmp/samcheck-export-of-may/x.parquet"),
    *("tmp/samcheck-base.backup/x", "tmp/samcheck-build-abcdefgh/uv", "home/thesis.npz"),
    "home/index/site/index.json",
    *(
        "tmp/samcheck-base.a1B2c3/notes",
        "home/venvs/link-target/x",
        str(Path("runs/20260101-000000-2/base/work", "file")),
    ),
)


@pytest.mark.parametrize("wanted", [ALL, {"older_than": 1}, {"keep_under": 0}])
def test_what_people_put_beside_it_stays(home: Path, wanted: dict[str, object]) -> None:
    for name in THEIRS:
        put(home / name)
    put(home / "home/index/site/index.json", '{"root": "/srv/site", "parts": {}}')
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert disk_usage.folders([]) == []
    assert removed(**wanted) == set()
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_it_is_said_what_was_left_alone(home: Path) -> None:
    for name in THEIRS:
        put(home / name)
    said = [what for done, what in steps(**ALL) if done == "left alone"]
    assert (
        f"what is not marked as made by samcheck in {home / 'home/index'}: book, results-0123, site" in said
    )
    assert len(said) == 3
    assert "left alone what is not marked" in CliRunner().invoke(clean_command, ["--runs"]).output


def test_no_link_is_followed(home: Path) -> None:
    """Neither one in the place of a folder, nor one in the place of a mark, nor one inside."""
    theirs = put(home / "elsewhere/file").parent
    owned.mark(theirs)  # were it followed, it would be taken for samcheck's
    for place in ("home/venvs/a-1", "home/index/a-1", "runs/a", "tmp/samcheck-build-a1b2c3d4"):
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        (home / place).symlink_to(theirs)
    marked = put(home / "home/venvs/b-1/file").parent
    for name in (owned.MARK, venv.COMPLETE):
        (marked / name).symlink_to(theirs / "file")
    assert disk_usage.folders([]) == []
    assert removed(**ALL) == set()
    run = runs.open_folder(RUN, resume=False)
    (run / "to").symlink_to(theirs)
    (run / "to-a-file").symlink_to(theirs / "file")
    assert removed(**ALL) == {f"run {run.name}"}
    assert (theirs / "file").read_text() == "mine"


def test_what_is_mounted_in_a_folder_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a part of the same file system, which the number of its device does not tell."""
    run = runs.open_folder(RUN, resume=False)
    kept = put(run / "a b" / "file")
    mounts = put(home / "mounts", f"36 35 98:0 / {run}/a\\040b rw - ext4 /dev/x rw\n")
    monkeypatch.setattr(owned, "MOUNTS", mounts)
    assert removed(**ALL) == set()
    assert owned.remove(run) == "another file system is mounted in it"
    with pytest.raises(BadInput, match="another file system is mounted in it"):
        steps(run=run.name)
    assert kept.read_text() == "mine"


def test_the_others_go_where_one_cannot(home: Path) -> None:
    """And it is no success."""
    venvs = home / "home/venvs"
    for name in ("a-1", "b-1"):
        put(venvs / name / venv.COMPLETE)
    (venvs / "a-1.lock").mkdir()
    done = CliRunner().invoke(clean_command, ["--environments"])
    assert "could not remove venv a-1: " in done.output
    assert "removed venv b-1" in done.output
    assert done.exit_code == 1


def test_a_full_disk_keeps_no_folder_from_being_marked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what an older samcheck made could not be removed when that is needed most."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    put(home / "home/venvs/a-1" / venv.COMPLETE)
    monkeypatch.setattr(os, "write", full)
    assert removed(**ALL) == {"venv a-1"}


def test_a_run_behind_a_link_is_not_gone_on_with(home: Path) -> None:
    there = runs.open_folder(RUN, resume=False)
    there.rename(home / "moved")
    (home / "runs" / "20260101-000000-1").symlink_to(home / "moved")
    with pytest.raises(BadInput, match="nothing to resume"):
        runs.open_folder(RUN, resume=True)


def test_one_run_that_is_not_its_own(home: Path) -> None:
    put(home / "runs/mine/notes.txt")
    with pytest.raises(
        BadInput, match=r"--run mine: .* is not marked as made by samcheck: remove it yourself"
    ):
        steps(run="mine")
    assert (home / "runs/mine/notes.txt").exists()


def test_everything_that_is_made_is_its_own_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is killed right after."""
    question = BisectionQuestion("test_x.py::t", "torch", (), (), (), 1, "venv", "0.1.0")
    made = [
        runs.open_folder(RUN, resume=False),
        state_file.open_folder(paths.RUNS, question, resume=False),
    ]
    monkeypatch.setattr(runs, "new_name", lambda: "20260101-000000-7")
    made.append(interleave._folder(None))
    with index._alone(index.home() / "x-1") as folder:
        made.append(folder)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(venv, "_make", killed)
    cell = Cell("2.8.0", "cu128", "3.11")
    with pytest.raises(KeyboardInterrupt):
        venv.Venv().prepare(cell, NOTHING, home / "log")
    made.append(venv.Venv().folder(cell, NOTHING))
    assert all(map(owned.is_own, made))
    assert {item.key for item in disk_usage.folders([])} == set(map(str, made))
    assert len(removed(**ALL)) == len(made)
    assert not any(folder.exists() for folder in made)


# Before there were marks.


def run_json(folder: Path) -> None:
    put(folder / "run.json", runs._RUN.dump_json(RUN).decode())


def bisect_json(folder: Path) -> None:
    put(folder / runs.BISECT_FILE, json.dumps({"question": {"check": "x"}, "finished": True}))


def meeting(folder: Path) -> None:
    for side in ("base", "new"):
        (folder / side / "work").mkdir(parents=True)


BEFORE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "run": ("runs/20260101-000000-1", run_json),
    "bisect": ("runs/bisect-20260101-000000-1", bisect_json),
    "interleave": ("runs/20260101-000000-2", meeting),
    "venv": ("home/venvs/cell-1a", lambda folder: put(folder / venv.COMPLETE)),
    "index": (
        f"home/index/{index.folder_of(Path('/x')).name}",
        lambda folder: put(folder / index.LIST, '{"root": "/x"}'),
    ),
    "base": ("tmp/samcheck-base.a1B2c3", lambda folder: put(folder / "debootstrap/debootstrap.log")),
    "build": ("tmp/samcheck-build-a1b2_3d4", lambda f: [put(f / name) for name in ("uv", "Dockerfile")]),
}


@pytest.mark.parametrize("kind", BEFORE)
def test_what_earlier_versions_left_is_known(kind: str, home: Path) -> None:
    name, make = BEFORE[kind]
    make(home / name)
    (item,) = disk_usage.folders([])
    assert item.key == str(home / name)
    assert len(removed(**ALL)) == 1
    assert not (home / name).exists()


def test_a_run_of_an_earlier_version_is_gone_on_with(home: Path) -> None:
    folder = home / "runs/20260101-000000-1"
    run_json(folder)
    assert runs.open_folder(RUN, resume=True) == folder
    meeting(home / "runs/20260101-000000-2")
    assert interleave._folder("20260101-000000-2") == home / "runs/20260101-000000-2"


@pytest.mark.parametrize("name", ["../x", "..", ".", "/etc", "nothing", "mine", "20260101-000000-1", ""])
def test_interleave_goes_on_with_its_own_runs_only(name: str, home: Path) -> None:
    run_json(home / "runs/20260101-000000-1")
    put(home / "runs/mine/base/x")
    put(home / "x/base/work" / "file")
    if name:
        with pytest.raises(BadInput, match="holds no run"):
            interleave._folder(name)
    assert not (home / "x" / owned.MARK).exists()


# Making and removing.


def test_half_removed_it_is_still_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = home / "runs/20260101-000000-1"
    run_json(run)
    for name in "abc":
        put(run / name / "x")
    count = 0
    really = shutil.rmtree

    def killed(path: str) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        really(path)

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        steps(**ALL)
    monkeypatch.undo()
    (run / "run.json").unlink(missing_ok=True)
    assert owned.is_own(run)
    assert owned.remove(run) == ""
    assert not run.exists()


def test_nothing_is_built_over_what_is_not_its_own(home: Path) -> None:
    cell = Cell("2.8.0", "cu128", "3.11")
    folder = venv.Venv().folder(cell, NOTHING)
    kept = put(folder / "lib" / "x")
    with pytest.raises(BuildFailed, match="is in the way and was not made by samcheck"):
        venv.Venv().prepare(cell, NOTHING, home / "log")
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_no_lock_is_taken_where_something_else_lies(kind: str, home: Path) -> None:
    """Taking it would empty the file that a link leads to."""
    cell = Cell("2.8.0", "cu128", "3.11")
    folder = venv.Venv().folder(cell, NOTHING)
    theirs, lock = put(home / "theirs"), Path(f"{folder}.lock")
    lock.parent.mkdir(parents=True)
    make: dict[str, Callable[[], None]] = {
        "link": lambda: lock.symlink_to(theirs),
        "folder": lock.mkdir,
        "fifo": lambda: os.mkfifo(lock),
    }
    make[kind]()
    signal.alarm(20)
    with pytest.raises(BuildFailed, match=r"\.lock is in the way"):
        venv.Venv().prepare(cell, NOTHING, home / "log")
    put(folder / venv.COMPLETE)
    assert [item.kind for item in disk_usage.folders([])] == ["venv"]
    signal.alarm(0)
    assert theirs.read_text() == "mine"


def test_a_venv_that_is_built_is_not_removed(home: Path) -> None:
    put(home / "home/venvs/cell-1a" / venv.COMPLETE)
    with FileLock(f"{home}/home/venvs/cell-1a.lock"):
        assert venv.remove(home / "home/venvs/cell-1a") == "it is being built"
    assert venv.remove(home / "home/venvs/cell-1a") == ""
    assert venv.remove(put(home / "home/venvs/other/x").parent) == "it is not marked as made by samcheck"


def test_an_index_is_not_made_in_a_folder_of_others(home: Path, tmp_path: Path) -> None:
    kept = put(index.folder_of(tmp_path) / "x.parquet")
    with pytest.raises(BadInput, match="is in the way and was not made by samcheck"):
        index.forget(tmp_path)
    assert kept.read_text() == "mine"


def test_what_was_not_made_for_an_index_stays_in_it(home: Path) -> None:
    with index._alone(index.home() / "x-1") as folder:
        kept, stale = put(folder / "notes.txt"), put(folder / "0-cells.parquet")
        (folder / "more").mkdir()
        index._sweep(folder, {})
    assert (kept.exists(), stale.exists()) == (True, False)


def test_two_that_make_the_same_folder_both_have_it(home: Path) -> None:
    for _ in range(2):
        owned.make(home / "x")
    put(home / "x/file")
    owned.make(home / "x")
    (home / "y").symlink_to(home / "x")
    put(home / "z")
    for name in "yz":
        (home / "x" / owned.MARK).unlink(missing_ok=True)
        with pytest.raises(BadInput, match="is in the way"):
            owned.make(home / name)


def test_only_what_the_oracle_wrote_is_counted_as_its_answers(home: Path) -> None:
    """$SAMCHECK_CACHE may be the user's home."""
    put(home / "home/thesis.npz", "x" * 10_000)
    answer = put(home / f"home/{'0a' * 32}.npz", "x" * 5000)
    (home / f"home/{'0b' * 32}.npz").symlink_to(home / "home/thesis.npz")
    (item,) = disk_usage.folders([])
    assert (item.kind, item.size) == ("oracle", 512 * answer.stat().st_blocks)
    assert removed(**ALL) == set()


def test_carry_replaces_only_what_it_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "ROOT", home)
    theirs = put(home / "mine/__main__.py").parent
    (theirs / "guest").mkdir()
    with pytest.raises(BadInput, match="contains something else"):
        offline._require(theirs)
    assert (theirs / "__main__.py").exists()
    for earlier in (False, True):
        own = put(home / f"carried-{earlier}/__main__.py").parent
        if earlier:
            put(own / "version", f"0.1.0+1234567 {'0a' * 32}\n")
        else:
            owned.mark(own)
        offline._require(own)
        assert not own.exists()


def test_nothing_else_removes_folders() -> None:
    """Whoever removes one asks `owned` whether it is samcheck's."""
    package = Path(owned.__file__).parent
    users = [
        path for path in package.rglob("*.py") if "rmtree" in path.read_text() and path.name != "owned.py"
    ]
    assert [path.relative_to(package).as_posix() for path in users if "guest" not in path.parts] == []
