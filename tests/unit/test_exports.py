"""What other programs read: each export says what the results say."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from click.testing import CliRunner, Result
from junitparser import JUnitXml
from pydantic import TypeAdapter

from samcheck import paths
from samcheck.__main__ import cli
from samcheck.cells import Cell
from samcheck.errors import EmptySelection
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.report import exports
from samcheck.report.exports import badge, github_workflow, json_document
from samcheck.storage import results
from samcheck.storage.index import parquet
from samcheck.storage.index.check_rows import COLUMNS, rows
from tests.unit import hostile

PASSED = replace(
    hostile.RESULT,
    cell=Cell("2.0.1", "cu117", "3.9").record(()),
    outcome=CellOutcome.PASSED,
    reason="",
    checks=[check for check in hostile.CHECKS if check.outcome in ("passed", "known", "fixed", "skipped")],
)
UNBUILT = replace(
    hostile.RESULT,
    cell=Cell("1.13.1", "cu117", "3.8").record(()),
    outcome=CellOutcome.BUILD_FAILED,
    reason="no Python 3.8",
    observed=None,
    checks=[],
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for result in (hostile.RESULT, PASSED, UNBUILT):
        results.store(tmp_path, result, "cpu AMD EPYC")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def export(store: Path, name: str) -> bytes:
    path = store / "exported"
    done = run("export", "--format", name, "--results", str(store), "-o", str(path))
    assert done.exit_code == 0, done.output
    return path.read_bytes()


@pytest.mark.parametrize("name", sorted(json_document.SHAPES))
def test_the_published_schema_is_that_of_the_dataclasses(name: str) -> None:
    published = (paths.ROOT / "samcheck" / "schemas" / f"{name}.json").read_text()
    assert json.loads(published) == json_document.schema(name), f"write it with `samcheck schema {name}`"
    assert json.loads(run("schema", name).stdout) == json.loads(published)
    jsonschema.Draft202012Validator.check_schema(json.loads(published))


def test_json_has_everything_and_fits_its_schema(store: Path) -> None:
    read = json.loads(export(store, "json"))
    schema = jsonschema.Draft202012Validator(json_document.schema("export"))
    schema.validate(read)
    loaded, _ = results.load(store)
    assert TypeAdapter(list[results.Stored]).validate_python(read["results"]) == loaded
    read["results"][0]["result"]["checks"] = [{"check": "x", "group": "y", "outcome": "green"}]
    assert [error.validator for error in schema.iter_errors(read)] == ["enum"]


def test_every_file_of_results_fits_its_schema(store: Path) -> None:
    schema = jsonschema.Draft202012Validator(json_document.schema("result"))
    every = [*store.glob("*/*/*.json"), *(paths.ROOT / "results").glob("*/*/*.json")]
    assert len(every) > 3
    for path in every:
        schema.validate(json.loads(path.read_bytes()))


def test_csv_has_a_row_for_each_check_and_one_for_a_cell_without(store: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(export(store, "csv").decode(), newline="")))
    assert len(rows) == len(hostile.RESULT.checks) + len(PASSED.checks) + 1
    unbuilt = [row for row in rows if row["cell"] == UNBUILT.cell.id]
    assert [(row["cell_outcome"], row["outcome"]) for row in unbuilt] == [("build-failed", "")]
    timed = next(row for row in rows if row["group"] == "latency")
    assert json.loads(timed["metrics"]) == {"median_ms": 12.34}
    assert timed["disturbed"] == "1"


def test_parquet_has_the_same_rows_with_types(store: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    (store / "x.parquet").write_bytes(export(store, "parquet"))
    relation = duckdb.sql(f"FROM '{store / 'x.parquet'}'")
    kinds = dict(zip(relation.columns, map(str, relation.types), strict=True))
    assert list(kinds) == list(COLUMNS)
    assert [kinds[name] for name in ("reason", "seconds", "metrics")] == [
        *("VARCHAR", "DOUBLE"),
        "MAP(VARCHAR, DOUBLE)",
    ]
    wanted = [row for stored in results.load(store)[0] for row in rows(stored)]
    assert [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()] == wanted


def test_parquet_of_many_batches_has_every_row_in_order(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    whole = export(store, "parquet")
    monkeypatch.setattr(parquet, "BATCH", 3)
    test_parquet_has_the_same_rows_with_types(store)
    assert whole[:4] == whole[-4:] == b"PAR1"


def test_parquet_without_duckdb_says_what_to_install(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    done = run("export", "--format", "parquet", "--results", str(store), "-o", str(store / "x"))
    assert "[query]" in str(done.exception)
    assert not (store / "x").exists()


def test_junit_is_green_only_where_a_check_held(store: Path) -> None:
    whole = JUnitXml.fromstring(export(store, "junit"))
    words = {
        case.name.partition("::test_")[2].partition("[")[0] or case.name: case
        for suite in whole
        for case in suite
    }
    kinds = {
        name: [(type(ending).__name__, ending.type) for ending in case.result] for name, case in words.items()
    }
    assert kinds["known"] == [("Skipped", "known")]
    assert kinds["skipped"] == [("Skipped", "skipped")]
    assert kinds["failed"] == [("Failure", "failed")]
    for outcome in ("crashed", "timed-out", "intermittent", "not-run"):
        assert kinds[outcome] == [("Error", outcome)]
    assert kinds["(cell)"] == [("Error", "build-failed")]
    assert kinds["passed"] == kinds["fixed"] == []
    assert "[some-defect]" in words["known"].result[0].message
    assert "because of fixed" in (words["fixed"].system_out or "")
    bad = [check for check in hostile.RESULT.checks if check.outcome.is_bad]
    assert whole.failures + whole.errors == len(bad) + 1
    assert whole.tests == len(hostile.RESULT.checks) + len(PASSED.checks) + 1


def test_annotations_name_each_reason_once(store: Path) -> None:
    lines = export(store, "annotations").decode().splitlines()
    assert (
        f"::error title={UNBUILT.cell.id} on cpu-amd-epyc%2C driver none::build-failed: no Python 3.8"
        in lines
    )
    assert not any(PASSED.cell.id in line for line in lines)
    assert sum("failed: because of failed" in line for line in lines) == 1
    assert not any("known" in line for line in lines)


def test_some_groups_that_held_are_no_cell_on_the_badge() -> None:
    part = replace(PASSED, groups=["latency"])
    parts = [PASSED, part, replace(part, outcome=CellOutcome.FAILED, reason="x")]
    written = io.BytesIO()
    badge.write((results.Stored("cpu", "none", result) for result in parts), [], written)
    assert b"1/2 cells passed" in written.getvalue()


def summary(*parts: CellResult) -> tuple[str, str]:
    """The headline and the badge's text."""
    written = []
    for write in (github_workflow.write_summary, badge.write):
        stream = io.BytesIO()
        write((results.Stored("cpu", "none", result) for result in parts), [], stream)
        written.append(stream.getvalue().decode())
    return written[0].splitlines()[0], ElementTree.fromstring(written[1]).attrib["aria-label"]


def test_nothing_that_was_run_whole_is_no_count_of_nothing() -> None:
    part = replace(PASSED, groups=["peaks"])
    start = "## Segment Anything: "
    assert summary() == (f"{start}no results", "SAM: no results")
    assert summary(part) == (
        f"{start}no cell was run whole, 1 run of some groups passed",
        "SAM: no cell was run whole",
    )
    assert summary(part, PASSED) == (
        f"{start}1 of 1 cell passed, 1 run of some groups passed",
        "SAM: 1/1 cells passed",
    )
    assert badge.PASSED not in badge.svg(0, 0).decode()


def test_summary_and_badge_count(store: Path) -> None:
    assert export(store, "summary").decode().startswith("## Segment Anything: 1 of 3 cells passed\n")
    image = ElementTree.fromstring(export(store, "badge"))
    assert image.attrib["aria-label"] == "SAM: 1/3 cells passed"
    assert "".join(image.itertext()) == "SAM: 1/3 cells passedSAM1/3 cells passed"


@pytest.mark.parametrize(
    ("passed", "total", "colour"), [(3, 3, badge.PASSED), (1, 3, badge.MIXED), (0, 3, badge.FAILED)]
)
def test_badge_can_be_read(passed: int, total: int, colour: str) -> None:
    """White text has the contrast of 4.5 that WCAG asks for."""
    assert colour in badge.svg(passed, total).decode()
    for ground in (colour, badge.LABEL_COLOUR):
        assert 1.05 / (luminance(ground) + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """Of sRGB, as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", sorted(exports.FORMATS))
def test_what_is_no_result_is_said_and_the_rest_exported(store: Path, name: str) -> None:
    (store / "cpu-amd-epyc" / "none" / "torn.json").write_text("{")
    path = store / "exported"
    done = run("export", "--format", name, "--results", str(store), "-o", str(path))
    assert done.exit_code == 2
    assert "torn.json: not a samcheck result" in done.stderr
    written = path.read_bytes()
    assert len(written) > 100
    if name in ("json", "junit", "annotations", "summary"):
        assert b"torn" in written
    if name == "badge":
        assert b"1/4 cells passed" in written


@pytest.mark.parametrize("name", sorted(exports.FORMATS))
def test_nothing_is_no_green_export(tmp_path: Path, name: str) -> None:
    path = tmp_path / "exported"
    done = run("export", "--format", name, "--results", str(tmp_path), "-o", str(path))
    assert isinstance(done.exception, EmptySelection)
    assert not path.exists()


def test_only_some_cells_and_standard_output(store: Path) -> None:
    done = run("export", "--format", "csv", "--results", str(store), "--only", "torch2.0*")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {row["cell"] for row in rows} == {PASSED.cell.id}
