"""Questions in SQL: right whatever happened to the files since, and within reach of nothing but results."""

from __future__ import annotations

import csv
import io
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from samcheck.__main__ import cli
from samcheck.analysis.query import database, saved_queries
from samcheck.cells import Cell
from samcheck.errors import BadInput, EmptySelection
from samcheck.guest.outcomes import CellOutcome, CheckOutcome
from samcheck.guest.record import CellResult, Series
from samcheck.storage import results
from samcheck.storage.index import index, parquet, parts, tables
from samcheck.storage.index.check_rows import rows
from samcheck.storage.index.parts import Pack, Stamp
from tests.unit import hostile

pytest.importorskip("duckdb")

PASSED = replace(
    hostile.RESULT,
    cell=Cell("2.10.0", "cu128", "3.12").record(()),
    outcome=CellOutcome.PASSED,
    reason="",
    finished="2026-11-25T12:30:00+00:00",
    checks=[
        replace(check, outcome=CheckOutcome.PASSED) if check.outcome == "failed" else check
        for check in hostile.CHECKS
        if check.outcome in ("passed", "known", "fixed", "skipped", "failed")
    ],
)
UNBUILT = replace(
    hostile.RESULT,
    cell=Cell("1.13.1", "cu117", "3.8").record(()),
    outcome=CellOutcome.BUILD_FAILED,
    reason="no Python 3.8",
    observed=None,
    checks=[],
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SAMCHECK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for result in (hostile.RESULT, PASSED, UNBUILT):
        results.store(tmp_path / "results", result, "cpu AMD EPYC")
    return tmp_path / "results"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, as they are read."""
    names: list[str] = []
    really = results.read

    def noted(path: Path) -> CellResult:
        names.append(path.stem)
        return really(path)

    monkeypatch.setattr(results, "read", noted)
    return names


Settle = Callable[[Path], None]


@pytest.fixture
def settle(monkeypatch: pytest.MonkeyPatch) -> Settle:
    """Files may be taken for what they were a moment ago: no test changes one within a tick after this."""

    def settled(_: Path) -> None:
        monkeypatch.setattr(index, "TICK_SECONDS", -1.0)

    return settled


def query(store: Path, question: str, *options: str) -> Result:
    return CliRunner().invoke(cli, ["query", *options, "--results", str(store), "--", question])


def ask(store: Path, sql: str) -> list[dict[str, Any]]:
    done = query(store, sql, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


def refusal(store: Path, question: str, *options: str) -> str:
    done = query(store, question, *options)
    assert isinstance(done.exception, BadInput), (done.output, done.exception)
    assert done.exception.exit_code == 2
    assert not done.stdout.strip("[\n]")
    return str(done.exception)


# What is in the tables.


def test_checks_say_what_the_other_exports_say(store: Path) -> None:
    loaded, _ = results.load(store)
    wanted = [row for stored in loaded for row in rows(stored) if row["check"] is not None]
    names = {tables.NAMES.get(name, name): name for name in wanted[0]}
    answer = ask(store, "FROM checks")
    assert [*answer[0]] == tables.columns("checks")
    own = ("file", "from_ms", "to_ms", "no_time_because")
    said = [{names[key]: value for key, value in row.items() if key not in own} for row in answer]
    assert sorted(map(json.dumps, said)) == sorted(map(json.dumps, wanted))


def test_cells_without_checks_are_cells(store: Path) -> None:
    answer = ask(store, "FROM cells ORDER BY release(torch)")
    assert [*answer[0]] == tables.columns("cells")
    assert [(row["torch"], row["outcome"]) for row in answer] == [
        ("1.13.1", "build-failed"),
        ("2.4.1", "failed"),
        ("2.10.0", "passed"),
    ]
    assert answer[0]["cpu"] is None
    assert answer[1]["cpu"] == "AMD EPYC"


def test_every_number_has_a_row(store: Path) -> None:
    answer = ask(store, "FROM metrics WHERE check_group = 'latency'")
    assert [*answer[0]] == tables.columns("metrics")
    assert [(row["cell"], row["metric"], row["value"]) for row in answer] == [
        (cell, "median_ms", 12.34) for cell in (row["cell"] for row in answer)
    ]
    assert len(answer) == 2


def test_numbers_that_are_none_are_null_in_json(store: Path) -> None:
    """No file has them, but SQL makes some."""
    sql = "SELECT 'nan'::DOUBLE AS a, 'inf'::DOUBLE AS b, 1e-300::DOUBLE AS c FROM cells LIMIT 1"
    assert ask(store, sql) == [{"a": None, "b": None, "c": 1e-300}]


def test_a_file_with_numbers_that_are_none_is_no_result(store: Path) -> None:
    path = results.place(store, hostile.RESULT, "x")
    content = json.loads(results.to_json(hostile.RESULT))
    content["checks"][0]["metrics"] = {"a": float("nan")}
    path.write_text(json.dumps(content))
    done = query(store, "FROM cells", "--json")
    assert done.exit_code == 2
    assert f"{path}: not a samcheck result" in done.stderr
    assert "Invalid JSON" in done.stderr


# What is read.


def test_only_what_is_new_or_changed_is_read_again(store: Path, read: list[str], settle: Settle) -> None:
    settle(store)
    ask(store, "FROM cells")
    assert sorted(read) == sorted(path.stem for path in store.glob("*/*/*.json"))
    read.clear()
    assert len(ask(store, "FROM cells")) == 3
    assert not read
    results.store(store, replace(PASSED, tier="full"), "x")
    assert {row["tier"] for row in ask(store, "FROM cells WHERE outcome = 'passed'")} == {"full"}
    assert set(read) == {PASSED.cell.id}


def test_a_file_that_may_change_unseen_is_read_again(
    store: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "TICK_SECONDS", 1e6)
    for _ in range(2):
        read.clear()
        assert len(ask(store, "FROM cells")) == 3
        assert len(read) == 3


def test_a_file_with_the_time_and_size_of_the_one_before_is_another(store: Path, settle: Settle) -> None:
    settle(store)
    path = results.place(store, PASSED, "x")
    before = path.stat()
    assert ask(store, "SELECT tier FROM cells WHERE outcome = 'passed'") == [{"tier": "fast"}]
    path.write_bytes(path.read_bytes().replace(b'"tier": "fast"', b'"tier": "full"'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert ask(store, "SELECT tier FROM cells WHERE outcome = 'passed'") == [{"tier": "full"}]


def test_what_is_gone_disappears(store: Path) -> None:
    assert len(ask(store, "FROM cells")) == 3
    results.place(store, UNBUILT, "cpu AMD EPYC").unlink()
    assert {row["outcome"] for row in ask(store, "FROM cells")} == {"passed", "failed"}
    for path in store.glob("*/*/*.json"):
        path.unlink()
    assert isinstance(query(store, "FROM cells").exception, EmptySelection)


def test_any_history_of_a_folder_ends_in_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settle: Settle
) -> None:
    """Files come, change and go between questions; parts are so small that they are joined all the time."""
    settle(tmp_path)
    monkeypatch.setattr(parts, "PART", 4)
    monkeypatch.setattr(parts, "FEW", 2)
    chance, root = random.Random(1), tmp_path / "results"
    small = replace(PASSED, checks=PASSED.checks[:2])
    for step in range(12):
        for _ in range(chance.randrange(1, 5)):
            cell = Cell(f"2.{chance.randrange(12)}.0", "cu128", "3.12").record(())
            path = results.store(root, replace(small, cell=cell, reason=str(step)), "x")
            if chance.random() < 0.3 and len(list(path.parent.iterdir())) > 1:
                path.unlink()
        rows, _ = results.load(root)
        wanted = sorted((stored.result.cell.id, stored.result.reason) for stored in rows)
        answer = ask(root, "SELECT cell, reason, (SELECT count(*) FROM checks) AS checks FROM cells")
        assert sorted((row["cell"], row["reason"]) for row in answer) == wanted
        assert {row["checks"] for row in answer} == {2 * len(wanted)}
    files = [path.name for path in index.folder_of(root).iterdir()]
    assert len(files) <= 2 * (2 * len(wanted) // 4 + parts.FEW + 1) + 2


stamps = st.builds(Stamp, st.just(1), st.integers(0, 2), st.just(0))
listings = st.dictionaries(st.sampled_from("abcdefghij"), stamps)


@st.composite
def indexes(draw: st.DrawFn) -> dict[str, dict[str, Stamp]]:
    """Parts that hold each file once, as they do."""
    held: dict[str, dict[str, Stamp]] = {}
    for file, stamp in draw(listings).items():
        held.setdefault(draw(st.sampled_from("1234567")), {})[file] = stamp
    return held


@given(indexes(), listings, st.integers(1, 5), st.integers(0, 3))
def test_each_file_stays_in_one_part_or_is_read(
    held: dict[str, dict[str, Stamp]], there: dict[str, Stamp], part: int, few: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts, "PART", part)
        patched.setattr(parts, "FEW", few)
        stay, packs = parts.settled(held, there)
        todo = parts.unread(held, there)
    after = [*(held[name] for name in stay), *(pack.files for pack in packs)]
    kept = [(file, stamp) for files in after for file, stamp in files.items()]
    assert len(kept) == len({file for file, _ in kept})
    assert all(there.get(file) == stamp for file, stamp in kept)
    assert sorted([*(file for file, _ in kept), *todo]) == sorted(there)
    for pack in packs:
        assert len(pack.files) <= part or len(pack.parts) == 1
        assert all(
            any(held[name].get(file) == stamp for name in pack.parts) for file, stamp in pack.files.items()
        )


def test_many_small_parts_are_joined() -> None:
    held = {str(number): {f"f{number}": Stamp(1, 1, 1)} for number in range(parts.FEW + 1)}
    there = {file: stamp for files in held.values() for file, stamp in files.items()}
    assert parts.settled(held, there) == ([], [Pack(tuple(sorted(held)), there)])
    few = dict(list(held.items())[1:])
    assert parts.settled(few, {f: s for files in few.values() for f, s in files.items()}) == ([*few], [])


def test_files_that_are_no_results_are_said_and_the_others_used(store: Path) -> None:
    bad = store / "cpu-amd-epyc" / "none" / "bad.json"
    bad.write_text("{}")
    for _ in range(2):  # also when the others are known already
        done = query(store, "SELECT count(*) AS n FROM cells", "--json")
        assert isinstance(done.exception, SystemExit)
        assert done.exit_code == 2
        assert json.loads(done.stdout) == [{"n": 3}]
        assert f"samcheck: {bad}: not a samcheck result" in done.stderr
    bad.write_bytes(results.to_json(replace(PASSED, tier="full")))
    assert ask(store, "SELECT count(*) AS n FROM cells") == [{"n": 4}]


def test_a_folder_with_bad_files_only_or_with_none_is_refused(tmp_path: Path) -> None:
    assert "there is no folder" in refusal(tmp_path / "nowhere", "FROM cells")
    bad = tmp_path / "results" / "a" / "b" / "c.json"
    bad.parent.mkdir(parents=True)
    bad.write_text("{")
    assert str(bad) in refusal(tmp_path / "results", "FROM cells")
    bad.unlink()
    assert isinstance(query(tmp_path / "results", "FROM cells").exception, EmptySelection)


def test_a_name_that_is_no_text(store: Path) -> None:
    folder = store / os.fsdecode(b"gpu-\xff") / "none"
    folder.mkdir(parents=True)
    (folder / "x.json").write_bytes(results.to_json(PASSED))
    for _ in range(2):
        assert {"gpu-\\udcff"} < {row["device"] for row in ask(store, "SELECT device FROM cells")}


# The index on the disk.


def test_a_damaged_index_is_made_anew(store: Path, settle: Settle) -> None:
    settle(store)
    ask(store, "FROM cells")
    for path in index.folder_of(store).glob("*.parquet"):
        path.write_bytes(b"PAR1 torn")
    done = query(store, "SELECT count(*) AS n FROM cells", "--json")
    assert json.loads(done.stdout) == [{"n": 3}]
    assert "the index is damaged; rebuilding it" in done.stderr
    for path in index.folder_of(store).glob("*.parquet"):
        path.write_bytes(b"PAR1 torn")
    results.store(store, replace(PASSED, tier="full"), "x")  # so that what is torn has to be made anew
    assert ask(store, "SELECT count(*) AS n FROM cells WHERE tier = 'full'") == [{"n": 1}]
    assert ask(store, "SELECT count(*) AS n FROM cells") == [{"n": 3}]
    (index.folder_of(store) / index.LIST).write_text('{"parts": 3}')
    assert ask(store, "SELECT count(*) AS n FROM cells") == [{"n": 3}]


def test_what_cannot_be_written_is_said_with_its_path(tmp_path: Path) -> None:
    with parquet.connected() as duck, pytest.raises(OSError, match="No such file") as said:
        parquet.copy(duck, "SELECT 1", tmp_path / "nowhere" / "x.parquet")
    assert said.value.filename == str(tmp_path / "nowhere" / "x.parquet")


def test_other_code_makes_another_index(
    store: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "TICK_SECONDS", -1.0)
    ask(store, "FROM cells")
    read.clear()
    monkeypatch.setattr(index, "_maker", lambda: "other")
    assert len(ask(store, "FROM cells")) == 3
    assert len(read) == 3
    assert len(list(index.folder_of(store).glob("*.parquet"))) == 2


def test_what_somebody_reads_is_not_removed(store: Path) -> None:
    with index.current(store, print) as held:
        before = {path.name for path in index.folder_of(store).iterdir()}
        results.store(store, replace(PASSED, tier="full"), "x")
        assert len(ask(store, "FROM cells")) == 3  # brings it up to date
        assert before < {path.name for path in index.folder_of(store).iterdir()}
        with database.opened(held, 2**28) as duck:
            assert duck.execute("SELECT tier FROM cells").fetchall() == [("fast",)] * 3
        assert index.in_use(index.folder_of(store))
        assert index.remove(index.folder_of(store)) == index.IN_USE
    ask(store, "FROM cells")
    assert not before & {path.name for path in index.folder_of(store).glob("*.parquet")}
    assert not index.in_use(index.folder_of(store))
    assert index.remove(index.folder_of(store)) == ""
    assert not index.folder_of(store).exists()


def test_folders_have_indexes_of_their_own(store: Path, tmp_path: Path) -> None:
    results.store(tmp_path / "a" / "results", PASSED, "x")
    assert len(ask(store, "FROM cells")) == 3
    assert len(ask(tmp_path / "a" / "results", "FROM cells")) == 1
    assert len(list(index.home().iterdir())) == 2
    assert index.root_of(index.folder_of(store)) == str(store)


# What SQL can touch.

REFUSED = (
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_parquet('{other}')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM '{other}'",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT (SELECT count(*) FROM read_text('{secret}'))",
    "WITH x AS (FROM read_text('{secret}')) FROM x",
    "SUMMARIZE FROM read_text('{secret}')",
    "DESCRIBE SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM query('FROM read_text(''{secret}'')')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('FROM range(3)'))",
    "SELECT * FROM 'http://127.0.0.1:9/x.parquet'",
    "COPY cells TO '{folder}/made.csv'",
    "COPY (SELECT 1) TO '{part}'",
    "EXPLAIN ANALYZE COPY cells TO '{folder}/made.csv'",
    "EXPORT DATABASE '{folder}/made'",
    "ATTACH '{folder}/made.db'",
    "CREATE TABLE made AS FROM cells",
    "CREATE OR REPLACE VIEW cells AS SELECT 1",
    "DROP VIEW cells",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "PRAGMA enable_profiling",
    "CALL enable_logging()",
    "SELECT * FROM enable_logging(storage_path = '{folder}/made')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM local_variable",
    "SELECT getenv('HOME')",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW cells",
    "-- nothing",
)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an index that is up to date, and something beside them that nobody may read or write."""
    root = tmp_path_factory.mktemp("asked")
    results.store(root / "results", PASSED, "x")
    (root / "elsewhere").mkdir()
    (root / "elsewhere" / "secret.txt").write_text("secret")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SAMCHECK_HOME", str(root / "home"))
        patched.setattr(index, "TICK_SECONDS", -1.0)
        part = _part(root / "results")
        (root / "elsewhere" / "other.parquet").write_bytes(part.read_bytes())
        yield root
        assert _part(root / "results") == part


def _part(store: Path) -> Path:
    assert len(ask(store, "FROM cells")) == 1
    (part,) = index.folder_of(store).glob("*-cells.parquet")
    return part


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_refused(sql: str, asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMCHECK_HOME", str(asked / "home"))
    store, folder = asked / "results", asked / "elsewhere"
    (part,) = index.folder_of(store).glob("*-cells.parquet")
    before, local_variable = contents(asked), [1]
    names = {"secret": folder / "secret.txt", "other": folder / "other.parquet"}
    refusal(store, sql.format(**names, folder=folder, part=part))
    assert contents(asked) == before
    assert local_variable == [1]


@pytest.mark.parametrize("sql", REFUSED)
def test_sql_reaches_nothing_else(sql: str, asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_refused(sql, asked, monkeypatch)


#: What reads or writes files, changes settings or loads extensions.
OUTWARD = [
    sql
    for sql in REFUSED
    if sql.startswith(("SELECT * FROM", "COPY", "SET", "LOAD", "ATTACH", "EXPORT", "INSTALL"))
    and not any(inward in sql for inward in ("duckdb_settings", "json_execute"))
]


@pytest.mark.parametrize("sql", OUTWARD)
def test_duckdb_itself_reaches_nothing_else(sql: str, asked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second lock, were the first one open."""
    monkeypatch.setattr(database, "_require_question", lambda *_: None)
    check_refused(sql, asked, monkeypatch)


def test_a_question_may_be_written_in_many_ways(store: Path) -> None:
    for sql in (
        "FROM cells",
        "WITH few AS (SELECT * FROM cells LIMIT 1) FROM few",
        "SELECT unnest(map_keys(settings)) FROM checks",
        "SELECT pair.key FROM checks, unnest(map_entries(metrics)) AS entry(pair)",
        "DESCRIBE checks",
        "SUMMARIZE cells",
        "SHOW TABLES",
        "PIVOT checks ON outcome IN ('passed', 'failed') USING count(*) GROUP BY cell",
        "SELECT range FROM range(3)",
        "SELECT cell FROM checks WHERE outcome = 'failed' UNION SELECT cell FROM cells;",
    ):
        assert ask(store, sql), sql


# What is wrong is said.


def test_mistakes_are_said_with_their_place(store: Path) -> None:
    assert "LINE 1: SELECT nonsense FROM cells\n               ^^^^^^^^" in refusal(
        store, "SELECT nonsense FROM cells"
    )
    assert 'Did you mean "checks"' in refusal(store, "SELECT * FROM chekcs")
    assert "check_id and check_group" in refusal(store, "SELECT check FROM checks")
    assert "check_id" not in refusal(store, "SELECT , FROM cells GROUP BY cell")
    assert "failing" in refusal(store, "failling")
    assert "SELECT" in refusal(store, "")


def test_an_answer_takes_no_more_memory_than_it_may(store: Path) -> None:
    said = refusal(store, "SELECT list(range) FROM range(30000000)", "--memory", "40MiB", "--json")
    assert said == "the query needs more than 40MiB of memory: narrow it, or raise --memory"
    assert "40" in refusal(store, "FROM cells", "--memory", "40")


def test_a_table_keeps_only_what_it_shows(store: Path) -> None:
    sql = "SELECT repeat('é', 1000000) || range AS n FROM range(40)"
    done = query(store, sql, "--memory", "200MiB")
    assert "(1000002 characters in all)" in done.stdout
    assert "40 rows" in done.stdout


def test_without_duckdb_it_is_said_what_to_install(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert "[query]" in refusal(store, "FROM cells")


def test_two_columns_of_one_name_are_no_object(store: Path) -> None:
    assert "rename them with AS" in refusal(store, "SELECT cell, cell FROM cells", "--json")
    done = query(store, "SELECT 1 AS a, 2 AS a FROM cells LIMIT 1", "--csv")
    assert done.stdout == "a,a\n1,2\n"


# Questions that are ready.


@pytest.mark.parametrize("name", saved_queries.load())
def test_every_ready_question_has_an_answer(name: str, store: Path) -> None:
    assert saved_queries.load()[name].title in CliRunner().invoke(cli, ["query", "--list"]).stdout
    assert ask(store, name)
    assert query(store, name, "--sql").stdout == saved_queries.load()[name].sql
    assert ask(store, query(store, name, "--sql").stdout) == ask(store, name)


def test_failing_says_every_environment_that_did_not_pass(store: Path) -> None:
    failing = [(row["cell"], row["outcome"], row["reason"], row["checks"]) for row in ask(store, "failing")]
    bad = hostile.RESULT.cell.id
    assert failing[0] == (UNBUILT.cell.id, "build-failed", "no Python 3.8", 0)
    assert sorted(failing[1:]) == sorted(
        (bad, outcome, f"because of {outcome}", 1) for outcome in CheckOutcome if outcome.is_bad
    )


def test_newest_takes_the_newest(store: Path) -> None:
    newest = {row["check_id"]: row["cell"] for row in ask(store, "newest")}
    old = {check.check for check in hostile.CHECKS} - {check.check for check in PASSED.checks}
    assert newest == {
        check.check: (hostile.RESULT if check.check in old else PASSED).cell.id for check in hostile.CHECKS
    }


def test_defects_are_told_by_release_not_by_text(store: Path) -> None:
    (defect,) = ask(store, "defects")
    assert (defect["known_in"], defect["from_torch"], defect["to_torch"]) == (2, "2.4.1", "2.10.0")


def test_environments_count_every_check_once(store: Path) -> None:
    environments = ask(store, "environments")
    assert [row["torch"] for row in environments] == ["1.13.1", "2.4.1", "2.10.0"]
    counts = [
        sum(row[name] for name in ("passed", "known", "fixed", "skipped", "bad")) for row in environments
    ]
    assert counts == [0, len(hostile.CHECKS), len(PASSED.checks)]


def test_ready_questions_about_times_and_skips_are_answered(store: Path) -> None:
    assert len(ask(store, "longest")) == len(hostile.CHECKS)
    assert [row["environments"] for row in ask(store, "skipped")] == [2]


def timed(cell: str, *times: float, disturbed: int = 0) -> CellResult:
    """A result with a process for each time, of which the last `disturbed` were disturbed."""
    processes = [
        Series({"wall_ms": [ms]}, 1, 1, "steady", ["shared"] * (len(times) - number <= disturbed))
        for number, ms in enumerate(times)
    ]
    check = next(check for check in hostile.CHECKS if check.group == "latency")
    check = replace(check, series=processes, metrics={"median_ms": max(times)})
    return replace(PASSED, cell=Cell(cell, "cu128", "3.12").record(()), checks=[check])


def test_no_time_without_an_interval_from_undisturbed_processes(tmp_path: Path) -> None:
    for result in (
        timed("2.1.0", 10.0, 10.1, 10.2),
        timed("2.2.0", 20.0, 20.1, 20.1, 90.0, disturbed=1),
        timed("2.3.0", 50.0),
        timed("2.4.0", 50.0, 51.0, disturbed=2),
        timed("2.5.0", 50.0, 99.0),
    ):
        results.store(tmp_path, result, "x")
    slowest = {row["cell"][:10]: row for row in ask(tmp_path, "slowest")}
    assert list(slowest) == [f"torch2.{minor}.0" for minor in (2, 1, 3, 4, 5)]
    limits = {cell: (row["from_ms"], row["to_ms"]) for cell, row in slowest.items()}
    assert limits["torch2.1.0"] == (pytest.approx(9.2, abs=0.1), pytest.approx(11.1, abs=0.1))
    assert limits["torch2.2.0"] == (pytest.approx(18.3, abs=0.1), pytest.approx(22.0, abs=0.1))
    assert [limits[f"torch2.{minor}.0"] for minor in (3, 4, 5)] == [(None, None)] * 3
    assert [row["no_time_because"] for row in slowest.values()] == [
        *(None, None),
        "no interval: one process only (--processes 5 measures it in five)",
        "no interval: none of 2 processes was undisturbed",
        "not measurable on this machine",
    ]
    assert [row["disturbed"] for row in slowest.values()] == [1, 0, 0, 2, 0]


def test_what_ran_once_has_no_range_of_times(store: Path) -> None:
    ranges = {row["times"]: (row["from_s"], row["to_s"]) for row in ask(store, "longest")}
    assert ranges == {1: (None, None), 2: (0.0, 0.0)}


def test_differing_has_what_holds_here_and_fails_there(store: Path) -> None:
    assert ask(store, "differing") == [
        {
            "check_id": "test_dtype.py::test_failed[tiny-fp16]",
            "hold_in": 1,
            "fail_in": 1,
            "known_in": 0,
            "one_of_these": hostile.RESULT.cell.id,
        }
    ]


# How it is shown.


def test_an_answer_as_csv_is_whole_and_as_a_table_is_cut(store: Path) -> None:
    done = query(store, "SELECT cell, metrics, seconds, NULL AS none, 3 AS three FROM checks", "--csv")
    read = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert {row["metrics"] for row in read} >= {"{}", '{"median_ms": 12.34}'}
    assert {(row["none"], row["three"]) for row in read} == {("", "3")}
    shown = query(store, "SELECT cell FROM checks ORDER BY cell", "--rows", "2").stdout
    assert shown.count(hostile.RESULT.cell.id) + shown.count(PASSED.cell.id) == 2
    count = len(hostile.CHECKS) + len(PASSED.checks)
    assert f"the first 2 of {count} rows" in shown
    assert "1 row\n" in query(store, "SELECT 1").stdout


def test_sql_from_standard_input(store: Path) -> None:
    arguments = ["query", "-", "--json", "--results", str(store)]
    done = CliRunner().invoke(cli, arguments, input="SELECT 1 AS one")
    assert json.loads(done.stdout) == [{"one": 1}]
