"""What is removed is what was asked for, is samcheck's, and is not in use."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from samcheck import owned, paths
from samcheck.commands.disk import clean_command
from samcheck.environments import docker, engine_storage, orphans, venv
from samcheck.errors import BadInput, EnvironmentUnavailable
from samcheck.storage import clean, disk_usage
from samcheck.storage.clean import CleanRequest
from samcheck.storage.index import index
from tests.unit.played_engine import STEP, PlayedEngine, PlayedImage

NOW = 1_800_000_000.0
DAY = 86400
#: A process number that Linux never gives.
DEAD = orphans.owner(2**22 + 1)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAMCHECK_CACHE", str(tmp_path / "oracle"))
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(disk_usage, "TEMPORARY", ())
    monkeypatch.setattr(disk_usage, "_commands", lambda: iter(()))
    return tmp_path


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> PlayedEngine:
    """An engine with things of others, which every test finds untouched at its end."""
    played = PlayedEngine()
    monkeypatch.setattr(docker, "connect", lambda: played)
    played.image("f1", "python:3.11", {"python": 30})
    played.image("f2", "mine:on-a-cell", {"base": 10, "mine": 1}, labels={"samcheck.kind": "image"})
    played.container("foreign", "f1")
    played.record("foreign", 8, "mount / from exec /bin/sh -c make")
    return played


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise EnvironmentUnavailable("no Docker engine answers at the local socket", "start one")

    monkeypatch.setattr(docker, "connect", none)


def assert_others_are_there(engine: PlayedEngine) -> None:
    assert {"f1", "f2"} <= {image.id for image in engine.present}
    assert "foreign" in {each.id for each in engine.made}
    assert "foreign" in {record["ID"] for record in engine.cache}
    assert all(filters.keys() == {"id"} and len(filters["id"]) > len("^()$") for filters in engine.prunes)


def cell(engine: PlayedEngine, name: str, days: int, size: int = 50) -> PlayedImage:
    """An image of samcheck's on the one base, last used so many days ago, with its records of the cache."""
    used = datetime.datetime.fromtimestamp(NOW - days * DAY, datetime.UTC).isoformat()
    labels = {"samcheck.kind": "image", "samcheck.cell": name}
    engine.record(f"{name}-cache", size, f"mount / from exec {STEP}", layer=name, LastUsedAt=used)
    return engine.image(name, f"samcheck:{name}", {"base": 10, name: size}, labels=labels, tagged=used)


def folder(path: Path, days: float, file: str = "run.json", size: int = 0) -> Path:
    """One that samcheck made."""
    owned.make(path)
    (path / file).write_bytes(b"x" * size)
    for each in (path / file, path / owned.MARK, path):
        os.utime(each, (NOW - days * DAY,) * 2)
    return path


def steps(**wanted: object) -> list[tuple[str, str]]:
    return [(step.done, step.what) for step in clean.clean(CleanRequest(**wanted), NOW)]  # type: ignore[arg-type]


def removed(**wanted: object) -> set[str]:
    return {what for done, what in steps(**wanted) if done == "removed"}


def test_alone_only_forgotten_containers_go(engine: PlayedEngine, home: Path) -> None:
    cell(engine, "a", 0)
    run = folder(home / "runs/1-1", 99)
    for id, owner in (("dead", DEAD), ("alive", orphans.owner(1)), ("unseen", "another boot 1")):
        engine.container(id, "a", kind="container", owner=owner)
    engine.container("inherits", "a", kind="image")
    keep = {"foreign", "unseen", "inherits"} | ({"alive"} if orphans.lives("1") else set())
    assert "container name-of-dead" in removed()
    assert keep <= {each.id for each in engine.made}
    assert run.exists()
    assert "a" in {image.id for image in engine.present}
    assert_others_are_there(engine)


def test_environments_go_with_their_share_of_the_cache(engine: PlayedEngine, home: Path) -> None:
    cell(engine, "a", 0)
    engine.record("parent", 3, STEP)
    engine.record("child", 3, STEP, Parent="parent")
    engine.record("wheels", 9, f"cached mount {STEP}", Type="exec.cachemount")
    whole = folder(home / "home/venvs/cell-1a", 0, venv.COMPLETE)
    half = folder(home / "home/venvs/cell-2b", 0, "half")
    run = folder(home / "runs/1-1", 0)
    assert removed(environments=True) == {
        "image samcheck:a",
        "venv cell-1a",
        "unfinished cell-2b",
        "cache wheels that builds share",
        "cache layer of no present image (2)",
        "cache layer of no present image",  # that of the image, once it is gone
    }
    assert [record["ID"] for record in engine.cache] == ["foreign"]
    assert not whole.exists()
    assert not half.exists()
    assert run.exists()
    assert_others_are_there(engine)


@pytest.mark.parametrize(
    "wanted",
    [
        {"environments": True, "runs": True},
        {"older_than": 1},
        {"keep_under": 0},
        {"environments": True, "older_than": 10 * DAY, "keep_under": 0},
    ],
)
def test_dry_run_says_the_same_and_removes_nothing(
    engine: PlayedEngine, home: Path, wanted: dict[str, object]
) -> None:
    cell(engine, "a", 20)
    cell(engine, "b", 5)
    engine.container("dead", "b", kind="container", owner=DEAD)
    folder(home / "home/venvs/cell-1a", 20, venv.COMPLETE)
    folder(home / "runs/1-1", 20)
    before = (len(engine.present), len(engine.made), len(engine.cache), sorted(home.rglob("*")))
    said = [what for done, what in steps(dry_run=True, **wanted) if done == "would remove"]
    assert (len(engine.present), len(engine.made), len(engine.cache), sorted(home.rglob("*"))) == before
    assert said
    assert not engine.prunes
    # The cache behind an image only shows itself once the image is gone.
    assert set(said) == {what for what in removed(**wanted) if "layer of no present image" not in what}
    assert_others_are_there(engine)


def test_older_than_goes_by_last_use(engine: PlayedEngine, home: Path) -> None:
    cell(engine, "old", 15)
    cell(engine, "new", 13)
    folder(home / "home/venvs/old-1a", 15, venv.COMPLETE)
    folder(home / "home/venvs/new-2b", 13, venv.COMPLETE)
    folder(home / "runs/1-1", 15)
    folder(home / "runs/2-2", 13)
    assert removed(older_than=14 * DAY) == {
        "image samcheck:old",
        "venv old-1a",
        "run 1-1",
        "cache layer of no present image",
    }
    assert {record["ID"] for record in engine.cache} == {"foreign", "new-cache"}


@pytest.mark.parametrize(
    ("kind", "gone"),
    [("runs", {"run 1-1"}), ("environments", {"venv cell-1a"}), ("", {"run 1-1", "venv cell-1a"})],
)
def test_a_limit_is_about_the_kinds_that_are_named(
    no_engine: None, home: Path, kind: str, gone: set[str]
) -> None:
    folder(home / "home/venvs/cell-1a", 15, venv.COMPLETE)
    folder(home / "runs/1-1", 15)
    assert removed(older_than=14 * DAY, **({kind: True} if kind else {})) == gone


def test_keep_under_takes_the_oldest_and_stops(engine: PlayedEngine) -> None:
    for name, days in (("a", 1), ("b", 3), ("c", 2)):
        cell(engine, name, days, size=100)
    done = steps(keep_under=215, environments=True)
    assert ("removed", "image samcheck:b") in done
    assert ("frees", "100 B; 10 B stay, held by others such as uv's cache of wheels") in done
    assert {image.id for image in engine.present} == {"f1", "f2", "a", "c"}
    assert not {what for what in removed(keep_under=215) if "samcheck:" in what}


def test_keep_under_says_when_it_cannot(engine: PlayedEngine) -> None:
    cell(engine, "a", 1)
    engine.container("of-others", "a")
    assert ("leaves", "60 B, in use or not asked for") in steps(keep_under=10)
    assert "a" in {image.id for image in engine.present}


def test_what_is_in_use_is_kept_and_said(engine: PlayedEngine, home: Path) -> None:
    cell(engine, "a", 20)
    engine.container("of-others", "a")
    locked = folder(home / "home/venvs/cell-1a", 20, venv.COMPLETE)
    with FileLock(f"{locked}.lock"):
        done = steps(older_than=DAY)
    assert ("kept", "image samcheck:a: a container uses it") in done
    assert ("kept", "venv cell-1a: it is being built") in done
    assert "removed" not in {word for word, _ in done}
    assert locked.exists()


def test_run_that_goes_on_keeps_its_folder(
    no_engine: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on, over = folder(home / "runs/1-17", 20), folder(home / "runs/1-18", 20)
    monkeypatch.setattr(orphans, "lives", lambda pid: pid == "17")
    assert ("kept", "run 1-17: it goes on: process 17") in steps(runs=True)
    assert (on.exists(), over.exists()) == (True, False)


def test_what_is_held_is_not_counted_as_gone(engine: PlayedEngine) -> None:
    cell(engine, "held", 9, size=100)
    engine.container("of-others", "held")
    cell(engine, "free", 1, size=100)
    assert "image samcheck:free" in removed(keep_under=150)


def test_old_images_take_no_younger_cache_with_them(engine: PlayedEngine) -> None:
    cell(engine, "old", 15)
    now = datetime.datetime.fromtimestamp(NOW, datetime.UTC).isoformat()
    engine.record("of-a-failed-build", 3, STEP, LastUsedAt=now)
    assert "image samcheck:old" in removed(older_than=14 * DAY)
    assert {record["ID"] for record in engine.cache} == {"foreign", "of-a-failed-build"}


def test_a_container_that_came_in_between_keeps_its_image(
    engine: PlayedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine itself refuses; samcheck never insists."""
    cell(engine, "a", 20)
    look = engine_storage.look
    monkeypatch.setattr(
        engine_storage, "look", lambda client: [*look(client), engine.container("new", "a")][:-1]
    )
    assert ("kept", "image samcheck:a: image is being used by a container") in steps(environments=True)


def test_a_name_of_somebody_else_stays(engine: PlayedEngine) -> None:
    cell(engine, "a", 0).tags.append("mine:a")
    assert "image samcheck:a" in removed(environments=True)
    assert next(image.tags for image in engine.present if image.id == "a") == ["mine:a"]


def test_old_engine_keeps_its_cache(engine: PlayedEngine) -> None:
    """It would take the filter for none, and prune everything."""
    cell(engine, "a", 0)
    engine.api_version = "1.40"
    assert any("too old to remove single records" in what for done, what in steps(environments=True))
    assert not engine.prunes
    assert {record["ID"] for record in engine.cache} == {"foreign", "a-cache"}


def test_half_removed_venv_does_not_look_whole(
    no_engine: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(home / "home/venvs/cell-1a", 0, venv.COMPLETE)

    def full_of_trouble(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(owned, "remove", full_of_trouble)
    assert clean.FAILED in dict(steps(environments=True))
    assert [item.kind for item in disk_usage.folders([])] == ["unfinished"]


def test_indexes_go_unless_somebody_asks_them(no_engine: None, home: Path) -> None:
    old, young = (folder(home / f"home/index/results-{days}", days, "index.json") for days in (20, 1))
    with index._alone(young), index._reading(young):
        pass  # was asked
    assert removed(runs=True, older_than=14 * DAY) == set()
    assert removed(older_than=14 * DAY) == {"index results-20"}
    assert not old.exists()
    with index._alone(young), index._reading(young):
        assert ("kept", f"index results-1: {index.IN_USE}") in steps(environments=True)
    assert removed(environments=True) == {"index results-1"}
    assert not young.exists()


def test_one_run_with_its_containers(engine: PlayedEngine, home: Path) -> None:
    one, other = folder(home / "runs/20260101-1", 0), folder(home / "runs/20260101-11", 0)
    for id, where in (("mine", one), ("of-the-other", other)):
        # Of before the machine was started anew: nobody can tell whose it was.
        engine.container(id, "f1", kind="container", owner="another boot 1", work=f"{where}/cell/work")
        engine.made[-1].status = "exited"
    assert removed(run="20260101-1") == {"container name-of-mine", "run 20260101-1"}
    assert not one.exists()
    assert other.exists()
    assert_others_are_there(engine)


@pytest.mark.parametrize("id", ["", ".", "..", "../runs/1-1", "/", "1-2"])
def test_no_such_run(no_engine: None, home: Path, id: str) -> None:
    run = folder(home / "runs/1-1", 0)
    with pytest.raises(BadInput, match=r"no such run in .*; the newest are 1-1"):
        steps(run=id)
    assert run.exists()


def test_run_that_goes_on_is_not_removed(
    engine: PlayedEngine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder(home / "runs/1-17", 0)
    monkeypatch.setattr(orphans, "lives", lambda pid: pid == "17")
    with pytest.raises(BadInput, match="--run 1-17: it goes on: process 17; stop it first"):
        steps(run="1-17")
    assert run.exists()


def command(*arguments: str) -> Result:
    return CliRunner().invoke(clean_command, arguments)


def test_command_says_what_went(no_engine: None, home: Path) -> None:
    folder(home / "home/venvs/cell-1a", 0, venv.COMPLETE, size=4096)
    dry = command("--environments", "--dry-run").output
    assert "would remove venv cell-1a\n" in dry
    assert "1 things would be removed" in dry
    done = command("--environments").output
    assert "removed venv cell-1a\n" in done
    assert "did not look for images and build cache: no Docker engine answers at the local socket\n" in done
    assert "frees 12 KiB\n" in done
    assert "1 things removed" in done
    assert list((home / "home/venvs").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--older-than", "14 days"), "--older-than: '14 days' is no age"),
        (("--older-than", ""), "--older-than: '' is no age"),
        (("--keep-under", "20"), "--keep-under: '20' is no size"),
        (("--keep-under", ""), "--keep-under: '' is no size"),
        (("--run", "x"), "--run x: no such run in .*: there is none at all"),
    ],
)
def test_bad_values_are_one_sentence(no_engine: None, arguments: tuple[str, ...], said: str) -> None:
    done = command(*arguments)
    assert isinstance(done.exception, BadInput)
    with pytest.raises(BadInput, match=said):
        raise done.exception
    assert "\n" not in str(done.exception)
