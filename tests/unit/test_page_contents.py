"""What the HTML page holds, read back without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from samcheck import measurable
from samcheck.__main__ import cli
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CheckOutcome
from samcheck.guest.record import CellResult, CheckResult, Series
from samcheck.report import html, memory_curves, page_data, page_size
from samcheck.storage import results
from samcheck.storage.results import Stored
from tests.unit import hostile, made

CHECKS = [
    CheckResult(
        "test_b.py::test_two[tiny]",
        "b",
        CheckOutcome.KNOWN,
        "tiny",
        reason="so",
        defect="an-id",
        details="Tail",
    ),
    CheckResult(
        "test_a.py::test_one", "a", CheckOutcome.PASSED, metrics={"ms": 1.23456789, "bad": float("nan")}
    ),
]


def unpacked(block: str) -> list[Any]:
    text = zlib.decompress(base64.b64decode(block)).decode()
    return [json.loads(line) for line in text.splitlines()]


def packed(*cell_results: CellResult, room: int = page_data.LARGEST_BYTES) -> page_data.Packed:
    return page_data.pack([Stored("cpu-x", "none", result) for result in cell_results], {}, room)


def test_every_check_is_found_again() -> None:
    blocks = packed(replace(made.RESULT, checks=CHECKS)).blocks
    cell, tables = unpacked(blocks["index"])
    named = dict(zip(tables["fields"], cell, strict=True))
    assert (named["device"], named["torch"], named["outcome"]) == ("cpu-x", "2.4.1", "passed")
    definitions = [tables["definitions"][at] for at in tables["layouts"][named["layout"]]]
    assert [definition[0] for definition in definitions] == [
        "test_a.py::test_one",
        "test_b.py::test_two[tiny]",
    ]
    assert [tables["whys"][at] for at in named["whys"]] == [["passed", "", ""], ["known", "an-id", "so"]]
    numbers, shapes = unpacked(blocks["numbers"])
    assert [shapes["shapes"][at] for at in numbers["shape"]] == [["ms", "bad"], []]
    assert numbers["values"] == [1.2346, "nan"]
    evidence, texts = unpacked(blocks["evidence"])
    assert [texts["details"][at] for at in evidence["details"]] == ["", "Tail"]
    assert evidence["observed"]["torch"] == "2.4.1+cu121"


def test_what_results_share_is_there_once() -> None:
    one = packed(replace(made.RESULT, checks=CHECKS))
    many = packed(*[replace(made.RESULT, checks=CHECKS)] * 100)
    assert len(many.blocks["evidence"]) < 2 * len(one.blocks["evidence"])
    assert many.checks == 200
    assert len(unpacked(many.blocks["index"])[-1]["definitions"]) == 2


def test_samples_keep_their_ends() -> None:
    series = Series({"wall_ms": [float(value) for value in range(1000, 0, -1)]}, 1000, 1, "steady")
    kept = page_data.thinned(series)["wall_ms"]
    assert (kept[0], kept[-1], len(kept)) == (1.0, 1000.0, page_data.QUANTILES)
    assert kept == sorted(kept)


def test_times_are_in_the_page_as_intervals_or_reasons() -> None:
    def timed(name: str, *medians: float) -> CheckResult:
        series = [Series({"wall_ms": [ms]}, 1, 1, "steady") for ms in medians]
        return CheckResult(f"test_a.py::{name}", "latency", CheckOutcome.PASSED, series=series)

    checks = [timed("a", 10.0, 10.0), timed("b", 10.0), timed("c", 1.0, 9.0), CHECKS[1]]
    numbers, _ = unpacked(packed(replace(made.RESULT, checks=checks)).blocks["numbers"])
    interval = measurable.step_time(checks[0])
    assert interval is not None
    assert interval.limits is not None
    assert numbers["times"]["1"] == [*(float(f"{end:.5g}") for end in interval.limits), 2, 0]
    assert numbers["times"]["2"].startswith("no interval: one process only")
    assert numbers["times"]["3"] == measurable.UNMEASURABLE
    assert [*numbers["times"]] == ["1", "2", "3"]


def test_of_results_with_the_same_checks_the_changes_are_there() -> None:
    first, other = (replace(made.RESULT, checks=CHECKS), replace(made.RESULT, checks=[CHECKS[0]]))
    failed = replace(
        made.RESULT, checks=[CHECKS[0], replace(CHECKS[1], outcome=CheckOutcome.FAILED, reason="it")]
    )
    *cells, tables = unpacked(packed(first, failed, failed, other).blocks["index"])
    named = [dict(zip(tables["fields"], cell, strict=True)) for cell in cells]
    assert [run["layout"] for run in named] == [0, 0, 0, 1]
    assert [run["changes"] for run in named] == [None, None, [], None], "as long as the whole is no change"
    many = [replace(CHECKS[1], check=f"test_a.py::test_{at}") for at in range(9)]
    one = replace(
        made.RESULT, checks=[*many[:7], replace(many[7], outcome=CheckOutcome.FAILED, reason="it"), many[8]]
    )
    cell, tables = unpacked(packed(replace(made.RESULT, checks=many), one).blocks["index"])[1:]
    assert cell[-2:] == [[], [7, 1]]
    assert tables["whys"][1] == ["failed", "", "it"]


def test_too_large_a_page_says_what_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = replace(made.RESULT, checks=CHECKS[:1])
    assert packed(result, room=1).left_out == ("samples", "numbers", "evidence")
    whole = packed(result).size
    assert packed(result, room=whole).left_out == ()
    assert packed(result, room=whole - 1).left_out == ("samples",)
    results.store(tmp_path / "results", result, "machine")
    room = html.write(tmp_path / "page.html", [tmp_path / "results"]).size - 10
    monkeypatch.setattr(page_size, "pack_to_fit", partial(page_size.pack_to_fit, room=room))
    html.write(tmp_path / "page.html", [tmp_path / "results"])
    assert "Left out, because the page would be too large: samples" in (tmp_path / "page.html").read_text()


def stored(day: int, reason: str) -> Stored:
    check = replace(CHECKS[0], reason=f"{reason} {hash(reason)}")
    return Stored("x", "none", replace(made.RESULT, finished=f"2026-11-{day:02}", checks=[check, FAILED]))


FAILED = replace(CHECKS[1], outcome=CheckOutcome.FAILED, reason="why it failed")


def test_when_blocks_are_not_enough_older_runs_go_and_then_reasons() -> None:
    every = [stored(day, "older" * day) for day in range(1, 20)] + [stored(22, "the newest" * 9)]
    newest = page_data.pack(every[-1:], {}, without=page_data.EXPENDABLE).size
    page = page_size.pack_to_fit(lambda: every, {}, room=newest)
    assert page.left_out == (*page_data.EXPENDABLE, page_size.OLDER)
    assert (page.results, page.checks) == (1, 2)
    page = page_size.pack_to_fit(lambda: every, {}, room=newest - 1)
    assert page.left_out[-2:] == (page_size.OLDER, page_data.REASONS)
    whys = unpacked(page.blocks["index"])[-1]["whys"]
    assert whys == [["passed", "", ""], ["failed", "", "why it failed"], ["known", "an-id", ""]]
    with pytest.raises(BadInput, match="1 results are too many for one page"):
        page_size.pack_to_fit(lambda: every, {}, room=10)
    alone = page_size.pack_to_fit(lambda: every[-1:], {}, room=newest - 1)
    assert page_size.OLDER not in alone.left_out, "there were none"


def test_blocks_that_will_not_fit_are_not_begun() -> None:
    """Foretold from some of the results, and only where it is beyond doubt."""
    timed = [replace(CHECKS[1], metrics={"ms": (7 * at) ** 0.5}) for at in range(4000)]
    some = [
        Stored("x", "none", replace(made.RESULT, checks=timed[at : at + 200])) for at in range(0, 4000, 200)
    ]
    whole = len(page_data.pack(some, {}).blocks["numbers"]) * 10
    for room, without in ((whole * 2, ()), (whole * 0.8, ()), (whole * 0.5, ("samples", "numbers"))):
        assert page_size.blocks_without_room(some, 0.1, int(room)) == without


@pytest.mark.parametrize("name", hostile.TEXTS)
def test_page_holds_no_text_of_results(tmp_path: Path, name: str) -> None:
    """Only in blocks of base64; so nothing in a result can end an element of the page."""
    result = hostile.planted(f"owned {hostile.TEXTS[name]}")
    path = tmp_path / "results" / "device" / "driver" / "x.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(results.to_json(result))
    html.write(tmp_path / "page.html", [tmp_path / "results"])
    assert "owned" not in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_page_loads_nothing_and_allows_its_own_scripts_only(tmp_path: Path) -> None:
    results.store(tmp_path / "results", made.RESULT, "machine")
    html.write(tmp_path / "page.html", [tmp_path / "results"])
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe-inline" not in policy[1].partition("style-src")[0]
    assert policy[1].count("sha256-") == text.count("<script>") == len(html.LIBRARIES) + len(html.SCRIPTS)
    assert not re.search(r"<(script|link|img|iframe)[^>]* (src|href)=\"(?!data:,)", text)


def test_folders_without_results_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such folder"):
        html.write(tmp_path / "page.html", [tmp_path / "none"])
    with pytest.raises(BadInput, match="no results in"):
        html.write(tmp_path / "page.html", [tmp_path])
    assert not (tmp_path / "page.html").exists()


def test_what_is_no_result_is_named_in_the_page(tmp_path: Path) -> None:
    results.store(tmp_path, made.RESULT, "machine")
    (tmp_path / "device/driver").mkdir(parents=True)
    (tmp_path / "device/driver/torn.json").write_text("{")
    packed = html.write(tmp_path / "page.html", [tmp_path])
    (problem,) = unpacked(packed.blocks["index"])[-1]["meta"]["problems"]
    assert "torn.json: not a samcheck result" in problem


def test_command_takes_several_folders_once_each(tmp_path: Path) -> None:
    for number, day in enumerate(("01", "22", "22")):
        result = replace(made.RESULT, finished=f"2026-11-{day}T12:30:00+00:00")
        results.store(tmp_path / str(number), result, "machine")
    folders = [str(tmp_path / str(number)) for number in range(3)]
    said = CliRunner().invoke(cli, ["html", *folders])
    assert said.exit_code == 0, said.output
    assert "2 results, 0 checks" in said.output
    assert (tmp_path / "2" / html.PAGE).exists()


def test_curves_grow_with_the_image_and_with_copies() -> None:
    curves: dict[tuple[object, ...], Any] = {
        (curve["variant"], curve["step"], curve["copying"]): curve["mib"] for curve in memory_curves.curves()
    }
    automatic = curves["tiny", "automatic", False]
    assert automatic == sorted(automatic)
    assert curves["tiny", "automatic", True][-1] > automatic[-1]
    assert len(set(curves["vit_b", "encode", False])) <= 2, "every image is encoded at one size"


def test_libraries_are_as_they_were_fetched() -> None:
    folder = html.ASSETS / "vendor"
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    for library in html.LIBRARIES:
        assert (
            (folder / f"{library}.js")
            .read_text()
            .startswith(f"/*\n{(folder / f'LICENSE.{library}').read_text()}")
        ), "without its licence"


def test_every_script_is_in_the_page() -> None:
    assert {path.stem for path in (html.ASSETS / "page").glob("*.js")} == set(html.SCRIPTS)
