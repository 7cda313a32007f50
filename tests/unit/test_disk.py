"""What takes how much: shared bytes count once, and nothing of others is counted as samcheck's."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from docker.errors import APIError
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from samcheck import owned, paths, units
from samcheck.cells import Cell
from samcheck.commands.disk import disk_command
from samcheck.environments import disk_items, docker, engine_storage, images, orphans, venv
from samcheck.environments.disk_items import Item
from samcheck.errors import BadInput, EnvironmentUnavailable
from samcheck.facts.requirements import NOTHING
from samcheck.storage import disk_usage
from samcheck.storage.index import index
from tests.unit.engine_answers import STEP, client, container, image, record, refusal, usage

DAY = 86400.0
OURS = {"samcheck.kind": "image"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of samcheck's own, all empty."""
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SAMCHECK_CACHE", str(tmp_path / "oracle"))
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(disk_usage, "TEMPORARY", ((tmp_path, "samcheck-build-*"),))
    monkeypatch.setattr(disk_usage, "_commands", lambda: iter(()))
    return tmp_path


def own(folder: Path) -> Path:
    """One that samcheck made."""
    owned.make(folder)
    return folder


def put(path: Path, size: int = 4096) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


# Sums and choices.


def item(name: str, used: float, **parts: int) -> Item:
    return Item("venv", name, name, dict(parts.items()), used)


def test_shared_parts_count_once_and_free_nothing_alone() -> None:
    one, other = item("one", 1, base=10, own=1), item("other", 2, base=10, more=2)
    assert disk_items.total([one, other]) == 13
    assert disk_items.frees([one, other]) == [1, 2]
    assert disk_items.freed([one], [other]) == 1
    assert disk_items.freed([one, other], []) == 13


def test_oldest_goes_first_and_no_more_than_needed() -> None:
    items = [item("new", 3, a=10), item("old", 1, b=10), item("older", 0, c=10)]
    assert [item.name for item in disk_items.excess(items, items, 20)] == ["older"]
    assert [item.name for item in disk_items.excess(items, items, 19)] == ["older", "old"]
    assert disk_items.excess(items, items, 30) == []


def test_what_cannot_go_is_counted_all_the_same() -> None:
    items = [item("held", 0, a=10), item("free", 1, b=10)]
    assert [item.name for item in disk_items.excess(items, items[1:], 5)] == ["free"]


ITEMS = st.lists(
    st.builds(
        Item,
        kind=st.just("image"),
        name=st.just(""),
        key=st.just(""),
        parts=st.dictionaries(st.integers(0, 8), st.just(5), max_size=5),
        used=st.floats(0, 10),
    ),
    max_size=7,
)


@given(ITEMS, st.integers(0, 60), st.data())
def test_excess_is_enough_and_in_order(items: list[Item], limit: int, data: st.DataObject) -> None:
    removable = [item for item in items if data.draw(st.booleans())]
    chosen = disk_items.excess(items, removable, limit)
    gone = {id(item) for item in chosen}
    left = [item for item in items if id(item) not in gone]
    assert disk_items.total(left) <= limit or len(chosen) == len(removable)
    assert [item.used for item in chosen] == sorted(item.used for item in removable)[: len(chosen)]
    if chosen:
        assert disk_items.total([*left, chosen[-1]]) > limit
    assert disk_items.total(items) - disk_items.total(left) == disk_items.freed(chosen, left)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90m", 5400), ("1h", 3600), ("14d", 14 * 86400), ("2w", 1209600)]
)
def test_an_age_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert units.seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "14", "d", "0d", "-1d", "1.5d", "14 d", "14D", "1d2h", "9999999d", "１４d"]
)
def test_what_is_no_age_is_said(text: str) -> None:
    with pytest.raises(BadInput, match="is not a duration: write a whole number"):
        units.seconds(text)


@pytest.mark.parametrize(
    ("text", "count"), [("20GiB", 20 * 2**30), ("1.5 gib", 3 * 2**29), ("500MB", 500_000_000), ("0B", 0)]
)
def test_a_size_is_a_number_and_a_unit(text: str, count: int) -> None:
    assert units.size(text) == count


@pytest.mark.parametrize(
    "text", ["", " ", "20", "20 ", "GiB", "-1GiB", "1e3", "20XB", "nanGiB", "much", "1,5GiB", "1 000GiB"]
)
def test_what_is_no_size_is_said(text: str) -> None:
    with pytest.raises(BadInput, match="is not a size: write a number and a unit"):
        units.size(text)


def test_bytes_and_ages_for_people() -> None:
    assert [units.readable(count) for count in (0, 1023, 2**20, 3 * 2**29)] == [
        "0 B",
        "1023 B",
        "1 MiB",
        "1.5 GiB",
    ]
    assert [units.ago(age) for age in (0, 60, 7200, 3 * DAY)] == ["just now", "1 minute", "2 hours", "3 days"]


# The engine.


def test_every_command_of_the_dockerfile_marks_its_cache() -> None:
    """What BuildKit calls the results of a recipe's steps is the text of the steps."""
    recipe = (paths.ROOT / "dockerfiles" / images.DOCKERFILE).read_text(encoding="utf-8")
    steps = [step.partition("\n\n")[0] for step in recipe.replace("\\\n", " ").split("\nRUN ")[1:]]
    assert steps
    for step in steps:
        assert engine_storage.COMMAND.search(step.partition("\n")[0]), step


def test_images_of_others_are_not_samchecks() -> None:
    ours, base = {"samcheck.kind": "image", "samcheck.cell": "cell"}, {"samcheck.kind": "base"}
    items = engine_storage.look(
        client(
            [
                image("1", "samcheck:cell-abc", {"base": 100, "torch": 50}, ours),
                image("2", "samcheck-base:bookworm", {"base": 100}, base),
                image("3", "samcheck:unlabelled", {"x": 1}),
                image("4", "mine:built-on-a-cell", {"base": 100, "torch": 50, "mine": 5}, ours),
                image("5", "mine:built-on-a-base", {"base": 100, "mine": 5}, base),
                image("6", "", {"base": 100, "torch": 50, "mine": 6}, ours, step="/bin/sh -c make mine"),
                image("7", "", {"base": 100, "old": 40}, ours),
                image("8", "", {"base": 100, "mine": 6}, base),
            ]
        )
    )
    assert {item.key for item in items} == {"samcheck:cell-abc", "samcheck-base:bookworm", "7"}
    assert disk_items.total(items) == 190
    # What others built on it holds the layers: only that of the image without a name comes back.
    assert disk_items.freed(items, []) == 40


@pytest.mark.parametrize("step", [STEP, "ENV also made a layer, says this engine"])
def test_layers_without_bytes_do_not_shift_the_others(step: str) -> None:
    one, other = {"empty": 0, "base": 100, "torch": 50}, {"empty": 0, "base": 100, "other": 30}
    images = [
        image(id, f"samcheck:{id}", layers, OURS, step=step) for id, layers in (("1", one), ("2", other))
    ]
    items = engine_storage.look(client(images))
    assert [item.size for item in items] == [150, 130]
    assert disk_items.total(items) == 180


def test_layers_without_bytes_may_lie_on_top() -> None:
    images = [image("1", "samcheck:a", {"base": 100, "empty": 0}, OURS), image("2", "mine:b", {"base": 100})]
    (item,) = engine_storage.look(client(images))
    assert disk_items.freed([item], []) == 0


def test_a_base_is_used_when_an_image_on_it_is() -> None:
    base = image("1", "samcheck-base:trixie", {"base": 1}, {"samcheck.kind": "base"})
    cell = image("2", "samcheck:a", {"base": 1, "a": 2}, OURS, tagged="2026-03-01T00:00:00.123456789Z")
    below, above = engine_storage.look(client([base, cell]))
    assert below.used == above.used


def test_a_name_that_somebody_gave_keeps_the_bytes() -> None:
    (item,) = engine_storage.look(client([image("1", "samcheck:a mine:a", {"a": 2}, OURS)]))
    assert (item.key, item.size, disk_items.freed([item], [])) == ("samcheck:a", 2, 0)


def test_only_own_records_of_the_cache_are_counted_and_no_bytes_of_an_image_twice() -> None:
    wheels = f"cached mount /var/cache/uv from exec {STEP}"
    cache = [
        record("layer", 2, f"mount / from exec {STEP}", Shared=True),
        record("old", 3, f"mount / from exec {STEP}"),
        record("wheels", 4, wheels, Type="exec.cachemount", InUse=True),
        record("foreign", 5, "mount / from exec /bin/sh -c /opt/venv/bin/pip install x"),
        record("context", 6, "local source for context"),
    ]
    items = engine_storage.look(client(cache=cache))
    assert {(item.kind, item.key, item.size, item.held) for item in items} == {
        ("cache", "old", 3, ""),
        ("cache", "wheels", 4, "a build uses it"),
    }


def test_engine_that_measures_for_somebody_else_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = client()
    busy = refusal("a disk usage operation is already running")
    engine.api.df.side_effect = [busy, busy, usage([], []), refusal("no space left on device")]
    monkeypatch.setattr(engine_storage, "WAIT_SECONDS", 0)
    assert engine_storage.look(engine) == []
    with pytest.raises(APIError, match="no space left"):
        engine_storage.look(engine)


@pytest.mark.parametrize("method", ["df", "remove_image", "prune_builds"])
def test_the_engine_gets_time_to_count_and_remove_gigabytes(method: str) -> None:
    engine = client()
    given: list[float] = []

    def answer(*_: object, **__: object) -> dict[str, Any]:
        given.append(engine.api.timeout)
        return usage([], [])

    setattr(engine.api, method, answer)
    engine_storage.measured(engine)
    engine_storage.remove_image(engine, "samcheck:a")
    engine_storage.remove_cache(engine, ["x"])
    assert given == [engine_storage.PATIENCE_SECONDS]
    assert engine.api.timeout == 60


def test_containers_hold_their_images_unless_they_are_forgotten() -> None:
    images = [image(id, f"samcheck:{id}", {id: 1}, OURS) for id in "12"]
    others = container("of-others", "1")
    dead = container("forgotten", "2", kind="container", owner=orphans.owner(2**22 + 1), work="/runs/of/2")
    engine = client(images, [others, dead])
    items = {item.key: item for item in engine_storage.look(engine)}
    assert items["samcheck:1"].held == "a container uses it"
    assert not items["samcheck:2"].held
    assert (items["forgotten"].kind, items["forgotten"].size) == ("container", 7)
    assert engine_storage.working(engine) == []
    working = container("at-work", "2", kind="container", owner="another boot 17", work="/runs/here")
    assert engine_storage.working(client(images, [others, dead, working])) == ["/runs/here"]
    asked = [call.kwargs["filters"] for call in engine.api.containers.call_args_list]
    assert asked == [{"label": "samcheck.kind=container"}] * 2


# Folders.


def test_files_that_environments_share_count_once(home: Path) -> None:
    wheel = put(home / "home/venvs/one-1a/lib/torch.so", 8192)
    os.link(wheel, put(home / "home/venvs/two-2b/lib/x").with_name("torch.so"))
    cached = put(home / "uv/numpy.so", 8192)
    os.link(cached, home / "home/venvs/one-1a/lib/numpy.so")
    for name in ("one-1a", "two-2b"):
        put(home / "home/venvs" / name / venv.COMPLETE, 0)
    one, two = disk_usage.folders([])
    assert (one.kind, one.cell, two.cell) == ("venv", "one", "two")
    assert disk_items.total([one, two]) == one.size + two.size - 8192
    assert disk_items.outside([one, two]) == 8192
    assert disk_items.freed([one, two], []) == disk_items.total([one, two]) - 8192
    assert disk_items.freed([one], [two]) == one.size - 2 * 8192


def test_use_is_the_time_of_the_marker_not_of_the_files(home: Path) -> None:
    put(home / "home/venvs/cell-1a/new")
    os.utime(put(home / "home/venvs/cell-1a" / venv.COMPLETE, 0), (1, 1000))
    (item,) = disk_usage.folders([])
    assert item.used == 1000


def test_preparing_what_is_there_notes_its_use(home: Path) -> None:
    cell = Cell("2.8.0", "cu128", "3.11")
    place = venv.Venv().folder(cell, NOTHING)
    os.utime(put(place / venv.COMPLETE, 0), (1, 1000))
    venv.Venv().prepare(cell, NOTHING, home / "log")
    (item,) = disk_usage.folders([])
    assert (item.key, item.cell) == (str(place), cell.id)
    assert item.used > 1000


def test_folder_with_a_mount_in_it_is_held(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed debootstrap leaves one with /proc in it."""
    put(own(home / "samcheck-build-x1") / "proc/1")
    real = disk_usage._files

    def files(folder: Path) -> Iterator[os.stat_result]:
        for at, status in enumerate(real(folder)):
            values = list(status)
            values[stat.ST_DEV] += at
            yield os.stat_result(values, {"st_blocks": 8})

    monkeypatch.setattr(disk_usage, "_files", files)
    (item,) = disk_usage.folders([])
    assert item.held == "another file system is mounted in it"


def test_samcheck_does_not_hold_what_it_was_called_about() -> None:
    assert " ".join(psutil.Process().cmdline()) not in list(disk_usage._commands())


def test_unfinished_builds_are_told(home: Path) -> None:
    put(own(home / "home/venvs/cell-1a") / "bin/python")
    put(own(home / "samcheck-build-x1") / "uv")
    (home / "samcheck-build-link").symlink_to(home / "home")
    assert [(item.kind, item.name) for item in disk_usage.folders([])] == [
        ("unfinished", "cell-1a"),
        ("unfinished", "samcheck-build-x1"),
    ]


def test_what_is_at_work_is_held(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cell-1a", "cell-2b", "cell-3c"):
        put(home / "home/venvs" / name / venv.COMPLETE, 0)
    for name in ("20260101-000000-1", "20260102-000000-2", "20260103-000000-3"):
        put(own(home / "runs" / name) / "run.json")
    python = f"{home}/home/venvs/cell-1a/bin/python -m pytest"
    monkeypatch.setattr(disk_usage, "_commands", lambda: iter([python]))
    monkeypatch.setattr(orphans, "lives", lambda pid: pid == "2")
    with FileLock(f"{home}/home/venvs/cell-2b.lock"):
        items = disk_usage.folders([f"{home}/runs/20260103-000000-3/cell/work"])
    assert {item.name: item.held for item in items} == {
        "cell-1a": "a process is using it",
        "cell-2b": "it is being built",
        "cell-3c": "",
        "20260101-000000-1": "",
        "20260102-000000-2": "it is running: process 2",
        "20260103-000000-3": "a process is using it",
    }


def test_an_index_says_of_which_results_it_is_and_whether_it_is_asked(home: Path) -> None:
    folder = own(home / "home" / "index" / "results-0123")
    put(folder / "part.parquet")
    put(folder / "index.json").write_text('{"root": "/some/results"}')
    os.utime(folder / "index.json", (2e9, 2e9))
    (item,) = disk_usage.folders([])
    assert (item.kind, item.name, item.used, item.held) == (
        *("index", "results-0123, of /some/results", 2e9),
        "",
    )
    with index._alone(folder), index._reading(folder):
        (item,) = disk_usage.folders([])
        assert item.held == index.IN_USE
    (folder / "index.json").write_text("torn")
    (item,) = disk_usage.folders([])
    assert (item.name, item.held) == ("results-0123", "")


def test_oracle_folder_is_the_guests_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The rule stands in the guest too, which imports nothing of the host."""
    cache = pytest.importorskip("samcheck.guest.oracle.store")
    for name, value in (("SAMCHECK_CACHE", tmp_path / "own"), ("XDG_CACHE_HOME", tmp_path / "xdg")):
        monkeypatch.delenv("SAMCHECK_CACHE", raising=False)
        monkeypatch.setenv(name, str(value))
        cache.folder.cache_clear()
        assert disk_usage.oracle_folder() == cache.folder()
    cache.folder.cache_clear()


# The command.


def test_all_is_shown_with_sums(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = image("1", "samcheck:cell-abc", {"a": 2**30}, {**OURS, "samcheck.cell": "cell"})
    engine = client([cell], cache=[record("wheels", 2**29, f"cached mount {STEP}", Type="exec.cachemount")])
    monkeypatch.setattr(docker, "connect", lambda: engine)
    put(own(home / "runs/20260101-000000-1") / "run.json")
    put(home / "oracle" / f"{'0' * 64}.npz")
    shown = CliRunner().invoke(disk_command, []).output
    assert "images: 1.0 GiB\n" in shown
    assert "samcheck:cell-abc\n" in shown
    assert "in all: 1.5 GiB" in shown
    read = json.loads(CliRunner().invoke(disk_command, ["--json"]).output)
    assert read["no_engine"] == ""
    assert read["bytes"] == sum(item["bytes"] for item in read["items"]) == sum(read["groups"].values())
    assert {item["kind"] for item in read["items"]} == {"image", "cache", "run", "oracle"}


def test_without_an_engine_the_rest_is_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise EnvironmentUnavailable("no Docker engine answers at the local socket", "start one")

    monkeypatch.setattr(docker, "connect", none)
    put(own(home / "runs/20260101-000000-1") / "run.json")
    shown = CliRunner().invoke(disk_command, []).output
    assert (
        "images, build cache and containers: unknown, no Docker engine answers at the local socket" in shown
    )
    assert "20260101-000000-1" in shown
