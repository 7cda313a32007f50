"""What lies around samcheck and is not its own: options, folders, devices, the user's files."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from samcheck import files, paths, report
from samcheck.__main__ import cli
from samcheck.analysis.compare import noise
from samcheck.environments import docker
from samcheck.errors import BadInput, EnvironmentUnavailable
from samcheck.storage import disk_usage, results
from samcheck.storage.index import index
from tests.unit import made
from tests.unit.intruders import within


def invoked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", [report.TABLE, report.RECIPES, report.MEMORY])
@pytest.mark.parametrize("command", ["table", "merge"])
def test_no_table_takes_the_place_of_a_file_of_the_users(name: str, command: str, tmp_path: Path) -> None:
    """As where --results is a folder of a project, or empty by mistake, which is the current one."""
    store = tmp_path / "project"
    results.store(store, made.RESULT, "x")
    results.store(tmp_path / "others", made.RESULT, "x")
    (store / name).write_text("# My project\n")
    done = invoked(command, *([tmp_path / "others"] if command == "merge" else []), "--results", store)
    assert isinstance(done.exception, BadInput)
    assert "not made by samcheck: move it away" in str(done.exception)
    assert (store / name).read_text() == "# My project\n"


def test_each_table_is_known_as_samchecks_own(tmp_path: Path) -> None:
    results.store(tmp_path, made.RESULT, "x")
    report.write(tmp_path)
    report.write(tmp_path)
    assert all(report.MADE in text for text in report.documents(tmp_path).values() if text)


def test_a_folder_that_is_not_there_has_no_table(tmp_path: Path) -> None:
    done = invoked("table", "--results", tmp_path / "none")
    assert str(done.exception) == f"there is no folder {tmp_path / 'none'}"


def test_no_output_takes_the_place_of_a_device(tmp_path: Path) -> None:
    """For root, ``--output /dev/null`` would make that a file, for everybody."""
    results.store(tmp_path, made.RESULT, "x")
    os.mkfifo(tmp_path / "page")
    (tmp_path / "link").symlink_to("page")
    for name in ("page", "link"):
        done = invoked("html", tmp_path, "--output", tmp_path / name)
        assert "cannot be replaced by a file: it is a FIFO" in str(done.exception)
        assert (tmp_path / name).is_fifo()


@pytest.mark.parametrize(
    "arguments",
    [
        ["here", "--check-timeout", "nan"],
        ["here", "--check-timeout", "inf"],
        ["here", "--check-timeout", "1e10"],
        ["here", "--stop-after", "nan"],
        ["compare", "a", "b", "--alpha", "nan"],
        ["memory", "vit_b", "--kept", "nan"],
        ["interleave", "a", "b", "--seconds", "nan"],
        ["query", "x", "--rows", "9" * 30],
        ["matrix", "--jobs", "9" * 30],
        ["here", "--processes", "9" * 30],
    ],
)
def test_options_refuse_numbers_that_are_none(arguments: list[str]) -> None:
    done = invoked(*arguments)
    assert done.exit_code == 2
    assert "Invalid value for '--" in done.output


@pytest.mark.parametrize("command", ["html", "attribute"])
def test_where_nothing_can_be_read_it_is_said_why(command: str, tmp_path: Path) -> None:
    results.store(tmp_path, made.RESULT, "x").write_bytes(b"{}")
    done = invoked(command, tmp_path)
    assert isinstance(done.exception, BadInput)
    assert "not a samcheck result" in str(done.exception)


def test_a_name_cannot_begin_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "x\nsamcheck: all passed.json"
    with pytest.raises(BadInput) as missing:
        files.read(path)
    path.write_bytes(b"{}")
    with pytest.raises(BadInput) as none:
        results.read(path)
    assert "\n" not in f"{missing.value}{none.value}"


def test_clean_works_where_no_temporary_file_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a full disk, where it is needed most."""

    def full() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", full)
    monkeypatch.setenv("TMPDIR", "/full")
    assert disk_usage._temporary_place() == Path("/full")


@pytest.mark.parametrize("given", ["kept", "~nobody/kept"])
def test_a_relative_home_is_the_same_from_every_folder(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guests work in other folders; and to DuckDB a path that begins with ~ is in somebody's home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAMCHECK_HOME", given)
    assert paths.home() == tmp_path / given


@pytest.mark.parametrize("content", [b"[]", b"[" * 100_000, b'{"currentContext": {"a": 1}}', None])
def test_a_damaged_configuration_of_docker(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is a FIFO, for which the client would wait."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    path = tmp_path / "config.json"
    os.mkfifo(path) if content is None else path.write_bytes(content)
    with within(), pytest.raises(EnvironmentUnavailable, match=re.escape(str(path))):
        docker.connect()


@pytest.mark.parametrize("host", ["tcp://[::1", "tcp://127.0.0.1:99999"])
def test_an_address_of_an_engine_that_is_none(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(EnvironmentUnavailable, match="fix DOCKER_HOST"):
        docker.connect()


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_a_run_without_changes_has_numbers(value: str, tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    run = f'{{"started": "2026", "values": {{"x": [{value}]}}}}'
    path.write_text(f'{{"device": "d", "driver": "none", "cells": {{"c": [{run}]}}}}')
    with pytest.raises(BadInput, match="not a file of A/A runs"):
        noise.load(path)


def test_a_part_of_an_index_that_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    store = tmp_path / "store"
    results.store(store, made.RESULT, "x")
    with index.current(store, print) as before:
        part = before.cells[0]
    part.unlink()
    os.mkfifo(part)
    with within(), index.current(store, print) as after:
        assert after.results == 1
        assert all(path.is_file() for path in after.cells)
