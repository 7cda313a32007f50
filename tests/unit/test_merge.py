from __future__ import annotations

import random
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from samcheck import files, paths, report
from samcheck.cells import Cell
from samcheck.commands.merge import merge_command
from samcheck.errors import BadInput
from samcheck.guest.outcomes import CellOutcome
from samcheck.guest.record import CellResult
from samcheck.matrix import LeftOut
from samcheck.storage import left_out_cells, merge, results
from tests.unit import made

SEEN = replace(made.SEEN, device="cuda", gpu="NVIDIA H200", driver="580.1")
RESULT = replace(made.RESULT, observed=SEEN)
LATER = "2026-11-22T12:31:00+00:00"
OTHER = Cell("2.15.0", "cu132", "3.13").record(())
PLACE = PurePosixPath("nvidia-h200/580.1/torch2.4.1-cu121-py3.11.json")
OTHER_PLACE = PLACE.with_name("torch2.15.0-cu132-py3.13.json")


def shard(folder: Path, *rows: CellResult) -> Path:
    for row in rows:
        results.store(folder, row, "some device")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_shards_become_one_byte_for_byte(tmp_path: Path) -> None:
    one = shard(tmp_path / "shard-1", RESULT)
    two = shard(tmp_path / "shard-2", replace(RESULT, cell=OTHER))
    for path in (one / PLACE, two / OTHER_PLACE):  # written otherwise, the same to who reads it
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\n\n")
    merged = merge.merge([one, two], tmp_path / "results")
    assert merged == merge.Merged(taken=(OTHER_PLACE, PLACE))
    assert contents(tmp_path / "results") == contents(one) | contents(two)


def test_the_one_that_finished_last_wins(tmp_path: Path) -> None:
    old = shard(tmp_path / "a", RESULT)
    # An hour less on the clock, and yet later.
    late = replace(RESULT, finished="2026-11-22T11:31:00-01:00", outcome=CellOutcome.FAILED, reason="1 of 4")
    new = shard(tmp_path / "b", late)
    for name, folders in (("x", [old, new]), ("y", [new, old])):
        assert merge.merge(folders, tmp_path / name) == merge.Merged(taken=(PLACE,), failed=(PLACE,))
        assert contents(tmp_path / name) == contents(new)


def test_what_is_there_takes_part(tmp_path: Path) -> None:
    store = shard(tmp_path / "results", RESULT, replace(RESULT, cell=OTHER, finished=LATER))
    newer = shard(tmp_path / "a", replace(RESULT, finished=LATER), replace(RESULT, cell=OTHER))
    merged = merge.merge([newer], store)
    assert merged == merge.Merged(replaced=(PLACE,), kept=(OTHER_PLACE,))
    assert results.read(store / PLACE).finished == results.read(store / OTHER_PLACE).finished == LATER


def test_equal_results_count_once(tmp_path: Path) -> None:
    one, two = shard(tmp_path / "a", RESULT), shard(tmp_path / "b", RESULT)
    assert merge.merge([one, two, one], tmp_path / "results").taken == (PLACE,)
    assert merge.merge([one, two], tmp_path / "results").kept == (PLACE,)


@pytest.mark.parametrize("finished", ["2026-11-22T12:00:00+00:00", LATER])
@pytest.mark.parametrize("standing", [True, False], ids=["standing", "arriving"])
def test_a_fast_run_does_not_replace_a_full_one(tmp_path: Path, finished: str, standing: bool) -> None:
    full = shard(tmp_path / "full", replace(RESULT, tier="full"))
    fast = shard(
        tmp_path / "fast", replace(RESULT, finished=finished, outcome=CellOutcome.FAILED, reason="1 of 4")
    )
    if standing:
        shutil.copytree(full, tmp_path / "results")
    merged = merge.merge([fast] if standing else [fast, full], tmp_path / "results")
    assert merged.notes == (
        f"{PLACE}: the full result of {RESULT.finished} is kept, not the fast one of {finished} (failed)",
    )
    assert merged.failed == (PLACE,)  # --strict still sees it
    assert contents(tmp_path / "results") == contents(full)


def test_a_full_run_replaces_a_newer_fast_one(tmp_path: Path) -> None:
    store = shard(tmp_path / "results", replace(RESULT, finished=LATER))
    merged = merge.merge([shard(tmp_path / "a", replace(RESULT, tier="full"))], store)
    assert merged.replaced == (PLACE,)
    assert len(merged.notes) == 1


CONTENT = results.to_json(RESULT)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (CONTENT[:-40], "Invalid JSON"),
        (b'{"schema_version": 2}', "the file: Object missing required field `cell`"),
        (b'{"schema_version": 6}', "a result of schema 6, newer than schema 1 to 5"),
        (
            CONTENT.replace(b'"schema_version": 5', b'"schema_version": 9'),
            "a result of schema 9, newer than schema 1",
        ),
        (CONTENT.replace(b"2026-11-22T12:30:00+00:00", b"yesterday"), "finished: 'yesterday' is not a time"),
        (
            CONTENT.replace(b'"id": "torch2.4.1', b'"id": "torch2.4.0'),
            "is the result of nvidia-h200/580.1/torch2.4.0",
        ),
        (CONTENT.replace(b"H200", b"A100"), "is the result of nvidia-a100/580.1"),
    ],
)
def test_a_file_that_is_none_costs_nothing_else(tmp_path: Path, content: bytes, problem: str) -> None:
    good = shard(tmp_path / "shard-1", replace(RESULT, cell=OTHER))
    bad = shard(tmp_path / "shard-2", RESULT)
    assert content != (bad / PLACE).read_bytes()
    (bad / PLACE).write_bytes(content)
    merged = merge.merge([bad, good], tmp_path / "results")
    assert merged.taken == (OTHER_PLACE,)
    (said,) = merged.problems
    assert said.startswith(f"{bad / PLACE}: ")
    assert problem in said
    assert contents(tmp_path / "results") == contents(good)


def test_a_folder_in_the_place_of_a_file_costs_nothing_else(tmp_path: Path) -> None:
    good = shard(tmp_path / "shard-1", RESULT)
    (good / OTHER_PLACE).mkdir()
    merged = merge.merge([good], tmp_path / "results")
    assert merged.taken == (PLACE,)
    assert "cannot be read: it is a folder, not a file" in merged.problems[0]


def test_a_file_that_is_none_is_not_overwritten(tmp_path: Path) -> None:
    store = shard(tmp_path / "results", RESULT)
    (store / PLACE).write_bytes(b"from a samcheck to come")
    shards = shard(tmp_path / "a", RESULT, replace(RESULT, cell=OTHER))
    merged = merge.merge([shards], store)
    assert merged.taken == (OTHER_PLACE,)
    assert len(merged.problems) == 2
    assert merged.problems[1].startswith(f"{store / PLACE}: stands in the way of a result")
    assert (store / PLACE).read_bytes() == b"from a samcheck to come"


def test_what_is_no_folder_is_refused_before_anything(tmp_path: Path) -> None:
    good = shard(tmp_path / "shard-1", RESULT)
    (tmp_path / "shard-2").mkdir()
    (tmp_path / "shard-2" / "README.md").touch()
    with pytest.raises(BadInput) as refused:
        merge.merge([good, tmp_path / "shard-2", tmp_path / "shard-*"], tmp_path / "results")
    missing, empty = sorted(str(refused.value).splitlines())
    assert missing.startswith(f"{tmp_path}/shard-*: is not a folder")
    assert empty.startswith(f"{tmp_path}/shard-2: has no results")
    assert not (tmp_path / "results").exists()


def test_results_may_be_one_of_the_folders(tmp_path: Path) -> None:
    one = shard(tmp_path / "a", RESULT)
    two = shard(tmp_path / "b", replace(RESULT, finished=LATER))
    assert merge.merge([one, two], one).replaced == (PLACE,)


def test_the_results_of_this_repository_can_be_merged(tmp_path: Path) -> None:
    merged = merge.merge([paths.ROOT / "results"], tmp_path)
    assert merged.taken
    assert not merged.problems


ROWS = st.builds(
    lambda cell, tier, minute, outcome: replace(
        RESULT,
        cell=Cell(f"2.{cell}.0", "cu121", "3.11").record(()),
        tier=tier,
        finished=f"2026-11-22T12:{minute:02}:00+00:00",
        outcome=CellOutcome(outcome),
    ),
    st.integers(0, 3),
    st.sampled_from(["fast", "full"]),
    st.integers(0, 2),
    st.sampled_from(["passed", "failed"]),
)
FOLDERS = st.lists(st.lists(ROWS, min_size=1, max_size=5), min_size=1, max_size=4)


@settings(max_examples=20)
@given(FOLDERS, st.randoms())
def test_neither_order_nor_repetition_matters(folders: list[list[CellResult]], chance: random.Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        shards = [shard(root / f"shard-{index}", *rows) for index, rows in enumerate(folders)]
        first = merge.merge(shards, root / "first")
        chance.shuffle(shards)
        assert merge.merge(shards, root / "second") == first
        joined = contents(root / "first")
        assert contents(root / "second") == joined
        for folder in shards:  # one after the other is the same as all at once
            merge.merge([folder], root / "third")
        assert contents(root / "third") == joined
        again = merge.merge(shards, root / "first")
        assert (again.taken, again.replaced, again.kept) == ((), (), first.taken)
        assert contents(root / "first") == joined


@settings(max_examples=25)
@given(FOLDERS, st.binary(max_size=20), st.data())
def test_a_corrupt_file_loses_nothing_else(
    folders: list[list[CellResult]], junk: bytes, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        shards = [shard(root / f"shard-{index}", *rows) for index, rows in enumerate(folders)]
        merge.merge(shards, root / "whole")
        victim = data.draw(
            st.sampled_from([path for folder in shards for path in sorted(folder.rglob("*.json"))])
        )
        victim.write_bytes(junk)
        merged = merge.merge(shards, root / "torn")
        assert len(merged.problems) == 1
        assert str(victim) in merged.problems[0]
        whole, torn = contents(root / "whole"), contents(root / "torn")
        place = "/".join(victim.parts[-3:])
        whole.pop(place)
        torn.pop(place, None)
        assert torn == whole


def run(*arguments: object) -> Result:
    return CliRunner().invoke(merge_command, [str(argument) for argument in arguments])


def test_the_command_says_what_it_did_and_writes_the_table(tmp_path: Path) -> None:
    one = shard(tmp_path / "shard-1", RESULT)
    two = shard(
        tmp_path / "shard-2", replace(RESULT, cell=OTHER, outcome=CellOutcome.FAILED, reason="1 of 4")
    )
    ended = run(one, two, "--results", tmp_path / "results")
    assert ended.exit_code == 0
    assert f"taken: {PLACE}\n" in ended.output
    assert f"did not pass: {OTHER_PLACE}\n" in ended.output
    assert "2 taken, 0 replaced, 0 kept, 1 did not pass, 0 problems\n" in ended.output
    table = (tmp_path / "results" / "README.md").read_text()
    assert "torch2.4.1-cu121-py3.11" in table
    assert "torch2.15.0-cu132-py3.13" in table


OLD, NEW = (
    LeftOut("torch1.0.0-cu92-py3.6", "no wheels | any more"),
    LeftOut("torch9.0.0-cu140-py3.20", "to come"),
)


def noting(folder: Path, *left_out: LeftOut) -> Path:
    """A folder as a run leaves it."""
    report.write(folder, left_out)
    return folder


def section(store: Path) -> list[str]:
    """What the table says to be left out."""
    text = (store / "README.md").read_text().partition("## Left out of the last run\n\n")[2]
    return text.partition("\n\n")[0].splitlines()


def test_the_table_says_what_every_shard_left_out(tmp_path: Path) -> None:
    """Each once, with all its reasons, but nothing that another shard ran; in any order."""
    spare = [LeftOut(OTHER.id, "spare cells do not run in shards"), LeftOut(NEW.id, "driver 535 is too old")]
    one = noting(shard(tmp_path / "shard-1", RESULT), OLD, NEW, spare[0])
    two = noting(shard(tmp_path / "shard-2", replace(RESULT, cell=OTHER)), *spare[1:], OLD)
    three = shard(tmp_path / "shard-3", replace(RESULT, cell=replace(OTHER, id="torch2.16.0-cu132-py3.13")))
    for name, folders in (("x", (one, two, three)), ("y", (three, two, one, two))):
        assert run(*folders, "--results", tmp_path / name).exit_code == 0
        assert section(tmp_path / name) == [
            "- torch1.0.0-cu92-py3.6: no wheels &#124; any more",
            "- torch9.0.0-cu140-py3.20: driver 535 is too old; to come",
        ]
        assert run("--results", tmp_path / name, tmp_path / name).exit_code == 0
        assert len(section(tmp_path / name)) == 2  # also when it is written again


def test_what_was_left_out_before_is_replaced_by_runs_that_say_something_of_it(tmp_path: Path) -> None:
    store = noting(shard(tmp_path / "results", RESULT), OLD)
    silent = shard(tmp_path / "silent", replace(RESULT, cell=OTHER))
    assert run(silent, "--results", store).exit_code == 0
    assert len(section(store)) == 1
    said = noting(shard(tmp_path / "said", replace(RESULT, cell=OTHER)), NEW)
    assert run(said, "--results", store).exit_code == 0
    assert section(store) == ["- torch9.0.0-cu140-py3.20: to come"]
    ran = shard(tmp_path / "ran", replace(RESULT, cell=replace(OTHER, id=NEW.id)))
    assert run(said, ran, "--results", store).exit_code == 0
    assert section(store) == []


def test_a_torn_note_of_what_was_left_out_is_a_problem(tmp_path: Path) -> None:
    one = noting(shard(tmp_path / "shard-1", RESULT), NEW)
    two = noting(shard(tmp_path / "shard-2", replace(RESULT, cell=OTHER)), OLD)
    (two / left_out_cells.LEFT_OUT).write_text('[{"id": 3')
    ended = run(one, two, "--results", tmp_path / "results")
    assert ended.exit_code == 2
    assert f"samcheck: {two / left_out_cells.LEFT_OUT}: is not a list of left-out cells" in ended.stderr
    assert len(section(tmp_path / "results")) == 1
    (two / left_out_cells.LEFT_OUT).unlink()
    (two / left_out_cells.LEFT_OUT).mkdir()
    assert "is not a list of left-out cells" in run(one, two, "--results", tmp_path / "results").stderr


def test_exit_codes_tell_failures_from_bad_files(tmp_path: Path) -> None:
    passed = shard(tmp_path / "shard-1", RESULT)
    failed = shard(
        tmp_path / "shard-2", replace(RESULT, cell=OTHER, outcome=CellOutcome.BUILD_FAILED, reason="no wheel")
    )
    into = ("--results", tmp_path / "results")
    assert run(passed, *into, "--strict").exit_code == 0
    assert run(failed, *into).exit_code == 0
    assert run(failed, *into, "--strict").exit_code == 1
    assert run(passed, *into, "--strict").exit_code == 0  # what failed is in results, not in the folders
    (failed / OTHER_PLACE).write_bytes(b"")
    ended = run(passed, failed, *into, "--strict")
    assert ended.exit_code == 2
    assert str(failed / OTHER_PLACE) in ended.stderr
    assert run(*into).exit_code == 2


def test_a_shard_that_did_not_come_is_a_problem(tmp_path: Path) -> None:
    one = shard(tmp_path / "shard-1-of-3", RESULT)
    (tmp_path / "shard-2-of-3").mkdir()
    merged = merge.merge([one, tmp_path / "shard-2-of-3"], tmp_path / "results")
    assert merged.taken == (PLACE,)
    assert len(merged.problems) == 2
    assert merged.problems[0].startswith(f"{tmp_path}/shard-2-of-3: has no results")
    assert merged.problems[1] == "shard-3-of-3: is missing: its cells are not in the table"


@pytest.mark.parametrize("there", [1, 2, 3])
def test_the_parts_of_a_fan_out_that_are_missing_are_named(tmp_path: Path, there: int) -> None:
    one = shard(tmp_path / f"shard-{there}-of-3", RESULT)
    merged = merge.merge([one], tmp_path / "results")
    assert merged.problems == tuple(
        f"shard-{number}-of-3: is missing: its cells are not in the table"
        for number in (1, 2, 3)
        if number != there
    )


def test_a_folder_without_results_is_a_problem_with_questions(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    merged = merge.merge([shard(tmp_path / "one", RESULT), tmp_path / "empty"], tmp_path / "results")
    assert merged.problems == (
        f"{tmp_path}/empty: has no results (<device>/<driver>/<cell>.json): did its shard get that far, "
        "and was this its --results folder?",
    )


def test_a_time_without_a_zone_is_one_of_utc(tmp_path: Path) -> None:
    rows = ["2026-11-22T12:29:00+00:00", "2026-11-22T12:30:00", "2026-11-22T13:29:00+01:00"]
    folders = [shard(tmp_path / str(at), replace(RESULT, finished=row)) for at, row in enumerate(rows)]
    merge.merge(folders, tmp_path / "results")
    assert results.read(tmp_path / "results" / PLACE).finished == rows[1]


def test_a_result_that_saw_no_machine_stays_under_the_device_that_it_lies_under(tmp_path: Path) -> None:
    blind = replace(RESULT, observed=None, outcome=CellOutcome.BUILD_FAILED, reason="no wheel")
    one = shard(tmp_path / "one", blind)
    merged = merge.merge([one], tmp_path / "results")
    assert merged.problems == ()
    assert contents(tmp_path / "results") == contents(one)


def test_a_result_may_be_larger_than_files_that_people_write(tmp_path: Path) -> None:
    large = shard(tmp_path / "large", RESULT)
    with (large / PLACE).open("ab") as file:
        file.write(b" " * files.LARGEST)
    assert merge.merge([large], tmp_path / "results").taken == (PLACE,)


def test_a_tier_that_nobody_knows_is_no_less_than_the_largest_one(tmp_path: Path) -> None:
    full = shard(tmp_path / "full", replace(RESULT, tier="full", finished=LATER))
    other = shard(tmp_path / "other", replace(RESULT, tier="nightly"))
    merge.merge([full, other], tmp_path / "results")
    assert results.read(tmp_path / "results" / PLACE).tier == "nightly"
