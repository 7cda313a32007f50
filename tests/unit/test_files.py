"""Whatever lies where samcheck reads a file: one sentence, at once, and no more memory than is allowed."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from samcheck import files, matrix, paths, report
from samcheck.__main__ import cli
from samcheck.analysis.compare import noise, sources
from samcheck.errors import BadInput
from samcheck.facts import load
from samcheck.facts.target_machine import Machine
from samcheck.guest.record import DETAILS_LIMIT
from samcheck.matrix import selection
from samcheck.matrix.file import MAXIMUM_BYTES
from samcheck.matrix.selection import Choice
from samcheck.run import records
from samcheck.storage import disk_usage, left_out_cells, merge, results, runs
from samcheck.storage.index import index
from tests.unit import made
from tests.unit.intruders import INTRUDERS, within

each_intruder = pytest.mark.parametrize("intruder", INTRUDERS)


def put(intruder: str, path: Path) -> str:
    """Put something into the place of a file; what has to be said of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    make, said = INTRUDERS[intruder]
    make(path)
    return said


READERS: dict[str, Callable[[Path], object]] = {
    "result": results.read,
    "A/A runs": noise.load,
    "results to compare": lambda path: sources.read(str(path), path.parent),
    "matrix": lambda path: matrix.plan(path, load(), Machine()),
}


@each_intruder
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_one_sentence(intruder: str, reader: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    said = put(intruder, path)
    if reader == "A/A runs" and intruder == "nothing":
        return  # there are none
    if reader == "results to compare" and intruder in ("folder", "circle", "nothing"):
        said = ""  # a folder may hold results, and what does not exist may be a revision
    with within(), pytest.raises(BadInput) as refused:
        READERS[reader](path)
    assert said in str(refused.value)
    assert "Traceback" not in str(refused.value)
    assert reader == "matrix" or "\n" not in str(refused.value)


@each_intruder
def test_notes_that_cannot_be_read_are_as_if_there_were_none(intruder: str, tmp_path: Path) -> None:
    run, bisect, listed = (tmp_path / name / "note" for name in ("run", "bisect-1", "index"))
    for path, name in ((run, "run.json"), (bisect, runs.BISECT_FILE), (listed, index.LIST)):
        put(intruder, path.parent / name)
    with within():
        assert runs._noted(run.parent) is None
        assert not runs.is_run(run.parent)
        assert not runs.is_bisect(bisect.parent)
        assert index._listed(listed.parent) == {}
        assert index.root_of(listed.parent) == ""
        record = records.read(run.parent / "run.json")  # as a record: a check may put anything there
        assert record.lines == 0 or record.torn
        assert not record.finished
        assert len(records.tail(run.parent / "run.json")) <= DETAILS_LIMIT


@each_intruder
def test_results_with_something_else_among_them(intruder: str, tmp_path: Path) -> None:
    """The others count, and it is said."""
    good = results.store(tmp_path, made.RESULT, "x")
    put(intruder, good.with_name("other.json"))
    with within():
        text = report.write(tmp_path).read_text()
        merged = merge.merge([tmp_path], tmp_path / "merged")
        rows, problems = results.load(tmp_path)
    assert "other.json: " in text
    assert made.RESULT.cell.id in text
    assert len(merged.taken) == len(rows) == len(problems) == 1
    assert any("other.json: " in problem for problem in merged.problems)


@each_intruder
def test_questions_about_results_with_something_else_among_them(
    intruder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("duckdb")
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    good = results.store(tmp_path / "r", made.RESULT, "x")
    put(intruder, good.with_name("other.json"))
    arguments = ["query", "SELECT count(*) AS n FROM cells", "--csv", "--results", str(tmp_path / "r")]
    for _ in range(2):
        with within():
            done = CliRunner().invoke(cli, arguments)
        assert done.stdout == "n\n1\n"
        assert "other.json: " in done.stderr


@each_intruder
def test_a_note_of_what_was_left_out(intruder: str, tmp_path: Path) -> None:
    results.store(tmp_path, made.RESULT, "x")
    put(intruder, tmp_path / left_out_cells.LEFT_OUT)
    with within():
        text = report.write(tmp_path).read_text()
    assert intruder == "nothing" or "left-out.json: is not a list of left-out cells" in text


def test_a_table_that_is_no_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / report.TABLE)
    with within(), pytest.raises(BadInput, match="it is a FIFO"):
        report.stale(tmp_path)


def test_no_more_is_read_than_a_file_may_have(tmp_path: Path) -> None:
    """Neither at once, nor of one that says that it is empty."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in (tmp_path / "sparse", Path("/proc/self/mountinfo")):
        if path.name == "sparse":
            put("terabyte", path)
        with pytest.raises(BadInput, match="it has more than 9 bytes"):
            files.read(path, 9)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024
    (tmp_path / "nine").write_bytes(b"x" * 9)
    assert files.read(tmp_path / "nine", 9) == b"x" * 9


MATRICES = {
    "a 5000-digit integer": (b"wanted = " + b"1" * 5000, "a number in it has thousands of digits"),
    "a 5000-digit number in hexadecimal": (b"wanted = 0x" + b"f" * 5000, "wanted: Input should be less than"),
    "such a number as a value": (b"[axes]\ntorch = [0x" + b"f" * 5000 + b"]", "axes.torch: Value error, put"),
    "such a number as a strategy": (b"strategy = 0x" + b"f" * 5000, "strategy: Input should be"),
    "nested arrays": (b"a = " + b"[" * 100_000, "it is nested too deeply"),
    "nested tables": (b"a = " + b"{a = " * 50_000, "it is nested too deeply"),
    "a key of many parts": (b"a" + b".a" * 450_000 + b" = 1", "a key in it has more than 64 parts"),
    "a table of many parts": (b"[a" + b" . 'b'" * 150_000 + b"]", "a key in it has more than 64 parts"),
    "NUL": (b'a = "\0"', "not TOML: Illegal character"),
    "no UTF-8": (b'a = "\xe9"', "not TOML: 'utf-8' codec can't decode"),
    "UTF-16": ("a = 1".encode("utf-16"), "not TOML: 'utf-8' codec can't decode"),
    "too much": (b"#" * (MAXIMUM_BYTES + 1), "it has more than 1000000 bytes"),
    "infinity": (b"wanted = inf", "wanted: Input should be a valid integer, not inf"),
    "a date that is none": (b"wanted = 9999-99-99", "not TOML: Expected newline"),
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_that_cannot_be(name: str, tmp_path: Path) -> None:
    content, said = MATRICES[name]
    (tmp_path / "x.toml").write_bytes(content)
    with within(), pytest.raises(BadInput) as refused:
        selection.whole(Choice(tmp_path / "x.toml"), Machine())
    assert said in str(refused.value)
    assert all(line.startswith(("x.toml: ", str(tmp_path))) for line in str(refused.value).splitlines())


def test_decoration_is_no_key_of_many_parts() -> None:
    text = f'# {"." * 200}\nreason = "{"so on ... " * 100}"\n[a.b.c]\n"d.e".f = 1\n'
    assert files.parsed_toml(text.encode())["a"]["b"]["c"] == {"d.e": {"f": 1}}


@pytest.mark.parametrize("path", ["..", "/", "/dev/null", "/proc/self/mem", "."])
def test_a_matrix_that_is_no_file(path: str) -> None:
    with within(), pytest.raises(BadInput, match=f"{re.escape(path)}: cannot be read: "):
        selection.whole(Choice(Path(path)), Machine())


@pytest.mark.parametrize(
    "content", [b"\xff", b"[" * 10**6, b"1" * 5000, b'{"a": NaN', b"", "[]".encode("utf-16")]
)
def test_json_that_cannot_be_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^") as refused:
        files.parsed_json(content if content[:2] != b"\xff\xfe" else b"\0" + content)
    assert "set_int_max" not in str(refused.value)


def test_frozen_packages_of_another_machine_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "has").write_bytes(b"numpy==1.0\n\xff")
    done = CliRunner().invoke(cli, ["carry", "--has", str(tmp_path / "has"), str(tmp_path / "new")])
    assert isinstance(done.exception, BadInput)
    assert "it is not UTF-8" in str(done.exception)


def test_questions_that_are_no_text() -> None:
    done = CliRunner().invoke(cli, ["query", "-"], input=b"SELECT '\xff'")
    assert "the question is not UTF-8" in str(done.exception)
    done = CliRunner().invoke(cli, ["query", "-"], input=b"x" * 1_000_001)
    assert "the question has more than" in str(done.exception)


# Writing.


def test_drafts_of_others_are_not_swept(tmp_path: Path) -> None:
    """A file of the user's that looks like one, in a folder that a table is written to."""
    others = [tmp_path / ".notes.draft", tmp_path / ".x.draft"]
    for path in others:
        path.write_text("mine")
    os.mkfifo(tmp_path / f".y.1{files.DRAFT}")
    (tmp_path / f".z.1{files.DRAFT}").symlink_to(others[0])
    with within():
        files.write_atomically(tmp_path / "x", b"x")
    assert [path.read_text() for path in others] == ["mine", "mine"]


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127 + "x")
    files.write_atomically(path, b"x")
    assert path.read_bytes() == b"x"


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without $HOME and without a line in /etc/passwd."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    for name in ("SAMCHECK_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert files.home() is None
    with pytest.raises(BadInput, match="no home folder: set SAMCHECK_HOME"):
        paths.home()
    assert disk_usage.oracle_folder() == Path("~/.cache/samcheck/oracle")
