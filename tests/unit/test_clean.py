"""What is removed is what was asked for, is samcheck's, and is not in use."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from samcheck import owned, paths
from samcheck.commands.disk import clean_command
from samcheck.environments import docker, orphans, venv
from samcheck.errors import BadInput, EnvironmentUnavailable
from samcheck.storage import clean, disk_usage
from samcheck.storage.clean import CleanRequest
from samcheck.storage.index import index
from tests.unit.engine_answers import STEP, ImageAnswers, client, container, image, record, refusal, usage

NOW = 1_800_000_000.0
DAY = 86400
#: A process number that Linux never gives.
DEAD = orphans.owner(2**22 + 1)
Serve = Callable[..., Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAMCHECK_CACHE", str(tmp_path / "oracle"))
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(disk_usage, "TEMPORARY", ())
    monkeypatch.setattr(disk_usage, "_commands", lambda: iter(()))
    return tmp_path


#: Of others; no test may find one of these among what was removed.
FOREIGN_IMAGES = (
    image("f1", "python:3.11", {"python": 30}),
    image("f2", "mine:on-a-cell", {"base": 10, "mine": 1}, {"samcheck.kind": "image"}),
)
FOREIGN_CONTAINER = container("foreign", "f1")
FOREIGN_RECORD = record("foreign", 8, "mount / from exec /bin/sh -c make")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Has an engine answer that holds these, and things of others; what it is asked to remove goes."""

    def serve(
        images: Sequence[ImageAnswers] = (),
        containers: Sequence[dict[str, Any]] = (),
        cache: Sequence[dict[str, Any]] = (),
    ) -> Any:
        engine = client(
            [*FOREIGN_IMAGES, *images], [FOREIGN_CONTAINER, *containers], [FOREIGN_RECORD, *cache]
        )
        engine.api.prune_builds.side_effect = lambda filters, **_: {"CachesDeleted": ids(filters)}
        monkeypatch.setattr(docker, "connect", lambda: engine)
        return engine.api

    return serve


def ids(filters: dict[str, str]) -> list[str]:
    """The records of the cache that a prune is about: never all, which no filter would mean."""
    assert filters.keys() == {"id"}
    match = re.fullmatch(r"\^\((\w+(\|\w+)*)\)\$", filters["id"])
    assert match
    return match[1].split("|")


def taken(api: Any) -> set[str]:
    """All that the engine was asked to remove."""
    images = [call.args[0] for call in api.remove_image.call_args_list]
    containers = [call.args[0] for call in api.remove_container.call_args_list]
    pruned = [id for call in api.prune_builds.call_args_list for id in ids(call.kwargs["filters"])]
    assert all("force" not in call.kwargs for call in api.remove_image.call_args_list)
    return {*images, *containers, *pruned}


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise EnvironmentUnavailable("no Docker engine answers at the local socket", "start one")

    monkeypatch.setattr(docker, "connect", none)


def ago(days: float) -> str:
    """A time as engines write it."""
    return datetime.datetime.fromtimestamp(NOW - days * DAY, datetime.UTC).isoformat()


def cell(name: str, days: float = 0, size: int = 50, tags: str = "") -> ImageAnswers:
    """An image of samcheck's on the one base, last used so many days ago."""
    labels = {"samcheck.kind": "image", "samcheck.cell": name}
    return image(name, f"samcheck:{name}{tags}", {"base": 10, name: size}, labels, tagged=ago(days))


def folder(path: Path, days: float, file: str = "run.json", size: int = 0) -> Path:
    """One that samcheck made."""
    owned.make(path)
    (path / file).write_bytes(b"x" * size)
    for marked in (path / file, path / owned.MARK, path):
        os.utime(marked, (NOW - days * DAY,) * 2)
    return path


def steps(**wanted: object) -> list[tuple[str, str]]:
    return [(step.done, step.what) for step in clean.clean(CleanRequest(**wanted), NOW)]  # type: ignore[arg-type]


def removed(**wanted: object) -> set[str]:
    return {what for done, what in steps(**wanted) if done == "removed"}


def test_alone_only_forgotten_containers_go(serve: Serve, home: Path) -> None:
    run = folder(home / "runs/1-1", 99)
    owners = {"dead": DEAD, "alive": orphans.owner(os.getpid()), "unseen": "another boot 1"}
    made = [container(id, "a", kind="container", owner=owner) for id, owner in owners.items()]
    api = serve([cell("a")], [*made, container("inherits", "a", kind="image")])
    assert removed() == {"container name-of-dead"}
    assert taken(api) == {"dead"}
    assert run.exists()


def test_environments_go_with_their_share_of_the_cache(serve: Serve, home: Path) -> None:
    built = record("a1", 50, f"mount / from exec {STEP}", Shared=True)
    cache = [record("parent", 3), record("child", 3, Parent="parent")]
    cache.append(record("wheels", 9, f"cached mount {STEP}", Type="exec.cachemount"))
    api = serve([cell("a")], cache=[*cache, built])
    # The engine removes what nothing is built on; the image's own layers are nobody's once it is gone.
    before, after = (
        api.df.return_value,
        usage([FOREIGN_CONTAINER], [FOREIGN_RECORD, {**built, "Shared": False}]),
    )
    api.df.side_effect = [before, after]
    api.prune_builds.side_effect = [
        {"CachesDeleted": ["child", "wheels"]},
        {"CachesDeleted": ["parent"]},
        {"CachesDeleted": ["a1"]},
    ]
    whole = folder(home / "home/venvs/cell-1a", 0, venv.COMPLETE)
    half = folder(home / "home/venvs/cell-2b", 0, "half")
    run = folder(home / "runs/1-1", 0)
    assert removed(environments=True) == {
        "image samcheck:a",
        "venv cell-1a",
        "unfinished cell-2b",
        "cache wheels shared by builds",
        "cache layer outside any image (2)",
        "cache layer outside any image",  # that of the image, once it is gone
    }
    assert taken(api) == {"samcheck:a", "parent", "child", "wheels", "a1"}
    assert not whole.exists()
    assert not half.exists()
    assert run.exists()


def test_what_the_engine_does_not_remove_from_its_cache_is_said(serve: Serve) -> None:
    api = serve(cache=[record("needed", 3)])
    api.prune_builds.side_effect = None
    api.prune_builds.return_value = {"CachesDeleted": None}
    assert ("kept", "cache layer outside any image: the engine still needs it") in steps(environments=True)


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
    serve: Serve, home: Path, wanted: dict[str, object]
) -> None:
    dead = container("dead", "b", kind="container", owner=DEAD)
    api = serve([cell("a", 20), cell("b", 5)], [dead], [record("old", 3)])
    folder(home / "home/venvs/cell-1a", 20, venv.COMPLETE)
    folder(home / "runs/1-1", 20)
    before = sorted(home.rglob("*"))
    said = {what for done, what in steps(dry_run=True, **wanted) if done == "would remove"}
    assert said
    assert taken(api) == set()
    assert sorted(home.rglob("*")) == before
    assert said == removed(**wanted)


def test_older_than_goes_by_last_use(serve: Serve, home: Path) -> None:
    cache = [record("old", 3, LastUsedAt=ago(15)), record("new", 3, LastUsedAt=ago(13))]
    api = serve([cell("old", 15), cell("new", 13)], cache=cache)
    folder(home / "home/venvs/old-1a", 15, venv.COMPLETE)
    folder(home / "home/venvs/new-2b", 13, venv.COMPLETE)
    folder(home / "runs/1-1", 15)
    folder(home / "runs/2-2", 13)
    assert removed(older_than=14 * DAY) == {
        "image samcheck:old",
        "venv old-1a",
        "run 1-1",
        "cache layer outside any image",
    }
    assert taken(api) == {"samcheck:old", "old"}


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


def test_keep_under_takes_the_oldest_and_stops(serve: Serve) -> None:
    left = [cell("a", 1, size=100), cell("c", 2, size=100)]
    api = serve([*left, cell("b", 3, size=100)])
    done = steps(keep_under=215, environments=True)
    assert ("removed", "image samcheck:b") in done
    assert ("frees", "100 B; 10 B stay, held by others such as uv's wheel cache") in done
    assert taken(api) == {"samcheck:b"}
    api = serve(left)
    steps(keep_under=215)
    assert taken(api) == set()


def test_keep_under_says_when_it_cannot(serve: Serve) -> None:
    api = serve([cell("a", 1)], [container("of-others", "a")])
    assert ("leaves", "60 B, in use or not selected") in steps(keep_under=10)
    assert taken(api) == set()


def test_what_is_in_use_is_kept_and_said(serve: Serve, home: Path) -> None:
    serve([cell("a", 20)], [container("of-others", "a")])
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
    assert ("kept", "run 1-17: it is running: process 17") in steps(runs=True)
    assert (on.exists(), over.exists()) == (True, False)


def test_what_is_held_is_not_counted_as_gone(serve: Serve) -> None:
    serve([cell("held", 9, size=100), cell("free", 1, size=100)], [container("of-others", "held")])
    assert "image samcheck:free" in removed(keep_under=150)


def test_old_images_take_no_younger_cache_with_them(serve: Serve) -> None:
    api = serve([cell("old", 15)], cache=[record("failed", 3, LastUsedAt=ago(0))])
    assert "image samcheck:old" in removed(older_than=14 * DAY)
    assert taken(api) == {"samcheck:old"}


def test_a_container_that_came_in_between_keeps_its_image(serve: Serve) -> None:
    """The engine itself refuses; samcheck never insists."""
    api = serve([cell("a", 20)])
    api.remove_image.side_effect = refusal("image is being used by a container")
    assert ("kept", "image samcheck:a: image is being used by a container") in steps(environments=True)
    assert taken(api) == {"samcheck:a"}


def test_a_name_of_somebody_else_stays(serve: Serve) -> None:
    api = serve([cell("a", tags=" mine:a")])
    assert "image samcheck:a" in removed(environments=True)
    assert taken(api) == {"samcheck:a"}


def test_old_engine_keeps_its_cache(serve: Serve) -> None:
    """It would take the filter for none, and prune everything."""
    api = serve(cache=[record("old", 3)])
    api.api_version = "1.40"
    assert any("too old to remove single records" in what for done, what in steps(environments=True))
    assert not api.prune_builds.called


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


def test_one_run_with_its_containers(serve: Serve, home: Path) -> None:
    one, other = folder(home / "runs/20260101-1", 0), folder(home / "runs/20260101-11", 0)
    # Of before the machine was started anew: nobody can tell whose they were.
    known = {"kind": "container", "owner": "another boot 1"}
    mine = container("mine", "f1", "exited", work=f"{one}/cell/work", **known)
    api = serve(containers=[mine, container("other", "f1", "exited", work=f"{other}/cell/work", **known)])
    assert removed(run="20260101-1") == {"container name-of-mine", "run 20260101-1"}
    assert taken(api) == {"mine"}
    assert not one.exists()
    assert other.exists()


@pytest.mark.parametrize("id", ["", ".", "..", "../runs/1-1", "/", "1-2"])
def test_a_run_that_is_not_there_is_refused(no_engine: None, home: Path, id: str) -> None:
    run = folder(home / "runs/1-1", 0)
    with pytest.raises(BadInput, match=r"no such run in .*; the newest are 1-1"):
        steps(run=id)
    assert run.exists()


def test_run_that_goes_on_is_not_removed(serve: Serve, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve()
    run = folder(home / "runs/1-17", 0)
    monkeypatch.setattr(orphans, "lives", lambda pid: pid == "17")
    with pytest.raises(BadInput, match="--run 1-17: it is running: process 17; stop it first"):
        steps(run="1-17")
    assert run.exists()


def command(*arguments: str) -> Result:
    return CliRunner().invoke(clean_command, arguments)


def test_command_says_what_went(no_engine: None, home: Path) -> None:
    folder(home / "home/venvs/cell-1a", 0, venv.COMPLETE, size=4096)
    dry = command("--environments", "--dry-run").output
    assert "would remove venv cell-1a\n" in dry
    assert "1 item would be removed" in dry
    done = command("--environments").output
    assert "removed venv cell-1a\n" in done
    assert "did not look for images and build cache: no Docker engine answers at the local socket\n" in done
    assert "frees 12 KiB\n" in done
    assert "1 item removed" in done
    assert list((home / "home/venvs").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--older-than", "14 days"), "--older-than: '14 days' is not a duration"),
        (("--older-than", ""), "--older-than: '' is not a duration"),
        (("--keep-under", "20"), "--keep-under: '20' is not a size"),
        (("--keep-under", ""), "--keep-under: '' is not a size"),
        (("--run", "x"), "--run x: no such run in .*: there are none"),
    ],
)
def test_bad_values_are_one_sentence(no_engine: None, arguments: tuple[str, ...], said: str) -> None:
    done = command(*arguments)
    assert isinstance(done.exception, BadInput)
    with pytest.raises(BadInput, match=said):
        raise done.exception
    assert "\n" not in str(done.exception)
