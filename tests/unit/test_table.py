"""The table as files: small differences, never stale, nothing that a reader cannot date."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from samcheck import report
from samcheck.__main__ import cli
from samcheck.cells import Cell
from samcheck.facts import load
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, CheckResult
from samcheck.matrix import LeftOut
from samcheck.report import markdown, table_rows
from samcheck.report.escaping import escape
from samcheck.report.fields import Reason
from samcheck.report.footnotes import Footnotes
from samcheck.storage import left_out_cells, results
from tests.unit import hostile, made


def failed(name: str, reason: str) -> CheckResult:
    return CheckResult(f"test_{name}.py::test_x", name, CheckOutcome.FAILED, reason=reason)


def result(torch: str, cuda: str, python: str, *checks: CheckResult) -> CellResult:
    cell = Cell(torch, cuda, python).record(())
    return replace(made.RESULT, cell=cell, outcome=CellOutcome.FAILED, reason="x", checks=list(checks))


def table(*cell_results: CellResult) -> str:
    return markdown.document(
        map(table_rows.row, [results.Stored("cpu", "none", result) for result in cell_results]),
        [],
        [],
        load(),
    )


def test_a_new_reason_changes_no_row_of_another_environment() -> None:
    old = result("2.4.1", "cu121", "3.11", failed("dtype", "second"), failed("backends", "third"))
    one = result("2.0.1", "cu117", "3.9", failed("dtype", "zeroth"), failed("backends", "third"))
    other = replace(one, checks=[*one.checks, failed("state", "first"), failed("dtype", "before all")])
    before, after = table(old, one).splitlines(), table(old, other).splitlines()
    changed = {*set(before) ^ set(after)}
    assert changed
    assert not [line for line in changed if "torch2.4.1" in line]


def test_the_first_lines_say_what_works_where() -> None:
    passed = [
        replace(
            result(torch, "cu121", "3.11"),
            outcome=CellOutcome.PASSED,
            reason="",
            finished=f"2026-11-0{day}T00:00:00Z",
        )
        for torch, day in (("2.10.0", 1), ("2.9.1", 3))
    ]
    bad = [result(f"1.{minor}.0", "cu117", "3.8") for minor in range(5)]
    rows = [results.Stored("nvidia-h200", "580.1", result) for result in passed]
    rows += [results.Stored("CPU of <b>mine</b>", "none", result) for result in (*bad, passed[0])]
    lines = markdown.document(map(table_rows.row, rows), [], []).splitlines()
    assert lines[:2] == ["# Does Segment Anything work here?", ""]
    assert [line.strip("| ").split(" | ") for line in lines[4:6]] == [
        [
            *("CPU of &lt;b&gt;mine&lt;/b&gt;", "none", "segment-anything", "1 of 6", "2.10.0"),
            *("2026-11-01 to 2026-11-22", "100 % of fields"),
        ],
        [
            *("[nvidia-h200](#nvidia-h200-driver-5801)", "580.1", "segment-anything", "✓ 2 of 2"),
            *("2.9.1 to 2.10.0", "2026-11-01 to 2026-11-03", "100 % of fields"),
        ],
    ]
    assert lines[7] == "Measured on a GPU: nothing so far."
    assert "## nvidia-h200, driver 580.1" in lines
    assert markdown.document([], [], []).splitlines()[2].startswith("One row for each environment")


def test_each_package_has_a_section_of_its_own() -> None:
    first = result("2.4.1", "cu121", "3.11", failed("dtype", "a"))
    sam2 = replace(first, cell=Cell("2.4.1", "cu121", "3.11", sam="sam2==1.1.0").record(()))
    lines = table(first, sam2).splitlines()
    assert [line for line in lines if line.startswith("## ")] == [
        "## cpu, driver none",
        "## cpu, driver none, sam2",
    ]
    links = [line.split(" | ")[0] for line in lines if line.startswith("| [cpu]")]
    assert links == ["| [cpu](#cpu-driver-none)", "| [cpu](#cpu-driver-none-sam2)"]
    own = lines[lines.index("## cpu, driver none, sam2") :]
    assert any("sam2 1.1.0" in line for line in own)
    assert not any("vit_b" in line for line in own)


def test_the_first_lines_name_the_gpus() -> None:
    seen = replace(made.SEEN, device="cuda", gpu="NVIDIA H200", driver="580.1")
    on_gpu = replace(result("2.4.1", "cu121", "3.11"), observed=seen)
    assert "Measured on a GPU: NVIDIA H200." in table(on_gpu).splitlines()


def test_some_groups_that_held_are_no_environment_that_works() -> None:
    whole = replace(
        result("2.4.1", "cu121", "3.11", failed("dtype", "a")), outcome=CellOutcome.PASSED, reason=""
    )
    part = replace(whole, groups=["latency"])
    assert "1 of 1 environment works." in table(whole, part)
    assert "Of 1 environment, none was run whole." in table(part)
    bad = replace(part, outcome=CellOutcome.FAILED)
    assert "0 of 1 environment works." in table(whole, bad)
    assert "- ✗ `torch2.4.1-cu121-py3.11` (only group latency) failed: a (1 of 1 checks)" in table(whole, bad)


def test_reasons_of_one_defect_share_a_note() -> None:
    notes = Footnotes()
    reasons = [Reason("known", "rounding", "pixels are rounded", f"by {letter}") for letter in "abcde"]
    mark = notes.mark(reasons)
    assert re.fullmatch(r" <sup>k\w{4}</sup>", mark)
    (line,) = notes.lines()
    assert line.endswith("known \\[rounding\\]: pixels are rounded (by a; by b; by c; and 2 more)")
    assert notes.mark(reversed(reasons)) == mark == Footnotes().mark(reasons[2:3])


def test_a_description_may_have_parentheses_of_its_own() -> None:
    notes = Footnotes()
    title = "it takes any size, also (W, H): the masks have a wrong shape"
    seen = [f"told a size of (480, {width}), {width} % are off" for width in (7, 9)]
    notes.mark(Reason("known", "onnx-image-size", title, text) for text in seen)
    (line,) = notes.lines()
    wanted = f"known [onnx-image-size]: {title} ({'; '.join(seen)})"
    assert line.endswith(escape(wanted))


def test_marks_that_would_be_alike_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("samcheck.report.footnotes.LENGTH", 1)
    notes = Footnotes()
    marks = {notes.mark([Reason("failed", None, str(number))]) for number in range(200)}
    assert len(marks) == 200


def test_bad_reasons_come_first() -> None:
    notes = Footnotes()
    told = [("skipped", None), ("known", "b"), ("failed", None), ("build-failed", None)]
    notes.mark(Reason(outcome, defect, "why") for outcome, defect in told)
    assert [line.split()[2] for line in notes.lines()] == ["build-failed:", "failed:", "known", "skipped:"]


def test_pairs_that_were_tried_are_counted() -> None:
    built = replace(result("2.11.0", "cu130", "3.10"), outcome=CellOutcome.BUILD_FAILED)
    rows = [result("2.4.1", "cu121", "3.11"), result("2.0.1", "cu117", "3.9"), built]
    (line,) = [line for line in table(*rows).splitlines() if line.startswith("Tried, of the pairs")]
    assert "torch × cuda 2 of 3" in line  # 2.11.0 was not built: nothing is known of it


def run(store: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["table", "--results", str(store), *options])
    return done.exit_code, done.output


def content(store: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def test_check_finds_a_stale_table_and_writes_nothing(tmp_path: Path) -> None:
    results.store(tmp_path, hostile.RESULT, "unused")
    before = content(tmp_path)
    status, output = run(tmp_path, "--check")
    assert (status, content(tmp_path)) == (1, before)
    assert "+# Does Segment Anything work here?" in output
    assert "lines more" in output
    assert run(tmp_path)[0] == 0
    assert run(tmp_path, "--check") == (0, "")
    for name in (report.TABLE, report.RECIPES, report.MEMORY):
        right = (tmp_path / name).read_text()
        (tmp_path / name).write_text(right.replace("# ", "# \x1b[31m", 1))
        status, output = run(tmp_path, "--check")
        assert status == 1
        assert "-# \\x1b[31m" in output
        (tmp_path / name).write_text(right)


def test_tables_without_content_are_removed(tmp_path: Path) -> None:
    path = results.store(tmp_path, hostile.RESULT, "unused")
    report.write(tmp_path)
    assert (tmp_path / report.RECIPES).exists()
    assert (tmp_path / report.MEMORY).exists()
    path.unlink()
    results.store(tmp_path, made.RESULT, "unused")
    assert run(tmp_path, "--check")[0] == 1
    report.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [report.TABLE]


def test_what_was_left_out_is_kept_until_the_next_run(tmp_path: Path) -> None:
    results.store(tmp_path, made.RESULT, "unused")
    report.write(
        tmp_path, [LeftOut("torch1.13.1-cu117-py3.12", f"no wheel (python-no-wheel) {Path.home()}/x")]
    )
    first = (tmp_path / report.TABLE).read_text()
    assert "- torch1.13.1-cu117-py3.12: no wheel (python-no-wheel)" in first
    assert str(Path.home()) + "/" not in (tmp_path / left_out_cells.LEFT_OUT).read_text()
    report.write(tmp_path)
    assert (tmp_path / report.TABLE).read_text() == first
    (tmp_path / left_out_cells.LEFT_OUT).write_text("{")
    assert "left-out.json: is not a list of left-out cells" in report.documents(tmp_path)[report.TABLE]
    report.write(tmp_path, [])
    assert "python-no-wheel" not in (tmp_path / report.TABLE).read_text()
    assert not (tmp_path / left_out_cells.LEFT_OUT).exists()


def test_no_row_hangs_on_the_order_of_files() -> None:
    rows: Iterable[CellResult] = [result("2.0.1", "cu117", "3.9", failed("dtype", "a")), hostile.RESULT]
    assert table(*rows) == table(*reversed(list(rows)))
