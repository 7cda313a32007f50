"""Foreign text is shown by every output, and obeyed by none."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from rich.console import Console

from samcheck.__main__ import cli
from samcheck.analysis.query.output import SHOWN
from samcheck.errors import BadInput
from samcheck.facts import load
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult
from samcheck.matrix import LeftOut
from samcheck.report import exports, lookup, markdown, memory_table, recipes_table, table_rows, terminal
from samcheck.report.exports import github_workflow, json_document
from samcheck.report.exports.csv_rows import FORMULA
from samcheck.run import reproduce
from samcheck.sanitize import visible
from samcheck.storage import results
from samcheck.storage.index.check_rows import COLUMNS
from samcheck.storage.results import Stored
from tests.unit import hostile

#: For what does not hang on which of them it is.
ALL = " ".join(text for name, text in hostile.TEXTS.items() if name != "huge")
SINGLY = list(hostile.planted_singly(ALL))

#: What a table is made of.
TAGS = {
    *("h1", "h2", "h3", "p", "ul", "ol", "li", "code", "sup", "br", "table", "thead", "tbody", "tr"),
    "th",
}
TAGS |= {"td", "hr", "a", "details", "summary"}

each_text = pytest.mark.parametrize("text", hostile.TEXTS.values(), ids=hostile.TEXTS)
each_field = pytest.mark.parametrize("result", [row for _, row in SINGLY], ids=[name for name, _ in SINGLY])


def stored(result: CellResult, text: str = "cpu") -> Stored:
    return Stored(text, text, result)


def export(name: str, *rows: Stored, problems: tuple[str, ...] = ()) -> bytes:
    stream = io.BytesIO()
    unreadable = [results.UnreadableFile(text, text) for text in problems]
    exports.FORMATS[name](iter(rows), unreadable, stream)
    return stream.getvalue()


def strings(value: Any) -> list[str]:
    """Every text in nested dicts and lists, keys included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def test_every_text_of_a_result_is_planted() -> None:
    """Values of every string field; keys only where they are data."""
    planted = asdict(hostile.planted("X"))
    fields = {name for name, _ in SINGLY} | set(hostile.CLOSED)
    kept = {*CellOutcome, *CheckOutcome, *(name.partition(".")[2] for name in fields)}
    others = {text for text in strings(planted) if text != "X"} - kept
    data = {"tiny", "run", "wall_ms", "clock_mhz", "cublas"}
    data |= {key for check in hostile.RESULT.checks for key in (*check.metrics, *check.settings)}
    shape = {"cell", "environment", "observed", "checks", "series", "schema_version", "seconds", "rounds"}
    assert others <= data | shape | {"warmup", "cpu_count", "own", "memory_mib", "gpu_memory_mib"}


@each_text
def test_results_hold_every_text(text: str, tmp_path: Path) -> None:
    planted = hostile.planted(text)
    path = tmp_path / "x.json"
    path.write_bytes(results.to_json(planted))
    assert results.read(path) == planted


def test_half_characters_and_unknown_outcomes_are_refused(tmp_path: Path) -> None:
    path, good = tmp_path / "x.json", results.to_json(hostile.RESULT)
    path.write_bytes(good.replace(b'"tiny"', b'"\\ud800"', 1))
    with pytest.raises(BadInput, match="Invalid JSON"):
        results.read(path)
    path.write_bytes(good.replace(b'"outcome": "passed"', b'"outcome": "<script>"', 1))
    with pytest.raises(BadInput, match=r"checks\[0\]\.outcome: Invalid enum value '<script>'"):
        results.read(path)


#: How the first line of each table begins.
HEADS = ("| machine", "| environment", "| cell", "| recipe", "| sign")


class Seen(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def check_markdown(text: str) -> Seen:
    """As a CommonMark reader with tables and raw HTML shows it."""
    assert all(sign.isprintable() or sign == "\n" for sign in text)
    seen = Seen()
    seen.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    assert seen.tags <= TAGS
    assert seen.attributes <= {"href", "id", "start"}
    widths = [(line.count("|"), line) for line in text.splitlines() if line.startswith("|")]
    for (before, head), (after, rule) in pairwise(widths):
        assert before == after or rule.startswith(HEADS), (head, rule)
    return seen


def documents(row: Stored, text: str) -> str:
    table = markdown.document(map(table_rows.row, [row]), [text], [LeftOut(text, text)])
    peaks = memory_table.document(memory_table.peaks(row)).removeprefix(
        memory_table.INTRODUCTION
    )  # has emphasis of its own
    return table + peaks + recipes_table.document(recipes_table.recipes(row), load())


@each_text
def test_markdown_shows_text_and_obeys_none(text: str) -> None:
    seen = check_markdown(documents(stored(hostile.planted(text), text), text))
    shown = " ".join(seen.text.split())
    assert visible(text)[:3000] in shown


@each_field
def test_markdown_shows_text_in_every_field(result: CellResult) -> None:
    check_markdown(documents(stored(result), "plain"))


@each_text
def test_json_holds_text_as_it_is(text: str) -> None:
    planted = stored(hostile.planted(text), text)
    read = json.loads(export("json", planted, problems=(text,)))
    assert read["results"] == [{name: value for name, value in asdict(planted).items() if name != "path"}]
    assert read["problems"] == [text]
    if len(text) < 10_000:
        jsonschema.Draft202012Validator(json_document.schema("export")).validate(read)


@each_text
def test_csv_is_no_formula_for_a_spreadsheet(text: str) -> None:
    planted = stored(hostile.planted(text), text)
    written = export("csv", planted, stored(replace(planted.result, checks=[])))
    head, *rows = csv.reader(io.StringIO(written.decode(), newline=""), strict=True)
    assert head == list(COLUMNS)
    assert len(rows) == len(hostile.CHECKS) + 1
    for row in rows:
        assert len(row) == len(COLUMNS)
        for field in row:
            assert not field.lstrip().startswith(FORMULA)
            assert len(field) < 32_767
            assert all(sign.isprintable() or sign == "\n" for sign in field)
    assert visible(text, 32_000) in rows[0][COLUMNS.index("reason")]


@each_text
def test_parquet_holds_text_as_it_is(text: str, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    planted = stored(hostile.planted(text), text)
    (tmp_path / "x.parquet").write_bytes(export("parquet", planted))
    rows = duckdb.sql(f"SELECT reason, settings FROM '{tmp_path / 'x.parquet'}'").fetchall()
    assert [reason for reason, _ in rows] == [text] * len(hostile.CHECKS)
    assert rows[0][1] == {text: text}


@each_text
def test_answers_to_questions_show_text_and_obey_none(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the file by way of the index to a terminal, JSON and CSV."""
    pytest.importorskip("duckdb")
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    path = tmp_path / "results" / "gpu" / "none" / "x.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(results.to_json(hostile.planted(text)))

    def query(sql: str, *options: str) -> str:
        done = CliRunner().invoke(cli, ["query", sql, *options, "--results", str(tmp_path / "results")])
        assert not done.exception, done.output
        return done.stdout

    for table in ("checks", "cells", "metrics"):
        sql = f"FROM {table} LIMIT 2"
        as_json, shown = query(sql, "--json"), query(sql)
        assert as_json.isascii()
        assert {row["cell"] for row in json.loads(as_json)} == {text}
        for row in csv.reader(io.StringIO(query(sql, "--csv"), newline=""), strict=True):
            assert not any(field.lstrip().startswith(FORMULA) for field in row)
            assert all(sign.isprintable() or sign == "\n" for field in row for sign in field)
        assert all(sign.isprintable() or sign == "\n" for sign in shown)
        assert visible(text, SHOWN) in shown


@each_text
def test_junit_shows_text_and_stays_xml(text: str) -> None:
    root = ElementTree.fromstring(export("junit", stored(hostile.planted(text), text), problems=(text,)))
    shown = [
        piece for part in root.iter() for piece in (*part.attrib.values(), part.text or "", part.tail or "")
    ]
    assert all(sign.isprintable() or sign == "\n" for piece in shown for sign in piece)
    assert {part.tag for part in root.iter()} == {
        *("testsuites", "testsuite", "testcase", "properties", "property"),
        *("skipped", "failure", "error", "system-out"),
    }
    assert any(visible(text) in message for message in shown)


@each_text
def test_annotations_are_one_command_each(text: str) -> None:
    written = export("annotations", stored(hostile.planted(text), text), problems=(text,)).decode()
    for line in written.splitlines():
        command, title, message = line.split("::", 2)[1].partition(" title=")[0], *line.split("::", 2)[1:]
        assert command == "error"
        assert line.startswith("::error title=")
        assert "," not in title
        assert all(sign.isprintable() for sign in message)
    assert visible(text).replace("%", "%25") in written


@each_text
def test_the_summary_shows_text_and_obeys_none(text: str) -> None:
    seen = check_markdown(export("summary", stored(hostile.planted(text), text), problems=(text,)).decode())
    assert visible(text)[:3000] in " ".join(seen.text.split())


def test_summary_stays_below_the_limit_of_github() -> None:
    bad = stored(hostile.planted("ß" * 3000))
    written = export("summary", *[bad] * 40)
    assert github_workflow.SUMMARY_LIMIT // 2 < len(written) < github_workflow.SUMMARY_LIMIT
    assert "more lines do not fit here" in written.decode().splitlines()[-1]


def show(make: Callable[[Console], None]) -> str:
    stream = io.StringIO()
    make(Console(file=stream, width=200, color_system=None, force_terminal=True))
    return stream.getvalue()


@each_text
def test_a_terminal_obeys_no_text(text: str) -> None:
    planted = stored(hostile.planted(text), text)

    def make(console: Console) -> None:
        terminal.show(console, terminal.cell(planted))
        for check in planted.result.checks:
            terminal.show(console, terminal.check(check))

    shown = show(make)
    assert all(sign.isprintable() or sign == "\n" for sign in shown)
    assert visible(text) in shown


@each_field
def test_a_terminal_obeys_no_text_of_any_field(result: CellResult) -> None:
    shown = show(lambda console: terminal.show(console, terminal.cell(stored(result))))
    assert all(sign.isprintable() or sign == "\n" for sign in shown)


@each_text
def test_no_shell_line_is_made_of_it(text: str) -> None:
    """Neither a check, nor an image, nor an interpreter that this checkout and machine do not have."""
    planted = hostile.planted(text)
    for kind in ("docker", "venv", "here"):
        environment = replace(planted.environment, kind=kind, details={"image": text, "interpreter": text})
        result = replace(planted, environment=environment, cell=hostile.RESULT.cell)
        with pytest.raises(BadInput):
            reproduce.line(result, result.checks[0])
        known = replace(result.checks[0], check="test_dtype.py::test_x")
        if kind != "venv":
            with pytest.raises(BadInput):
                reproduce.line(result, known)


def test_a_found_check_is_found_by_its_own_name() -> None:
    for text in hostile.TEXTS.values():
        planted = stored(hostile.planted(text))
        assert lookup.check(planted, text) is planted.result.checks[0]
