from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from samcheck import paths, report
from samcheck.cells import Cell
from samcheck.errors import BadInput
from samcheck.facts import load
from samcheck.facts.requirements import resolve
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import SCHEMA_VERSION, CheckResult, EnvironmentRecord
from samcheck.matrix import LeftOut
from samcheck.report import fields, markdown, table_rows
from samcheck.run import judge
from samcheck.storage import results
from tests.unit import made

SEEN = replace(made.SEEN, torch_cuda="12.1", torchvision="0.19.1", numpy="2.4.6", segment_anything="1.0")
CHECKS = [
    CheckResult("test_imports.py::test_x", "imports", CheckOutcome.PASSED),
    CheckResult(
        "test_dtype.py::test_y[tiny-fp16]",
        "dtype",
        CheckOutcome.KNOWN,
        variant="tiny",
        precision="fp16",
        reason="as catalogued",
        defect="some-defect",
    ),
    CheckResult(
        "test_dtype.py::test_z[tiny-fp16]", "dtype", CheckOutcome.PASSED, variant="tiny", precision="fp16"
    ),
    CheckResult(
        "test_latency.py::test_encoder[tiny-fp16]",
        "latency",
        CheckOutcome.PASSED,
        variant="tiny",
        precision="fp16",
        metrics={"median_ms": 12.34},
    ),
]
RESULT = replace(
    made.RESULT,
    cell=Cell("2.4.1", "cu121", "3.11").record(("ci",)),
    environment=EnvironmentRecord("venv", "no engine"),
    observed=SEEN,
    weights={"tiny": "random"},
    phases={"run": 3.0},
    checks=CHECKS,
)


def test_a_stored_result_is_read_as_it_was(tmp_path: Path) -> None:
    path = results.store(tmp_path, RESULT, "unused")
    assert path == tmp_path / "cpu-amd-epyc" / "none" / "torch2.4.1-cu121-py3.11.json"
    assert results.read(path) == RESULT
    assert results.load(tmp_path)[0] == [results.Stored("cpu-amd-epyc", "none", RESULT)]


def test_a_run_of_some_variants_does_not_replace_one_of_all(tmp_path: Path) -> None:
    whole = results.store(tmp_path, RESULT, "unused")
    part = results.store(tmp_path, replace(RESULT, variants=["vit_b"]), "unused")
    assert whole != part
    assert {path.name for path in results.result_files(tmp_path)} == {whole.name, part.name}


def test_a_run_of_some_groups_is_a_file_of_its_own_in_the_row_of_its_environment(tmp_path: Path) -> None:
    """What it was not asked for is not green."""
    peaks = replace(CHECKS[0], check="test_peaks.py::test_x[vit_h-fp32]", group="peaks", variant="vit_h")
    part = replace(RESULT, variants=["vit_h"], groups=["recovery", "peaks"], checks=[peaks])
    whole = results.store(tmp_path, RESULT, "unused")
    path = results.store(tmp_path, part, "unused")
    assert path.name == "torch2.4.1-cu121-py3.11+vit_h@recovery@peaks.json"
    assert results.read(whole) == RESULT
    assert results.read(path) == part
    text = markdown.document(map(table_rows.row, results.load(tmp_path)[0]), [], [])
    (row,) = [line for line in text.splitlines() if line.startswith("| `torch")]
    assert "vit_h" not in row


def test_results_of_older_schemas_have_all_groups(tmp_path: Path) -> None:
    path = results.store(tmp_path, RESULT, "unused")
    content = json.loads(path.read_bytes())
    del content["groups"]
    path.write_text(json.dumps({**content, "schema_version": 2}), encoding="utf-8")
    assert results.read(path) == replace(RESULT, schema_version=SCHEMA_VERSION)


def test_unwritable_results_are_found_out_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="results cannot be stored at"):
        results.require_writable(tmp_path / "file" / "below")


def test_own_folders_are_not_published(tmp_path: Path) -> None:
    text = f"{Path.home()}/.cache/x.py:1 {paths.ROOT}/samcheck/y.py:2 /usr/lib/z.py:3"
    bad = replace(CHECKS[0], outcome=CheckOutcome.FAILED, reason="boom", details=text)
    path = results.store(tmp_path, replace(RESULT, outcome=CellOutcome.FAILED, checks=[bad]), "unused")
    assert (
        results.read(path).checks[0].details == "~/.cache/x.py:1 <checkout>/samcheck/y.py:2 /usr/lib/z.py:3"
    )


def test_no_cell_has_passed_of_which_a_check_has_not(tmp_path: Path) -> None:
    """Else one changed word in a file makes a red cell green in the table."""
    red = replace(
        RESULT,
        outcome=CellOutcome.FAILED,
        reason="boom",
        checks=[replace(CHECKS[0], outcome=CheckOutcome.CRASHED)],
    )
    path = results.store(tmp_path, red, "unused")
    path.write_bytes(path.read_bytes().replace(b'"outcome": "failed"', b'"outcome": "passed"', 1))
    with pytest.raises(BadInput, match=r"outcome: 'passed', but its check '.*test_x' is 'crashed'"):
        results.read(path)


def test_gpu_results_are_filed_by_gpu_and_driver() -> None:
    seen = replace(SEEN, device="cuda", gpu="NVIDIA H200", driver="580.159.03")
    path = results.place(Path("r"), replace(RESULT, observed=seen), "unused")
    assert path.parent == Path("r/nvidia-h200/580.159.03")
    # A CPU run on a machine with a driver says nothing about that driver.
    cpu = replace(SEEN, driver="580.159.03")
    assert results.place(Path("r"), replace(RESULT, observed=cpu), "unused").parent.name == "none"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file: Invalid JSON"),
        (b'{"schema_version": 2}', "the file: Object missing required field `cell`"),
        (
            results.to_json(RESULT).replace(b'"tier": "fast"', b'"tire": "fast"'),
            "the file: Object contains unknown field `tire`",
        ),
        (results.to_json(RESULT)[:-40], "the file: Invalid JSON"),
    ],
)
def test_what_is_no_result_is_said_and_kept(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "cpu" / "none" / "x.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(BadInput, match=problem):
        results.read(path)
    table = report.write(tmp_path).read_text()
    assert "Files that are not results" in table
    assert path.read_bytes() == content


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = results.store(tmp_path, RESULT, "unused")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        results.store(tmp_path, replace(RESULT, outcome=CellOutcome.FAILED), "unused")
    assert results.read(path) == RESULT
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_misbuilt_is_told_by_field() -> None:
    cell = Cell("2.4.1", "cu121", "3.11")
    pins = resolve(cell, load())
    assert list(judge.compare(cell, pins, SEEN)) == []
    wrong = replace(SEEN, python="3.12.1", torch="2.4.0+cu118", torch_cuda="11.8", numpy=None)
    assert list(judge.compare(cell, pins, wrong)) == [
        "Python: declared 3.11, observed 3.12",
        "PyTorch: declared 2.4.1, observed 2.4.0",
        "CUDA build: declared cu121, observed cu118",
        "numpy: declared 2.4.6, observed absent",
    ]


def test_fields_show_the_worst_and_keep_every_reason() -> None:
    shown = fields.fields(CHECKS, fields.by_group)
    dtype = shown[fields.Column("dtype", "", "")]
    assert (dtype.outcome, dtype.worst, dtype.count) == ("known", 1, 2)
    assert dtype.reasons == (fields.Reason("known", "some-defect", "as catalogued"),)
    assert shown[fields.Column("imports", "", "")].outcome == "passed"
    assert list(fields.fields(CHECKS, fields.by_precision)) == [fields.Column("", "tiny", "fp16")]


def test_checks_of_one_kind_are_counted_each() -> None:
    """Those that differ in their names only."""
    many = [*(replace(CHECKS[1], check=f"test_dtype.py::test_{number}") for number in range(3)), *CHECKS[2:]]
    dtype = fields.Column("dtype", "", "")
    assert fields.fields(many, fields.by_group)[dtype].worst == 3
    row = table_rows.row(results.Stored("cpu", "none", replace(RESULT, checks=many)))
    assert (row.groups[dtype].count, dict(row.counts)) == (4, {"known": 3, "passed": 2})


def test_every_outcome_of_a_check_has_its_place_in_the_table() -> None:
    assert set(fields.SEVERITY) == set(fields.SYMBOLS) == set(CheckOutcome)


def test_every_environment_that_does_not_work_says_why() -> None:
    failed = replace(CHECKS[0], outcome=CheckOutcome.FAILED, reason="boom")
    broken = replace(RESULT, outcome=CellOutcome.FAILED, reason="1 of 4", checks=[failed, *CHECKS[1:]])
    unbuilt = replace(
        RESULT,
        cell=Cell("2.0.1", "cu117", "3.9").record(()),
        outcome=CellOutcome.BUILD_FAILED,
        reason="no Python",
        observed=None,
        checks=[],
        phases={},
    )
    rows = [results.Stored("cpu", "none", result) for result in (broken, unbuilt)]
    table = markdown.document(
        map(table_rows.row, rows), [], [LeftOut("torch1.13.1-cu117-py3.8", "left out for a test")]
    )
    assert "0 of 2 environments work." in table
    assert f"- ✗ `{RESULT.cell.id}` failed: boom (1 of 4 checks)" in table
    assert "- ✗ `torch2.0.1-cu117-py3.9` build-failed: no Python" in table
    assert "left out for a test" in table


HOSTILE = [
    "<script>alert(1)</script>",
    "a | b\n| c |",
    "`x` **bold** [link](http://x) # head",
    "\x1b[31mred\x1b[0m\x07",
    "\u202eright to left\u2066",
    "x" * 100_000,
    "&lt; &#124;",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    bad = replace(CHECKS[0], outcome=CheckOutcome.FAILED, reason=text)
    row = replace(RESULT, outcome=CellOutcome.FAILED, reason=text, checks=[bad], weights={"tiny": text})
    table = markdown.document(
        map(table_rows.row, [results.Stored(text, text, row)]), [text], [LeftOut(text, text)]
    )
    assert "<script" not in table
    assert all(sign.isprintable() or sign == "\n" for sign in table)
    grid = [line for line in table.splitlines() if line.startswith("| `torch")]
    heads = [line for line in table.splitlines() if line.startswith("| environment |")]
    for head, line in zip(heads, grid, strict=True):
        assert head.count("|") == line.count("|")


def test_the_table_is_stable(tmp_path: Path) -> None:
    results.store(tmp_path, RESULT, "unused")
    first = report.write(tmp_path).read_bytes()
    assert report.write(tmp_path).read_bytes() == first
